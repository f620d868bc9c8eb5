"""What sources do at rest and in a small-signal analysis."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex, Float

from ._elements import CurrentSource, VoltageSource
from ._waveforms import DC, PWL, Sin, Waveform

Source = VoltageSource | CurrentSource


def values_at_rest(sources: Sequence[Source]) -> Float[np.ndarray, " m"]:
    """In V or A: the values at t = 0, of a SIN the offset, of PULSE and EXP the initial value."""
    return np.array([_at_rest(e.waveform) for e in sources], float)


def amplitudes(sources: Sequence[Source]) -> Complex[np.ndarray, " m"]:
    """The complex AC amplitudes, in V or A."""
    pairs = np.array([e.ac for e in sources], float).reshape(-1, 2)
    return pairs[:, 0] * np.exp(1j * np.deg2rad(pairs[:, 1]))


def _at_rest(waveform: Waveform) -> float:
    match waveform:
        case DC():
            return waveform.value
        case Sin():
            return waveform.offset
        case PWL():
            return float(np.interp(0.0, waveform.times, waveform.values))
        case _:
            return waveform.initial
