"""The analyses that a netlist asks for."""

from dataclasses import dataclass, field
from typing import final

from .._errors import Location


@final
@dataclass(frozen=True, slots=True)
class Tran:
    """The step to report at and when to stop, in s.

    Reports begin at ``start``; no integration step is longer than ``max_step`` (None: no
    such bound).
    """

    step: float
    stop: float
    start: float = 0.0
    max_step: float | None = None
    location: Location | None = field(default=None, compare=False)


@final
@dataclass(frozen=True, slots=True)
class Ac:
    """Frequencies (Hz) from ``start`` to ``stop``: ``points`` a decade, an octave or in all.

    ``spacing`` is "dec", "oct" or "lin".
    """

    spacing: str
    points: int
    start: float
    stop: float
    location: Location | None = field(default=None, compare=False)


@final
@dataclass(frozen=True, slots=True)
class Tolerance:
    """How values spread in production: ``.tolerance C*=5% dist=gauss``.

    ``pattern`` is an element's name, with `*` and `?` as wildcards, in lower case.
    ``relative`` is the standard deviation of a "gauss" distribution, the half width of a
    "uniform" one, as a part of the value.
    """

    pattern: str
    relative: float
    distribution: str = "gauss"
    location: Location | None = field(default=None, compare=False)
