"""Long series drawn with few points: the smallest and the largest of each window stay."""

import itertools

import numpy as np
from jaxtyping import Float

WINDOWS = 2000


def thin(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], windows: int = WINDOWS
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """At most 2 `windows` + 2 points of a curve, ends and extremes among them, in their order.

    A curve that short is returned as it is. Points that are not finite leave a gap only where
    a whole window has no other.
    """
    if len(x) <= 2 * windows + 2:
        return x, y
    low, high = np.where(np.isfinite(y), y, np.inf), np.where(np.isfinite(y), y, -np.inf)
    edges = np.linspace(0, len(x), windows + 1).astype(int)
    kept = {0, len(x) - 1}
    for start, stop in itertools.pairwise(edges):
        kept |= {start + int(np.argmin(low[start:stop])), start + int(np.argmax(high[start:stop]))}
    at = np.array(sorted(kept))
    return x[at], y[at]
