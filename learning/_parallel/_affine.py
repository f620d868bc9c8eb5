"""Affine recurrences z_{t+1} = A_t z_t + b_t, three ways."""

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


@final
class BlockedScan(AbstractAffineScan):
    """Blocks side by side, then a scan over their ends.

    Within a block the recurrence runs from zero, for all blocks at once, along with the
    product of its factors (powers of A where there is one A); what enters each block is then
    added. On a CPU one pass over few, wide operations beats many narrow ones.
    """

    block: int = eqx.field(static=True, default=100)

    def __check_init__(self):
        if self.block < 1:
            raise ValueError(f"a block must have at least 1 step, got {self.block}")

    def __call__(self, A, b, z0):
        steps, count = b.shape[0], b.shape[0] // self.block
        if count < 2:
            return SequentialScan()(A, b, z0)
        whole = count * self.block
        head = self._whole(_part(A, slice(0, whole)), b[:whole], z0, count)
        if whole == steps:
            return head
        rest = SequentialScan()(_part(A, slice(whole, steps)), b[whole:], head[-1])
        return jnp.concatenate([head, rest])

    def _whole(self, A, b, z0, count):
        # Time within the block first: one step of the scan takes all blocks along.
        offsets = jnp.swapaxes(b.reshape(count, self.block, -1), 0, 1)
        products, local = _powers(A, offsets) if A.constant else _products(A, offsets)
        ends = A.with_values(products[-1])
        entering = SequentialScan()(ends, local[-1], z0)
        entering = jnp.concatenate([z0[None], entering[:-1]])
        if A.constant:
            z = A.spread(products, entering) + local
        else:
            z = A.times(products, jnp.broadcast_to(entering, local.shape)) + local
        return jnp.swapaxes(z, 0, 1).reshape(b.shape)


def _part(A, times: slice):
    return A if A.constant else A.with_values(A.values[times])


def _powers(A, offsets):
    """(A^1..A^block, the blocks' own trajectories [block, count, D])."""

    def one(carry, offset):
        power, z = carry
        power, z = A.product(A.values, power), A.times(A.values, z) + offset
        return (power, z), (power, z)

    return jax.lax.scan(one, (A.identity(), jnp.zeros_like(offsets[0])), offsets)[1]


def _products(A, offsets):
    """(products of the first 1..block factors, the blocks' own trajectories)."""
    block, count = offsets.shape[:2]
    values = A.values.reshape(count, block, *A.values.shape[1:])

    def one(carry, x):
        product, z = carry
        factor, offset = x
        product, z = A.product(factor, product), A.times(factor, z) + offset
        return (product, z), (product, z)

    start = jnp.broadcast_to(A.identity(), (count, *A.identity().shape))
    xs = (jnp.swapaxes(values, 0, 1), offsets)
    return jax.lax.scan(one, (start, jnp.zeros_like(offsets[0])), xs)[1]
