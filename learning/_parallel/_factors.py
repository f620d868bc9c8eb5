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
    def columns(a: Inexact[Array, "..."], z: Inexact[Array, "D count"]) -> Inexact[Array, "..."]:
        """A_c z_c for the columns z_c of z, or A z_c where there is one A; [D, count]."""

    @abstractmethod
    def power(self, exponent: int) -> Inexact[Array, "..."]:
        """The numbers of A to the power, of the one A that there is."""

    @staticmethod
    @abstractmethod
    def product(a: Inexact[Array, "..."], b: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
        """A B, over leading axes of both."""


# Batches of matrices smaller than this are multiplied faster by sums that fuse than by calls.
_SMALL = 16


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
        if a.ndim == 2:
            return z @ a.T
        if a.shape[-1] > _SMALL:
            return jnp.einsum("...ij,...j->...i", a, z)
        return jnp.sum(a * z[..., None, :], axis=-1)

    @staticmethod
    def product(a, b):
        if a.shape[-1] > _SMALL or a.ndim == 2:
            return a @ b
        return jnp.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)

    @staticmethod
    def columns(a, z):
        if a.ndim == 2:
            return a @ z if a.shape[-1] > _SMALL else jnp.sum(a[:, :, None] * z[None], axis=1)
        if a.shape[-1] > _SMALL:
            return jnp.einsum("cij,jc->ic", a, z)
        return jnp.sum(jnp.moveaxis(a, 0, -1) * z[None], axis=1)

    def power(self, exponent):
        return jnp.linalg.matrix_power(self.matrices, exponent)


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

    @staticmethod
    def columns(a, z):
        return (a[:, None] if a.ndim == 1 else a.T) * z

    def power(self, exponent):
        return self.entries**exponent
