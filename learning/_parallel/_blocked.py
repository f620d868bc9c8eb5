"""Affine recurrences in blocks of time, side by side."""

import functools
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp

from ._affine import AbstractAffineScan, SequentialScan
from ._trajectory import previous


@final
class BlockedScan(AbstractAffineScan):
    """`blocks` stretches of time side by side, twice.

    The first pass finds what each makes of a start at zero and keeps its end alone; a scan over
    the ends says what enters each; the second pass is the trajectory. Twice the arithmetic of
    `SequentialScan` (and, where A_t varies, products of matrices) in steps that fill the vector
    registers of a CPU. Gradients are by the same scan, backwards.

    Products of T / blocks factors must not overflow.
    """

    blocks: int = eqx.field(static=True, default=16)

    def __check_init__(self):
        if self.blocks < 1:
            raise ValueError(f"time is cut into at least 1 block, got {self.blocks}")

    def __call__(self, A, b, z0):
        if b.shape[0] < 2 * self.blocks:
            return SequentialScan()(A, b, z0)
        found: Any = _blocked(A, b, z0, self.blocks)
        return found


# By hand, since differentiating the passes would keep what each of their steps writes.
@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _blocked(A, b, z0, blocks: int):
    whole = b.shape[0] // blocks * blocks
    head = _side_by_side(_part(A, slice(0, whole)), b[:whole], z0, blocks)
    if whole == b.shape[0]:
        return head
    rest = SequentialScan()(_part(A, slice(whole, None)), b[whole:], head[-1])
    return jnp.concatenate([head, rest])


def _forward(A, b, z0, blocks):
    zs = _blocked(A, b, z0, blocks)
    return zs, (A, z0, zs)


def _backward(blocks, kept, g):
    """lambda_t = g_t + A_{t+1}^T lambda_{t+1}, last first."""
    A, z0, zs = kept
    back = A.transpose()
    if not A.constant:
        back = back.with_values(jnp.flip(back.values[1:], 0))
    found = BlockedScan(blocks)(back, jnp.flip(g[:-1], 0), g[-1])
    lambdas = jnp.concatenate([jnp.flip(found, 0), g[-1:]])
    slope, to_states = jax.vjp(A.times, A.values, previous(z0, zs))[1](lambdas)
    return A.with_values(slope), lambdas, to_states[0]


_blocked.defvjp(_forward, _backward)


def _part(A, times: slice):
    return A if A.constant else A.with_values(A.values[times])


def _side_by_side(A, b, z0, blocks: int):
    # Blocks are the last axis of a state, so that neighbours in memory do the same.
    rows = b.reshape(blocks, -1, b.shape[1])
    length = rows.shape[1]
    factors = None if A.constant else A.values.reshape(blocks, length, *A.values.shape[1:])

    def step(z, t):
        """(A_t, A_t z + b_t) of every block."""
        factor = A.values if factors is None else _column(factors, t)
        return factor, A.columns(factor, z) + _column(rows, t).T

    products, ends = _ends(A, step, jnp.zeros_like(rows[:, 0]).T, length)
    entering = SequentialScan()(A.with_values(products), ends.T, z0)
    entering = jnp.concatenate([z0[None], entering[:-1]])

    def write(t, carry):
        z, zs = carry
        z = step(z, t)[1]
        return z, jax.lax.dynamic_update_index_in_dim(zs, z.T, t, 1)

    zs = jax.lax.fori_loop(0, length, write, (entering.T, jnp.zeros_like(rows)))[1]
    return zs.reshape(b.shape)


def _ends(A, step, origin, length: int):
    """(product of each block's factors, or of all blocks alike; the ends of runs from zero)."""
    if A.constant:
        return A.power(length), jax.lax.fori_loop(0, length, lambda t, z: step(z, t)[1], origin)

    def both(t, carry):
        product, z = carry
        factor, z = step(z, t)
        return A.product(factor, product), z

    identity = jnp.broadcast_to(A.identity(), (origin.shape[1], *A.identity().shape))
    return jax.lax.fori_loop(0, length, both, (identity, origin))


def _column(rows, t):
    return jax.lax.dynamic_index_in_dim(rows, t, 1, keepdims=False)
