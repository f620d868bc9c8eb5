"""Models z_{t+1} = F(z_t) to reconstruct dynamics with."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def _uniform(rng, shape, size: int) -> Array:
    return jnp.asarray(rng.uniform(-1, 1, size=shape) / size**0.5)


@final
class ShallowPLRNN(eqx.Module):
    """z' = A z + W1 (relu(W2 z + h2) - relu(W2 z)) + h1, A diagonal.

    The difference of the two rectifiers is bounded, so with |A| < 1 no trajectory diverges.

    Source: Hess, Monfared, Brenner & Durstewitz, ICML (2023), eq. 4 (clipped shallow
    piecewise-linear recurrent network).
    """

    A: Float[Array, " M"]
    W1: Float[Array, "M L"]
    W2: Float[Array, "L M"]
    h1: Float[Array, " M"]
    h2: Float[Array, " L"]

    @classmethod
    def draw(cls, states: int, hidden: int, seed: int) -> "ShallowPLRNN":
        rng = np.random.default_rng([seed, 61])
        A = jnp.asarray(rng.uniform(0.8, 0.99, size=states))
        W1, W2 = _uniform(rng, (states, hidden), hidden), _uniform(rng, (hidden, states), states)
        return cls(A, W1, W2, jnp.zeros(states), _uniform(rng, hidden, 1))

    def features(self, z: Float[Array, " M"]) -> Float[Array, " L"]:
        """What the units give."""
        inner = self.W2 @ z
        return jax.nn.relu(inner + self.h2) - jax.nn.relu(inner)

    def __call__(self, z, x):
        return self.A * z + self.W1 @ self.features(z) + self.h1


@final
class AlmostLinearRNN(eqx.Module):
    """z' = A z + W phi(z) + h: phi rectifies the last `rectified` states, the rest is linear.

    Source: Brenner, Hemmer, Monfared & Durstewitz, NeurIPS (2024), eq. 3.
    """

    A: Float[Array, " M"]
    W: Float[Array, "M M"]
    h: Float[Array, " M"]
    rectified: int = eqx.field(static=True)

    @classmethod
    def draw(cls, states: int, rectified: int, seed: int) -> "AlmostLinearRNN":
        if not 0 < rectified <= states:
            raise ValueError(f"{rectified} of {states} states are rectified: name 1 to {states}")
        rng = np.random.default_rng([seed, 62])
        W = 0.1 * _uniform(rng, (states, states), states)
        return cls(
            jnp.asarray(rng.uniform(0.8, 0.99, size=states)), W, jnp.zeros(states), rectified
        )

    def __call__(self, z, x):
        linear = z.shape[0] - self.rectified
        bent = jnp.concatenate([z[:linear], jax.nn.relu(z[linear:])])
        return self.A * z + self.W @ bent + self.h


@final
class ShallowTanhRNN(eqx.Module):
    """z' = A z + W1 tanh(W2 z + h2) + h1, A diagonal."""

    A: Float[Array, " M"]
    W1: Float[Array, "M L"]
    W2: Float[Array, "L M"]
    h1: Float[Array, " M"]
    h2: Float[Array, " L"]

    @classmethod
    def draw(cls, states: int, hidden: int, seed: int) -> "ShallowTanhRNN":
        like = ShallowPLRNN.draw(states, hidden, seed)
        return cls(like.A, like.W1, like.W2, like.h1, like.h2)

    def features(self, z: Float[Array, " M"]) -> Float[Array, " L"]:
        """What the units give."""
        return jnp.tanh(self.W2 @ z + self.h2)

    def __call__(self, z, x):
        return self.A * z + self.W1 @ self.features(z) + self.h1


NETWORKS: dict[str, Callable[..., Any]] = {
    "shPLRNN": ShallowPLRNN.draw,
    "ALRNN": AlmostLinearRNN.draw,
    "tanh": ShallowTanhRNN.draw,
}
