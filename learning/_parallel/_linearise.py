"""Linear parts of a map along a trajectory."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from ._factors import AbstractFactors, Dense, Diagonal


class AbstractLinearisation(eqx.Module):
    """What of the Jacobian Newton's method uses."""

    @abstractmethod
    def __call__(self, F, zs, xs) -> AbstractFactors:
        """The linear parts of F at each (z, x)."""

    @abstractmethod
    def numbers(self, D: int) -> int:
        """How many numbers it keeps of each time."""

    @property
    @abstractmethod
    def exact(self) -> bool:
        """Whether it is all of the Jacobian."""


@final
class FullJacobian(AbstractLinearisation):
    """All of it: T D^2 numbers, Newton's method proper."""

    def __call__(self, F, zs, xs):
        return Dense(jax.vmap(jax.jacfwd(F))(zs, xs))

    def numbers(self, D):
        return D * D

    @property
    def exact(self):
        return True


@final
class DiagonalJacobian(AbstractLinearisation):
    """Its diagonal, T D numbers (quasi-DEER): cheap steps, linear convergence.

    One direction after the other, so that no time step holds a matrix.

    Source: Gonzalez, Warrington, Smith & Linderman, NeurIPS (2024), section 3.1.
    """

    def __call__(self, F, zs, xs):
        size = zs.shape[1]

        def entry(i):
            direction = jnp.zeros(size, zs.dtype).at[i].set(1)
            along = jax.vmap(lambda z, x: jax.jvp(lambda y: F(y, x), (z,), (direction,))[1])
            return along(zs, xs)[:, i]

        return Diagonal(jax.lax.map(entry, jnp.arange(size)).T)

    def numbers(self, D):
        return D

    @property
    def exact(self):
        return False


_MEMORY = 2**28
"""Bytes that linear parts may take at a time."""


def window_length(linearisation: AbstractLinearisation, D: int, dtype) -> int:
    """How many steps' linear parts may exist at a time.

    A scan keeps their running products too, hence half.
    """
    return max(1, _MEMORY // (2 * linearisation.numbers(D) * jnp.dtype(dtype).itemsize))
