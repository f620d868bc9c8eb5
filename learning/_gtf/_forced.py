"""A map pulled towards what was measured."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PyTree

from .._parallel import AbstractTrajectorySolver, Trajectory, solve
from ._alpha import check_alpha
from ._observation import AbstractObservation


@final
class TeacherForced(eqx.Module):
    """F(z~, u) at z~ = z + alpha (zhat - z), zhat being what the measured x says of the state.

    A map of (z, (u, x)): its Jacobian is (1 - alpha) J_F(z~) where all states are measured, so
    sup |(1 - alpha) J_F| < 1 is enough for trajectories and gradients to stay bounded.

    Source: Hess, Monfared, Brenner & Durstewitz, ICML (2023), eq. 7.
    """

    model: Callable[..., Any]
    observation: AbstractObservation
    alpha: Inexact[Array, ""]

    def __call__(self, z, x):
        inputs, measured = x
        return self.model(self.observation.forced(z, measured, self.alpha), inputs)


def forced_run(
    model: Callable[..., Any],
    observation: AbstractObservation,
    measured: Inexact[Array, "rows N"],
    alpha: Any,
    *,
    inputs: PyTree = None,
    hidden: Inexact[Array, " M"] | None = None,
    states: int | None = None,
    solver: AbstractTrajectorySolver | None = None,
    throw: bool = True,
) -> Trajectory:
    """z_1..z_T [T, M] of a model forced by the first T rows of `measured` [T+1, N].

    Compare observation(z_t), which is not forced, with x_t, the next row.
    z_0 is `hidden` [M] (default: zeros, of which `states` says how many) where nothing is
    measured, and what x_0 says elsewhere; x_0 must be finite. A later x that is not finite does
    not force. Iterative solvers start from zhat.

    Raises `ValueError` for alpha outside [0, 1] and as `learning.solve` does.
    """
    alpha = check_alpha(alpha, measured.dtype)
    if hidden is None:
        count = measured.shape[1] if states is None else states
        hidden = jnp.zeros(count, measured.dtype)
    z0 = observation.forced(hidden, measured[0], jnp.ones_like(alpha))
    guess = jax.vmap(lambda x: observation.forced(z0, x, jnp.ones_like(alpha)))(measured[1:])
    forced = TeacherForced(model, observation, alpha)
    xs = (inputs, measured[:-1])
    guess = jax.lax.stop_gradient(guess)
    return solve(forced, z0, xs, solver=solver, guess=guess, throw=throw)
