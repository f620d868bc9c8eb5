"""Free runs over windows, each from a start of its own: what forcing biases is put right."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._problem import GreyBox
from ._sensitivity import Sensitivity

_ITERATIONS = 30
_HALVINGS = 8
_RANK = 1e-7


@final
class Shot(NamedTuple):
    """The best values, and whether the search came to its end."""

    logs: np.ndarray
    starts: np.ndarray
    residuals: np.ndarray
    """[windows, W, N]"""
    sensitivity: Sensitivity
    converged: bool
    iterations: int


@final
class Shooting:
    """Gauss-Newton over values [P] and the starts of all windows [windows, M].

    A window's start is its own business: it is eliminated, window by window, before the values
    are solved for. Without noise in the dynamics this is the maximum-likelihood estimate; the
    forced fit is not, since it steers the run by noise.

    Source: Bock, in Modelling of Chemical Reaction Systems (1981), multiple shooting.
    """

    def __init__(self, box: GreyBox, length: int):
        self.box = box
        self.inputs, self.data = box.windows(length)
        self._residuals = eqx.filter_jit(self._all)
        self._derivatives = eqx.filter_jit(self._all_derivatives)

    def _all(self, logs, starts):
        return jax.vmap(self.box.free, (None, 0, 0, 0))(logs, starts, self.inputs, self.data)

    def _all_derivatives(self, logs, starts):
        by_both = jax.jacfwd(self.box.free, (0, 1))
        return jax.vmap(by_both, (None, 0, 0, 0))(logs, starts, self.inputs, self.data)

    def cost(self, logs, starts) -> tuple[float, np.ndarray]:
        """(sum of squares, residuals); infinite where a run diverges."""
        found = np.asarray(self._residuals(jnp.asarray(logs), jnp.asarray(starts)))
        total = float(np.sum(found**2)) if np.all(np.isfinite(found)) else np.inf
        return total, found

    def fit(self, logs: np.ndarray, starts: np.ndarray, tolerance: float = 1e-7) -> Shot:
        """From a forced fit; ends where values change by less than `tolerance`."""
        total, residuals = self.cost(logs, starts)
        converged, iteration = False, 0
        table: Any = None
        while iteration < _ITERATIONS and np.isfinite(total) and not converged:
            step, moves, table = self._step(logs, starts, residuals)
            taken = self._line(logs, starts, step, moves, total)
            iteration += 1
            if taken is None:
                # No descent along an exact Gauss-Newton step: the bottom, to rounding.
                converged = bool(np.max(np.abs(step)) < 1e-3)
                break
            size, total, residuals = taken
            logs, starts = logs + size * step, starts + size * moves
            converged = bool(np.max(np.abs(step)) < tolerance)
        if np.isfinite(total):
            table = self._step(logs, starts, residuals)[2]
        return Shot(logs, starts, residuals, table, converged, iteration)

    def _line(self, logs, starts, step, moves, total):
        """(the share of the step that lowers the cost, the cost, residuals), or None."""
        for halving in range(_HALVINGS):
            size = 0.5**halving
            found, residuals = self.cost(logs + size * step, starts + size * moves)
            if found < total:
                return size, found, residuals
        return None

    def _step(self, logs, starts, residuals):
        """(step of the values, of the starts, what the values' own columns are)."""
        by_logs, by_starts = (
            np.asarray(x) for x in self._derivatives(jnp.asarray(logs), jnp.asarray(starts))
        )
        count = len(self.data)
        own = by_logs.reshape(count, -1, len(logs))
        theirs = by_starts.reshape(count, own.shape[1], -1)
        r = residuals.reshape(count, -1)
        inverse = np.linalg.pinv(theirs, rcond=_RANK)
        own_left = own - theirs @ (inverse @ own)
        r_left = r - np.einsum("wij,wj->wi", theirs, np.einsum("wij,wj->wi", inverse, r))
        matrix = own_left.reshape(-1, len(logs))
        step = np.linalg.lstsq(matrix, -r_left.ravel(), rcond=_RANK)[0]
        moves = -np.einsum("wij,wj->wi", inverse, r + own @ step)
        singular = np.linalg.svd(matrix, compute_uv=False)
        return step, moves, Sensitivity(matrix, self.box.names, singular)
