"""The transient analysis that a netlist asks for."""

from dataclasses import dataclass, field

from .._errors import Location


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
