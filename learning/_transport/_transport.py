"""How small changes of a state, and with them credit, are carried over a lag.

M = J_{s+h-1} ... J_s takes a change of z_s to one of z_{s+h}; its transpose takes a cost's
gradient back. Its gain, anisotropy, phase and determinant tell what can be learned at the lag h.
"""

from collections.abc import Callable, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from physsim import DivergenceError

from ._maps import Map, check_map, check_reverse, check_states, jacobian_of, prepared
from ._modes import MapModes, map_modes
from ._products import ScaledMatrix, identity, times
from ._sensitivity import sensitivity_by_lag, window_ends
from ._spectrum import Anisotropy, anisotropy, principal_angles

Metric = Float[Array, "rows columns"] | Callable[[Any], Any] | None
_FOR_MEAN = 64


@final
class Transport(eqx.Module):
    """Transport over `lags` [L] in windows that start at the states `starts` [W]."""

    lags: Int[np.ndarray, " L"]
    starts: Int[np.ndarray, " W"]
    log_gain: Float[Array, "L W"]
    """ln of the largest singular value in the metric."""
    log_gain_euclidean: Float[Array, "L W"]
    singular: Float[Array, "L W n"]
    """Singular values in the metric, relative to the first. Below 1e-16 they are rounding."""
    inward: Float[Array, "L W n k"]
    """Right singular vectors (of the window's start) to the k largest, in the metric."""
    log_det: Float[Array, "L W"]
    """ln |det M|, summed step by step."""
    modes: MapModes | None
    modal_log_modulus: Float[Array, "L W modes"] | None
    """ln |w^H M v|: the effective learning rate of a mode."""
    modal_phase: Float[Array, "L W modes"] | None
    """arg w^H M v in (-pi, pi]: the phase at which its credit arrives."""
    sensitivity: PyTree
    """g^T M dF/dtheta for F's parameters, each [L, ...]: root mean square over windows that end
    at the same states for all lags."""

    def effective_rates(self) -> Float[np.ndarray, " L"]:
        """mu(h): the median gain over windows at each lag, over that at lag 1.

        Raises `ValueError` where lag 1 is not among the lags.
        """
        if self.lags[0] != 1:
            raise ValueError("effective learning rates are relative to lag 1: add it to the lags")
        median = np.median(np.asarray(self.log_gain), axis=1)
        return np.exp(median - median[0])

    def anisotropy(self, top: int = 10) -> Anisotropy:
        """Of the operator at each lag and window [L, W]."""
        return anisotropy(self.singular, top)

    def angles(self) -> Float[Array, "pairs W k"]:
        """Principal angles between what is carried from the start over one lag and the next."""
        return principal_angles(self.inward[:-1], self.inward[1:])

    def contraction(self) -> Float[Array, "L W"]:
        """ln |det M| / lag: 0 where volumes are kept, negative with losses."""
        return self.log_det / jnp.asarray(self.lags, self.log_det.dtype)[:, None]

    def frequency_shear(self) -> Float[Array, "L W"]:
        """(sigma_1 - 1 / sigma_1) / lag: A d omega / d A per step, of lossless oscillations.

        A shear by s, what a frequency that depends on the amplitude A makes of neighbours, has
        singular values of product 1 and difference |s|, in coordinates (dA, A d phase).
        """
        lags = jnp.asarray(self.lags, self.log_gain.dtype)[:, None]
        return 2 * jnp.sinh(self.log_gain) / lags


