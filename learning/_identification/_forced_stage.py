"""Least squares over forced runs, under forcing that becomes weaker."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from ._problem import GreyBox
from ._sensitivity import check_sensitivity, sensitivity

_EVALUATIONS = 100
_FAR = 1e6


class IdentifyError(ArithmeticError):
    """Values that could not be found; says why, and what to try."""


@final
class Forced:
    """Residuals of forced runs and their derivatives, compiled, of one flat point: the
    logarithms of the values' factors, then the deviation of the start."""

    def __init__(self, box: GreyBox):
        count = len(box.names)

        def flat(p, alpha):
            return box.forced(p[:count], p[count:], alpha)[0]

        self.box = box
        self._residuals = eqx.filter_jit(flat)
        self._jacobian = eqx.filter_jit(jax.jacfwd(flat))

    def residuals(self, point, alpha: float) -> np.ndarray:
        """[T N]; large where the run diverges, so that a search turns back."""
        found = np.asarray(self._residuals(jnp.asarray(point), jnp.asarray(alpha))).ravel()
        return np.where(np.abs(found) < _FAR, found, _FAR)

    def jacobian(self, point, alpha: float) -> np.ndarray:
        """[T N, P + M]"""
        found = np.asarray(self._jacobian(jnp.asarray(point), jnp.asarray(alpha)))
        if not np.all(np.isfinite(found)):
            raise IdentifyError(
                f"derivatives are not finite at alpha = {alpha:.3g}: the run diverges. Try a "
                "larger alpha, or starts nearer to the values"
            )
        return found.reshape(-1, len(point))

    def check_rank(self, point, alpha: float) -> None:
        """`ValueError` that names values which can't be told."""
        check_sensitivity(sensitivity(self.jacobian(point, alpha), self.box.names))


def fit_forced(
    box: GreyBox, first: float, last: float, told: Callable[..., None]
) -> tuple[np.ndarray, int]:
    """(the best flat point, how many runs it took)."""
    forced, runs = Forced(box), 0
    point = np.zeros(len(box.names) + box.states)
    forced.check_rank(point, max(first, last))
    for alpha in stages(first, last):

        def residuals(p, alpha=alpha):
            found = forced.residuals(p, alpha)
            told(0, note=f"alpha {alpha:.3g}, rms {np.sqrt(np.mean(found**2)):.2e}")
            return found

        slope: Any = lambda p, alpha=alpha: forced.jacobian(p, alpha)  # noqa: E731
        found = least_squares(
            residuals, point, slope,
            x_scale="jac", max_nfev=_EVALUATIONS, xtol=1e-6, ftol=1e-6,
        )  # fmt: skip
        if found.status == 0:
            raise IdentifyError(
                f"no fit after {found.nfev} runs at alpha = {alpha:.3g} (rms residual "
                f"{np.sqrt(np.mean(found.fun**2)):.3g} of the signals'): try a larger alpha, or "
                "starts nearer to the values"
            )
        point, runs = found.x, runs + found.nfev
        told(1)
    return point, runs


def stages(first: float, last: float) -> tuple[float, ...]:
    """first, first / 2, ... down to last."""
    found = []
    while first > max(2 * last, 1e-3) * (1 - 1e-9):
        found.append(first)
        first /= 2
    return (*found, last)
