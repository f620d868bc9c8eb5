"""A model with unknown values beside a measured series."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .._gtf import TeacherForced
from .._parallel import Sequential, previous, solve


@final
class GreyBox(eqx.Module):
    """`make` gives (model, observation) by the logarithms of the values' factors [P]; and the data.

    The model is a map (z [M], x) -> z, the observation one of `learning`'s.
    """

    make: Callable[..., Any]
    names: tuple[str, ...] = eqx.field(static=True)
    states: int = eqx.field(static=True)
    data: Float[Array, "rows N"]
    """What was measured, T+1 rows, each channel in units of its own standard deviation."""
    inputs: PyTree
    """What the model takes besides, T rows, or None."""

    def start(self, logs: Float[Array, " P"]) -> Float[Array, " M"]:
        """The state that the first row tells; zero where it tells nothing."""
        _, observation = self.make(logs)
        nothing = jnp.zeros(self.states, self.data.dtype)
        return observation.forced(nothing, self.data[0], jnp.ones((), self.data.dtype))

    def forced(self, logs, start, alpha) -> tuple[Array, Array]:
        """(residuals [T, N], states z_0..z_{T-1} [T, M]) of a forced run."""
        model, observation = self.make(logs)
        z0 = self.start(logs) + start
        forced = TeacherForced(model, observation, alpha)
        xs = (self.inputs, self.data[:-1])
        zs = solve(forced, z0, xs, solver=Sequential(), throw=False).zs
        return jax.vmap(observation)(zs) - self.data[1:], previous(z0, zs)

    def free(self, logs, z0, inputs, data) -> Array:
        """Residuals [W, N] of a free run over a window, whose first row is that of `z0`."""
        model, observation = self.make(logs)
        steps = data.shape[0] - 1
        zs = solve(model, z0, inputs, num_steps=steps, solver=Sequential(), throw=False).zs
        states = jnp.concatenate([z0[None], zs])
        return jax.vmap(observation)(states) - data

    def windows(self, length: int) -> tuple[Any, Array]:
        """(inputs, data) in stretches of `length` rows, the rest left out."""
        count = (self.data.shape[0] - 1) // length
        data = self.data[: count * length].reshape(count, length, -1)

        def cut(x):
            return x[: count * length].reshape(count, length, *x.shape[1:])[:, :-1]

        return jax.tree.map(cut, self.inputs), data
