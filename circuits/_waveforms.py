"""Waveforms of current sources, in A and s, with ngspice's meaning."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DC:
    """A constant current, in A."""

    value: float


@dataclass(frozen=True, slots=True)
class Sin:
    """offset + amplitude exp(-damping (t - delay)) sin(2 pi frequency (t - delay) + phase).

    Before ``delay`` (s) the current is offset + amplitude sin(phase). Currents in A,
    ``frequency`` in Hz, ``damping`` in 1/s, ``phase`` in degrees.
    """

    offset: float
    amplitude: float
    frequency: float
    delay: float = 0.0
    damping: float = 0.0
    phase: float = 0.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """``initial`` until ``delay``, a ramp of ``rise`` to ``pulsed`` held for ``width``, a ramp of
    ``fall`` back; again every ``period``, or once where it is None. Currents in A, times in s.
    """

    initial: float
    pulsed: float
    delay: float
    rise: float
    fall: float
    width: float
    period: float | None = None


@dataclass(frozen=True, slots=True)
class PWL:
    """Straight lines through (``times`` in s, ``values`` in A), constant before and after."""

    times: tuple[float, ...]
    values: tuple[float, ...]


Waveform = DC | Sin | Pulse | PWL
