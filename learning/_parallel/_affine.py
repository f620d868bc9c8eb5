"""Affine recurrences z_{t+1} = A_t z_t + b_t, step after step and in rounds."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from ._factors import AbstractFactors


class AbstractAffineScan(eqx.Module):
    """A way to evaluate an affine recurrence."""

    @abstractmethod
    def __call__(
        self, A: AbstractFactors, b: Inexact[Array, "T D"], z0: Inexact[Array, " D"]
    ) -> Inexact[Array, "T D"]:
        """z_1..z_T."""


@final
class SequentialScan(AbstractAffineScan):
    """Step after step."""

    def __call__(self, A, b, z0):
        def one(z, x):
            factor, offset = x
            z = A.times(A.values if A.constant else factor, z) + offset
            return z, z

        return jax.lax.scan(one, z0, (None if A.constant else A.values, b))[1]


@final
class AssociativeScan(AbstractAffineScan):
    """In log2(T) rounds of products of neighbours; for accelerators.

    Source: Blelloch, Prefix sums and their applications (1990), section 1.4.
    """

    def __call__(self, A, b, z0):
        values = A.values
        if A.constant:
            values = jnp.broadcast_to(values, (b.shape[0], *values.shape))
        first = b.at[0].add(A.times(values[0], z0))

        def after(earlier, later):
            (a1, b1), (a2, b2) = earlier, later
            return A.product(a2, a1), A.times(a2, b1) + b2

        return jax.lax.associative_scan(after, (values, first))[1]