def transport(
    F: Map,
    states: Float[Array, "states n"],
    inputs: PyTree,
    lags: Sequence[int] | Int[np.ndarray, " lags"],
    metric: Metric = None,
    *,
    cotangent: Callable[[Any], Any] | Float[Array, "*states n"] | None = None,
    parameters: PyTree = eqx.is_inexact_array,
    windows: int = 16,
    top: int = 10,
    modes: MapModes | bool = True,
) -> Transport:
    """Transport along a run `states` of z' = F(z, x), x being `inputs[t]`.

    At most `windows` windows start evenly spread along the run; they are walked through side by
    side, step by step, so memory does not grow with the lags. `metric` is symmetric and positive
    definite, a matrix or a function of the state, identity if None. `cotangent` g [n] (or z -> g,
    or one a state [states, n]) is the gradient of a cost by the state at a window's end; with it
    comes the sensitivity, by lag, to the `parameters` of F (a filter, or a tree of booleans like
    F) in the step before the window. Its windows end where the cost feels the state. `modes` are
    those of the run's mean Jacobian, or given, or left out (False).

    Raises `ValueError` for lags below 1 or beyond the run, a metric that is not positive
    definite, maps without derivative or parameters, and modes that do not exist;
    `physsim.DivergenceError` for states or Jacobians that are not finite.
    """
    states = jnp.asarray(states)
    check_states(states, inputs)
    lags = check_lags(lags, len(states) - 1)
    first = jax.tree.map(lambda x: x[0], inputs)
    check_map(F, states[0], first)
    if cotangent is not None:
        check_reverse(F, states[0], first)
    starts = window_starts(len(states) - 1, int(lags[-1]), windows)
    learned, fixed = eqx.partition(F, parameters)
    if cotangent is not None and not jax.tree.leaves(learned):
        raise ValueError(f"{type(F).__name__} has no parameters to be sensitive to")
    if modes is True:
        modes = map_modes(mean_jacobian(F, states, inputs))
    roots = metric_roots(metric, states, starts, lags)
    found = _walk(F, states, inputs, jnp.asarray(starts), jnp.asarray(lags), roots, modes or None,
                  min(top, states.shape[1]))  # fmt: skip
    sensitivity = None
    if cotangent is not None:
        g = _each_state(cotangent, states)
        ends = window_ends(np.any(np.asarray(g) != 0, axis=1), int(lags[-1]), windows)
        sensitivity = sensitivity_by_lag(learned, fixed, states, inputs, jnp.asarray(lags),
                                         jnp.asarray(ends), g[ends])  # fmt: skip
    result = Transport(lags, starts, *found[:5], modes or None, *found[5:], sensitivity)
    if not np.all(np.isfinite(np.asarray(result.log_gain_euclidean))):
        raise _not_finite(result)
    return result


def check_lags(lags: Sequence[int] | Int[np.ndarray, " lags"], steps: int) -> Int[np.ndarray, " L"]:
    """Sorted lags; `ValueError` unless they are whole and 1 to `steps` - 1."""
    given = np.unique(np.asarray(lags))
    if not given.size:
        raise ValueError("no lags are given")
    if given[0] < 1:
        raise ValueError(f"a lag is at least 1 step, got {given[0]}")
    if given[-1] >= steps:
        raise ValueError(
            f"a window of {given[-1]} steps is longer than the run: with {steps} steps lags go up "
            f"to {steps - 1}"
        )
    return given


def window_starts(steps: int, longest: int, windows: int) -> Int[np.ndarray, " W"]:
    """At most `windows` states, none of them the first, with `longest` steps after them."""
    if windows < 1:
        raise ValueError(f"windows must be at least 1, got {windows}")
    return np.unique(np.linspace(1, steps - longest, windows).astype(int))


@eqx.filter_jit
def mean_jacobian(F: Map, states: Float[Array, "states n"], inputs: PyTree) -> Float[Array, "n n"]:
    """The mean of dF/dz over at most 64 steps, evenly spread along a run.

    `states` [T + 1, n] and `inputs` (leading axis [T]) are those of `run_map`. An entry [i, j] has
    the unit of z_i over that of z_j. Its modes are the run's in `transport`, which also checks
    what it is given; here nothing is checked.
    """
    steps = len(states) - 1
    at = np.unique(np.linspace(0, steps - 1, _FOR_MEAN).astype(int))
    xs = jax.tree.map(lambda x: x[at], inputs)
    return jnp.mean(jax.vmap(jacobian_of(prepared(F)))(states[at], xs), axis=0)


def metric_roots(metric: Metric, states, starts, lags):
    """(L_start^-T, L_end^T) with metric = L L^T, of each window [W, ...] and end [L, W, ...].

    None for the identity. Raises `ValueError` where the metric is not positive definite.
    """
    if metric is None:
        return None
    ends = starts[None, :] + lags[:, None]
    if callable(metric):
        first, last = _each(metric, states[starts]), _each(metric, states[ends])
    else:
        n = states.shape[1]
        if metric.shape != (n, n):
            raise ValueError(f"the metric must have shape ({n}, {n}), got {metric.shape}")
        first, last = metric[None], metric[None, None]
    for name, matrices, at in (("starts", first, starts), ("ends", last, ends)):
        _check_definite(np.asarray(matrices), name, at)
    upper = jnp.swapaxes(jnp.linalg.cholesky(first), -1, -2)
    back = jnp.broadcast_to(jnp.linalg.inv(upper), (len(starts), *upper.shape[1:]))
    upper = jnp.swapaxes(jnp.linalg.cholesky(last), -1, -2)
    return back, jnp.broadcast_to(upper, (*ends.shape, *upper.shape[-2:]))


