"""What is measured of a state, and how a measurement corrects it."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact

from physsim import is_traced


class AbstractObservation(eqx.Module):
    """x = B(z) + b of a state z [M], and corrections towards a measured x [N]."""

    @abstractmethod
    def __call__(self, z: Inexact[Array, " M"]) -> Inexact[Array, " N"]:
        """What the state would be measured as."""

    @abstractmethod
    def lift(self, difference: Inexact[Array, " N"]) -> Inexact[Array, " M"]:
        """The smallest change of the state that changes what is measured by `difference`."""

    def forced(
        self, z: Inexact[Array, " M"], x: Inexact[Array, " N"], alpha: Inexact[Array, ""]
    ) -> Inexact[Array, " M"]:
        """z + alpha (zhat - z), hidden states left alone; where x is not finite, z itself."""
        difference = x - self(z)
        return z + alpha * self.lift(jnp.where(jnp.isfinite(x), difference, 0))


@final
class IdentityObservation(AbstractObservation):
    """All states are measured."""

    def __call__(self, z):
        return z

    def lift(self, difference):
        return difference


@final
class MaskedObservation(AbstractObservation):
    """The states at `observed` are measured, the others hidden."""

    observed: tuple[int, ...] = eqx.field(static=True)
    states: int = eqx.field(static=True)

    def __check_init__(self):
        wrong = [i for i in self.observed if not 0 <= i < self.states]
        if wrong or len(set(self.observed)) != len(self.observed) or not self.observed:
            raise ValueError(
                f"observed must be different numbers from 0 to {self.states - 1}, "
                f"got {self.observed}"
            )

    def __call__(self, z):
        return z[jnp.asarray(self.observed)]

    def lift(self, difference):
        return (
            jnp.zeros(self.states, difference.dtype).at[jnp.asarray(self.observed)].set(difference)
        )


@final
class AffineObservation(AbstractObservation):
    """x = B z + b, with B [N, M], corrected through the pseudo-inverse `lifting` [M, N].

    `of` computes that: make the observation inside of what is differentiated by B.
    """

    matrix: Inexact[Array, "N M"]
    offset: Inexact[Array, " N"]
    lifting: Inexact[Array, "M N"]

    @classmethod
    def of(
        cls,
        matrix: Inexact[Array, "N M"],
        offset: Inexact[Array, " N"] | None = None,
        *,
        hidden: bool = False,
    ) -> "AffineObservation":
        """The observation with B^+ = (B^T B)^-1 B^T, or B^T (B B^T)^-1 with fewer rows.

        Raises `ValueError` where B has no left inverse, unless states may be `hidden`, and where
        what is measured is redundant (neither rows nor columns are independent).
        """
        rows, columns = matrix.shape
        if not is_traced(matrix):
            _check_rank(np.asarray(matrix), hidden)
        if rows >= columns:
            lifting = jnp.linalg.solve(matrix.T @ matrix, matrix.T)
        else:
            lifting = jnp.linalg.solve(matrix @ matrix.T, matrix).T
        offset = jnp.zeros(rows, matrix.dtype) if offset is None else offset
        return cls(matrix, offset, lifting)

    @classmethod
    def linearised(cls, measure, z: Inexact[Array, " M"], *, hidden: bool = False):
        """The observation that `measure`(z) -> x [N] is near `z`."""
        matrix = jax.jacfwd(measure)(z)
        return cls.of(matrix, measure(z) - matrix @ z, hidden=hidden)

    def __call__(self, z):
        return self.matrix @ z + self.offset

    def lift(self, difference):
        return self.lifting @ difference


def _check_rank(matrix: np.ndarray, hidden: bool) -> None:
    if not np.all(np.isfinite(matrix)):
        raise ValueError("the observation matrix has entries that are not finite")
    rows, columns = matrix.shape
    rank = int(np.linalg.matrix_rank(matrix))
    if rank < columns and not hidden:
        raise ValueError(
            f"the observation matrix has no left inverse: rank {rank} for {columns} states. "
            "Measure more, or say that states are hidden (hidden=True, or a MaskedObservation)"
        )
    if rank < min(rows, columns):
        raise ValueError(
            f"the observation matrix of shape {matrix.shape} has rank {rank} only: leave out "
            "measured quantities that follow from others"
        )
