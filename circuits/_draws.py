"""Component values at random, each sample's by its number alone."""

import math
from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._netlist import Tolerance


@final
class Draws(eqx.Module):
    """Values [k] around those of a circuit, in SI."""

    names: tuple[str, ...] = eqx.field(static=True)
    key: Any
    base: Float[Array, " k"]
    relative: Float[Array, " k"]
    uniform: Any

    @classmethod
    def make(
        cls, seed: int, names: Sequence[str], base: Any, tolerances: Sequence[Tolerance]
    ) -> "Draws":
        return cls(
            tuple(names),
            # The kind is named: another default of JAX's would draw other samples.
            jax.random.key(seed, impl="threefry2x32"),
            jnp.asarray(base),
            jnp.asarray([float(t.relative) for t in tolerances]),
            jnp.asarray([t.distribution == "uniform" for t in tolerances]),
        )

    def values(self, number: Any) -> Float[Array, " k"]:
        """Those of one sample."""
        key = jax.random.fold_in(self.key, number)
        normal = jax.random.normal(key, self.base.shape, self.base.dtype)
        even = jax.scipy.special.erf(normal / math.sqrt(2))  # between -1 and 1
        # Log-normal: never negative, and normal to first order.
        factors = jnp.where(self.uniform, 1 + self.relative * even, jnp.exp(self.relative * normal))
        return self.base * factors

    def table(self, numbers: Any) -> Float[np.ndarray, "samples k"]:
        """Those of many samples."""
        return np.asarray(_table(self, numbers))

    @property
    def deviations(self) -> Float[np.ndarray, " k"]:
        """Standard deviations relative to the values."""
        scale = np.where(np.asarray(self.uniform), 1 / math.sqrt(3), 1.0)
        return np.asarray(self.relative) * scale


@eqx.filter_jit
def _table(draws: Draws, numbers):
    return jax.vmap(draws.values)(numbers)