def _check_definite(matrices, name, at):
    values = np.linalg.eigvalsh((matrices + np.swapaxes(matrices, -1, -2)) / 2)
    small = values[..., 0] <= values.shape[-1] * np.finfo(values.dtype).eps * values[..., -1]
    if not np.all(np.isfinite(values)) or small.any():
        which = np.argwhere(small | ~np.isfinite(values).all(-1))[0]
        where = f" where a window {name}, at state {at[tuple(which)]}" if small.size > 1 else ""
        raise ValueError(
            f"the metric is singular or not positive definite{where} (eigenvalues "
            f"{values[tuple(which)][0]:.3g} to {values[tuple(which)][-1]:.3g}): leave out "
            "directions without energy (live_basis), or take the metric at a state of rest"
        )


def _each_state(cotangent, states):
    """g [states, n]."""
    if callable(cotangent):
        return _each(cotangent, states)
    if cotangent.shape not in (states.shape, states.shape[1:]):
        raise ValueError(
            f"the cotangent must have shape {states.shape[1:]}, or {states.shape} with one a "
            f"state; got {cotangent.shape}"
        )
    return jnp.broadcast_to(cotangent, states.shape)


@eqx.filter_jit
def _each(function, states):
    lifted = function
    for _ in range(states.ndim - 1):
        lifted = jax.vmap(lifted)
    return lifted(states)


@eqx.filter_jit
def _walk(F, states, inputs, starts, lags, roots, modes, top):
    """Summaries at each lag, the windows side by side."""
    n, dtype, count = states.shape[1], states.dtype, len(starts)
    jacobian = jacobian_of(prepared(F))

    def step(j, carry):
        product, log_det = carry
        x = jax.tree.map(lambda x: x[starts + j], inputs)
        J = jax.vmap(jacobian)(states[starts + j], x)
        return times(J, product), log_det + jnp.linalg.slogdet(J)[1]

    def to_lag(carry, at):
        (begin, walked), (stop, end_roots) = carry, at
        walked = jax.lax.fori_loop(begin, stop, step, walked)
        M, log_det = walked
        start_roots = None if roots is None else roots[0]
        return (stop, walked), (*_gains(M, start_roots, end_roots, top), log_det, *_modal(M, modes))

    walked = (identity((count, n, n), dtype), jnp.zeros(count, dtype))
    xs = (lags, None if roots is None else roots[1])
    return jax.lax.scan(to_lag, (jnp.zeros((), lags.dtype), walked), xs)[1]


def _gains(M: ScaledMatrix, start_roots, end_roots, top):
    """ln gain in the metric and without, relative singular values, inward directions."""
    plain = jnp.linalg.svd(M.matrix, compute_uv=False)[:, 0]
    measured = M.matrix if end_roots is None else end_roots @ M.matrix @ start_roots
    _, sigma, right = jnp.linalg.svd(measured, full_matrices=False)
    log_gain = jnp.log(sigma[:, 0]) + M.log_scale
    relative = sigma / sigma[:, :1]
    inward = jnp.swapaxes(right, -1, -2)[..., :top]
    return log_gain, jnp.log(plain) + M.log_scale, relative, inward


def _modal(M: ScaledMatrix, modes: MapModes | None):
    if modes is None:
        return None, None
    rates = jnp.einsum("nk,wnm,mk->wk", modes.left.conj(), M.matrix.astype(modes.left.dtype),
                       modes.right)  # fmt: skip
    return jnp.log(jnp.abs(rates)) + M.log_scale[:, None], jnp.angle(rates)


def _not_finite(result: Transport) -> Exception:
    lag, window = np.argwhere(~np.isfinite(np.asarray(result.log_gain_euclidean)))[0]
    return DivergenceError(
        f"the Jacobians from state {result.starts[window]} over {result.lags[lag]} steps are not "
        "finite, or carry nothing: F is not differentiable along this run"
    )
