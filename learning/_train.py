"""Training parameters by gradient descent on the cost of a run."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, PyTree

from physsim import AbstractHamiltonian, AbstractSolver, DivergenceError, Inputs, progress_bar

from ._gradient import AbstractGradient, Cost, InitialState
from ._rhel import ReversibleAdjoint


@final
class Fit(eqx.Module):
    """What training leaves: the best Hamiltonian seen and the loss before each update."""

    hamiltonian: AbstractHamiltonian
    losses: Float[np.ndarray, " iterations"]
    interrupted: bool = eqx.field(static=True)

    @property
    def best(self) -> float:
        return float(np.min(self.losses))


def fit(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: InitialState,
    cost: Cost,
    *,
    dt: float,
    num_steps: int,
    inputs: Inputs = None,
    targets: Any = None,
    method: AbstractGradient | None = None,
    optimiser: optax.GradientTransformation | None = None,
    iterations: int = 300,
    trainable: PyTree | None = None,
    positive: PyTree | None = None,
    tolerance: float | None = None,
    progress: bool = True,
    callback: Callable[..., None] | None = None,
) -> Fit:
    """Minimise the summed cost over the parameters of `H`.

    `trainable` and `positive` have the shape of `H` with boolean arrays (or booleans) as
    leaves: which entries change, and which are kept positive by training their logarithm.
    Default: all, none. `method` defaults to the reversible adjoint, `optimiser` to Adam at
    0.02. Stops after `iterations`, at a loss of at most `tolerance`, on Ctrl-C, or with a
    warning where an update made the run diverge; what was learned until then is returned.
    `callback(i, loss, H)` is called before each update.

    Raises `ValueError` for arguments that don't fit, `physsim.DivergenceError` where the run
    diverges from the start.
    """
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    method = ReversibleAdjoint() if method is None else method
    optimiser = optax.adam(0.02) if optimiser is None else optimiser
    trainable = _mask(H, trainable, default=True)
    positive = _mask(H, positive, default=False)
    _check_positive(H, positive)
    options = {"dt": dt, "num_steps": num_steps, "inputs": inputs, "targets": targets}
    z = _to_free(H, positive)
    state = optimiser.init(z)
    losses, best = [], (np.inf, H)
    bar = progress_bar("training", iterations) if progress else nullcontext(lambda *_, **__: None)
    interrupted = False
    with bar as advance:
        try:
            for i in range(iterations):
                H = _from_free(z, positive)
                try:
                    value, gradients = method(H, solver, y0, cost, **options)
                except DivergenceError as error:
                    if not losses:
                        raise
                    warnings.warn(
                        f"training stopped before update {i}: {error}. A smaller learning rate "
                        "may help",
                        stacklevel=2,
                    )
                    break
                losses.append(float(value))
                best = min(best, (losses[-1], H), key=lambda pair: pair[0])
                advance(1, note=f"loss {losses[-1]:.3e}")
                if callback is not None:
                    callback(i, losses[-1], H)
                if tolerance is not None and losses[-1] <= tolerance:
                    break
                z, state = _update(optimiser, z, state, gradients.params, trainable, positive)
        except KeyboardInterrupt:
            interrupted = True
    return Fit(best[1], np.array(losses), interrupted)


@eqx.filter_jit
def _update(optimiser, z, state, gradient, trainable, positive):
    gradient = jax.tree.map(_chain, z, gradient, trainable, positive)
    # optax mixes dtypes where JAX's strict promotion is on.
    with jax.numpy_dtype_promotion("standard"):
        updates, state = optimiser.update(gradient, state, z)
    updates = jax.tree.map(lambda x, keep: jnp.where(keep, x, 0.0), updates, trainable)
    return eqx.apply_updates(z, updates), state


def _chain(z, gradient, trainable, positive):
    """dL/dz from dL/dtheta, with theta = exp(z) where positive."""
    return jnp.where(trainable, jnp.where(positive, jnp.exp(z) * gradient, gradient), 0.0)


@eqx.filter_jit
def _to_free(H, positive):
    return jax.tree.map(lambda x, p: jnp.where(p, jnp.log(jnp.where(p, x, 1.0)), x), H, positive)


@eqx.filter_jit
def _from_free(z, positive):
    return jax.tree.map(lambda x, p: jnp.where(p, jnp.exp(jnp.where(p, x, 0.0)), x), z, positive)


def _mask(H, mask, *, default: bool):
    mask = jax.tree.map(lambda _: default, H) if mask is None else mask
    return jax.tree.map(lambda x, m: jnp.broadcast_to(jnp.asarray(m, bool), x.shape), H, mask)


def _check_positive(H, positive):
    for x, p in zip(jax.tree.leaves(H), jax.tree.leaves(positive), strict=True):
        if bool(jnp.any(p & (x <= 0))):
            raise ValueError("a parameter that is to stay positive starts at zero or below")
