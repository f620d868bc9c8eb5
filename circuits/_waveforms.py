"""Waveforms of sources, in A or V and s, with ngspice's meaning."""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class DC:
    """A constant, in A or V."""

    value: float


@final
@dataclass(frozen=True, slots=True)
class Sin:
    """offset + amplitude exp(-damping (t - delay)) sin(2 pi frequency (t - delay) + phase).

    Before ``delay`` (s) the value is offset + amplitude sin(phase). Values in A or V,
    ``frequency`` in Hz, ``damping`` in 1/s, ``phase`` in degrees.
    """

    offset: float
    amplitude: float
    frequency: float
    delay: float = 0.0
    damping: float = 0.0
    phase: float = 0.0


@final
@dataclass(frozen=True, slots=True)
class Pulse:
    """``initial`` until ``delay``, a ramp of ``rise`` to ``pulsed`` held for ``width``, a ramp of
    ``fall`` back; again every ``period``, or once where it is None. Values in A or V, times in s.
    """

    initial: float
    pulsed: float
    delay: float
    rise: float
    fall: float
    width: float
    period: float | None = None


@final
@dataclass(frozen=True, slots=True)
class PWL:
    """Straight lines through (``times`` in s, ``values`` in A or V), constant before and after."""

    times: tuple[float, ...]
    values: tuple[float, ...]


@final
@dataclass(frozen=True, slots=True)
class Exp:
    """``initial`` until ``delay``, then towards ``pulsed`` with ``rise`` as time constant, and from
    ``fall_delay`` on back with ``fall``. Values in A or V, times in s.

        initial + (pulsed - initial) (1 - exp(-(t - delay) / rise))                  t > delay
                + (initial - pulsed) (1 - exp(-(t - fall_delay) / fall))             t > fall_delay
    """

    initial: float
    pulsed: float
    delay: float
    rise: float
    fall_delay: float
    fall: float


Waveform = DC | Sin | Pulse | PWL | Exp
