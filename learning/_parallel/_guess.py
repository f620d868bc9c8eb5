"""Where Newton's iterations start."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PyTree

from ._trajectory import Map


@final
class CoarseGuess(eqx.Module):
    """A run of `map`, which goes `stride` steps at a time; between its states, straight lines.

    Such as the same integrator at a larger step. It is sequential: with `map` as costly as the
    map itself it takes 1 / stride of the time of a sequential run.
    """

    map: Map
    stride: int = eqx.field(static=True)

    def __check_init__(self):
        if self.stride < 1:
            raise ValueError(f"a coarse step is at least 1 step long, got {self.stride}")

    def __call__(
        self, z0: Inexact[Array, " D"], xs: PyTree, num_steps: int
    ) -> Inexact[Array, "T D"]:
        """z_1..z_T; inputs are those at the beginnings of coarse steps."""
        inputs = jax.tree.map(lambda x: x[:: self.stride], xs)
        count = -(-num_steps // self.stride)

        def one(z, x):
            return self.map(z, x), z

        last, before = jax.lax.scan(one, z0, inputs, length=count)
        after = jnp.concatenate([before[1:], last[None]])
        share = (jnp.arange(1, self.stride + 1) / self.stride).astype(z0.dtype)[None, :, None]
        fine = before[:, None] + share * (after - before)[:, None]
        return fine.reshape(-1, z0.size)[:num_steps]
