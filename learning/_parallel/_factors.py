"""The linear parts of affine recurrences: matrices, or diagonals, that vary in time or don't."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact


class AbstractFactors(eqx.Module):
    """A_t for t = 0..T-1, or one A for all times."""

    @property
    @abstractmethod
    def constant(self) -> bool:
        """Whether there is one A for all times."""

    @property
    @abstractmethod
    def values(self) -> Inexact[Array, "..."]:
        """The numbers, with time first unless constant."""

    @abstractmethod
    def with_values(self, values: Inexact[Array, "..."]) -> "AbstractFactors":
        """Others of the same kind."""

    @abstractmethod
    def transpose(self) -> "AbstractFactors":
        """Every A_t transposed."""

    @abstractmethod
    def identity(self) -> Inexact[Array, "..."]:
        """The numbers of the identity, as those of one time."""

    @staticmethod
    @abstractmethod
    def times(a: Inexact[Array, "..."], z: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
        """A z, over leading axes of both."""

    @staticmethod
    @abstractmethod
    def product(a: Inexact[Array, "..."], b: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
        """A B, over leading axes of both."""


@final
class Dense(AbstractFactors):
    """Matrices of shape [T, D, D], or one [D, D] for all times."""

    matrices: Inexact[Array, "*T D D"]

    @property
    def constant(self):
        return self.matrices.ndim == 2

    @property
    def values(self):
        return self.matrices

    def with_values(self, values):
        return Dense(values)

    def transpose(self):
        return Dense(jnp.swapaxes(self.matrices, -1, -2))

    def identity(self):
        return jnp.eye(self.matrices.shape[-1], dtype=self.matrices.dtype)

    @staticmethod
    def times(a, z):
        return jnp.einsum("...ij,...j->...i", a, z)

    @staticmethod
    def product(a, b):
        return a @ b


@final
class Diagonal(AbstractFactors):
    """Diagonals of shape [T, D], or one [D] for all times."""

    entries: Inexact[Array, "*T D"]

    @property
    def constant(self):
        return self.entries.ndim == 1

    @property
    def values(self):
        return self.entries

    def with_values(self, values):
        return Diagonal(values)

    def transpose(self):
        return self

    def identity(self):
        return jnp.ones(self.entries.shape[-1], self.entries.dtype)

    @staticmethod
    def times(a, z):
        return jnp.einsum("...i,...i->...i", a, z)

    @staticmethod
    def product(a, b):
        return jnp.einsum("...i,...i->...i", a, b)
