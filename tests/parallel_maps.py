"""Maps that trajectories and their gradients are tested on."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np


@final
class Recurrence(eqx.Module):
    """tanh(W z + b + x)."""

    W: Any
    b: Any

    def __call__(self, z, x):
        return jnp.tanh(self.W @ z + self.b + (0 if x is None else x))


@final
class Linear(eqx.Module):
    """A z + x, or with a bend of it."""

    A: Any
    bend: Any = None

    def __call__(self, z, x):
        return self.A @ z + x + (0 if self.bend is None else self.bend * z**2)


@final
class Lorenz63(eqx.Module):
    """The field of Lorenz (1963)."""

    sigma: Any
    rho: Any
    beta: Any

    def __call__(self, z, x):
        a, b, c = z
        return jnp.stack([self.sigma * (b - a), a * (self.rho - c) - b, a * b - self.beta * c])


def recurrence(D, gain=1.2, seed=0):
    rng = np.random.default_rng(seed)
    W = gain * rng.normal(size=(D, D)) / D**0.5
    return Recurrence(jnp.asarray(W), jnp.asarray(0.3 * rng.normal(size=D)))


def lorenz63():
    return Lorenz63(jnp.asarray(10.0), jnp.asarray(28.0), jnp.asarray(8 / 3))


CHUA = """Chua's circuit
C1 one 0 10n ic=0.1
C2 two 0 100n ic=0.2
L1 two 0 18m
R1 one two 1.7k
B1 one 0 i={outer*v + 0.5*(inner-outer)*(abs(v+knee)-abs(v-knee))}
+ inner=-0.757m outer=-0.409m knee=1
"""
