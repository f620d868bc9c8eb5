"""The best size of a nudge: large ones are biased, small ones drown in noise.

Two-sided echoes err by a epsilon^2, and noise of what is read by s / epsilon. In the mean square,
err^2 = (a epsilon^2)^2 + (s / epsilon)^2 is least at epsilon = (s^2 / 2 a^2)^(1/6).
"""

from typing import final

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ._fidelity import Machines, echo_fidelity
from ._imperfect_echo import EchoErrors


@final
class NudgeSize(eqx.Module):
    """Errors over `epsilons` [E], for read-out noise of several `levels` [M]."""

    epsilons: Float[np.ndarray, " E"]
    levels: Float[np.ndarray, " M"]
    bias: Float[np.ndarray, " E"]
    """The relative error without noise."""
    errors: Float[np.ndarray, "M E"]
    """The relative error with noise, its root mean square over seeds."""
    curvature: float
    """a: the bias is a epsilon^2 (NaN where there is none to be seen)."""
    noise: float
    """s over the level: noise of that level errs by s / epsilon."""

    @property
    def predicted(self) -> Float[np.ndarray, " M"]:
        """The best epsilon from a and s."""
        return ((self.noise * self.levels) ** 2 / (2 * self.curvature**2)) ** (1 / 6)

    @property
    def measured(self) -> Float[np.ndarray, " M"]:
        """The epsilon of the least error, between grid points by a parabola; NaN at an end."""
        return np.array([_valley(np.log(self.epsilons), np.log(e)) for e in self.errors])

    @property
    def slope(self) -> float:
        """d log(best epsilon) / d log(noise), which theory says is 1/3; NaN if unseen."""
        known = np.isfinite(self.measured)
        if known.sum() < 2:
            return float("nan")
        return float(np.polyfit(np.log(self.levels[known]), np.log(self.measured[known]), 1)[0])


def nudge_size(
    machines: Machines,
    levels: Float[np.ndarray, " M"],
    epsilons: Float[np.ndarray, " E"],
    seeds: int = 16,
) -> NudgeSize:
    """Measure bias and noise of machines whose readings are noisy, but which are ideal else.

    a and s are fitted where either rules: without noise, and at the smallest epsilon.
    """
    epsilons, levels = np.sort(np.asarray(epsilons, float)), np.sort(np.asarray(levels, float))
    noise = np.repeat([0.0, *levels], len(epsilons))
    errors = EchoErrors(np.tile(epsilons, len(levels) + 1), readout_noise=noise)
    found = echo_fidelity(machines, errors, seeds).error.reshape(-1, len(epsilons))
    bias, noisy = found[0], found[1:]
    s = float(np.median(noisy[:, 0] * epsilons[0] / levels))
    return NudgeSize(epsilons, levels, bias, noisy, _curvature(epsilons, bias), s)


def _curvature(epsilons, bias) -> float:
    """a, where the bias goes most nearly as epsilon^2: above rounding, before it saturates."""
    # What diverged is as good as infinite, and two of them have no slope.
    capped = np.clip(bias, 1e-300, 1e300)
    slopes = np.diff(np.log(capped)) / np.diff(np.log(epsilons))
    at = int(np.argmin(np.abs(slopes - 2)))
    if abs(slopes[at] - 2) > 0.2:
        return float("nan")
    ends = bias[at : at + 2] / epsilons[at : at + 2] ** 2
    return float(np.sqrt(np.prod(ends)))


def _valley(x, y) -> float:
    """exp of the x of the least y, refined by a parabola; NaN where it is at an end."""
    at = int(np.argmin(y))
    if not 0 < at < len(x) - 1 or not np.all(np.isfinite(y[at - 1 : at + 2])):
        return float("nan")
    a, b, _ = np.polyfit(x[at - 1 : at + 2] - x[at], y[at - 1 : at + 2], 2)
    return float(np.exp(x[at] - b / (2 * a)))
