"""The largest value of a response over frequency, and its -3 dB band, between grid points."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq, minimize_scalar

Size = Callable[[float], float]
# Of the logarithm of frequencies.
_CLOSE = 1e-8
_BAND = 1e-6
# Steeper than this power of the frequency is not flat.
_FLAT = 0.01


@final
@dataclass(frozen=True)
class Peak:
    """Frequencies in Hz; an end of the band is None where it lies outside of the sweep.

    `size` is infinite at a resonance without loss, which has no band.
    """

    frequency: float
    size: float
    band: tuple[float | None, float | None]
    steep: tuple[bool, bool] = (False, False)
    """Whether the response still changes where the sweep begins and where it ends."""


def find_peak(f: Float[np.ndarray, " n"], sizes: Float[np.ndarray, " n"], size: Size) -> Peak:
    """The peak next to the largest of `sizes`, those at the frequencies f; `size` gives others."""
    k = int(np.argmax(sizes))
    left, right = f[max(k - 1, 0)], f[min(k + 1, len(f) - 1)]
    top, at = float(sizes[k]), float(f[k])
    if left < right and top > 0:
        found = minimize_scalar(
            lambda x: -np.log(size(np.exp(x))),
            bounds=(np.log(left), np.log(right)),
            method="bounded",
            options={"xatol": _CLOSE},
        )
        if np.exp(-found.fun) > top:
            top, at = float(np.exp(-found.fun)), float(np.exp(found.x))
            if size(at * (1 + 100 * _CLOSE)) < top / 2:
                return Peak(at, np.inf, (None, None))
    low = sizes < top / np.sqrt(2)
    below, above = f[low & (f < at)][-1:], f[low & (f > at)][:1]
    band = (_crossing(size, top, at, *below), _crossing(size, top, at, *above))
    return Peak(at, top, band, (_is_steep(f[:2], sizes[:2]), _is_steep(f[-2:], sizes[-2:])))


def _is_steep(f, sizes) -> bool:
    if len(f) < 2 or not np.all(sizes > 0):
        return False
    return bool(abs(np.diff(np.log(sizes))[0]) > _FLAT * np.diff(np.log(f))[0])


def _crossing(size: Size, top: float, at: float, end: float | None = None) -> float | None:
    """Between the peak and a frequency where the size is below 1 / sqrt(2) of it."""
    if end is None:
        return None
    found: Any = brentq(lambda f: size(f) - top / np.sqrt(2), end, at, rtol=np.float64(_BAND))
    return float(found)
