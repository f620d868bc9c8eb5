"""Which statistics the batch norms of a stack take: of a batch, or of the training series."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array

from ._norm import BatchNorm, moments
from ._recurrence import run_core
from ._stack import Stack


def batch_norms(stack: Stack) -> list[BatchNorm]:
    """Those of `stack`."""
    return [x for x in jax.tree.leaves(stack, is_leaf=_is_batch_norm) if _is_batch_norm(x)]


def of_batches(stack: Stack) -> Stack:
    """`stack` as in training: normalised by the batch at hand."""
    return jax.tree.map(
        lambda x: replace(x, of_batch=True) if _is_batch_norm(x) else x,
        stack,
        is_leaf=_is_batch_norm,
    )


def settled(stack: Stack, batches: Iterable[Array]) -> Stack:
    """`stack` with the statistics of its batch norms taken over `batches` [m, T, series].

    Each batch is normalised by itself on its way up; the statistics are means over the series.
    """
    found = [(x.shape[2], _statistics(stack, x)) for x in batches]
    shares = [n / sum(n for n, _ in found) for n, _ in found]
    means = jax.tree.map(
        lambda *values: sum(s * v for s, v in zip(shares, values, strict=True)),
        *(statistics for _, statistics in found),
    )
    return eqx.tree_at(_where, stack, means)


def _where(stack: Stack) -> list[Any]:
    return [statistic for norm in batch_norms(stack) for statistic in (norm.mean, norm.variance)]


@eqx.filter_jit
def _statistics(stack: Stack, x) -> list[Any]:
    """Mean and variance of what each batch norm sees."""
    u, found = stack.encoder(x), []
    for block, start in zip(
        of_batches(stack).blocks, stack.start(x.shape[2], x.dtype), strict=True
    ):
        v, drive = block.enter(u)
        core = stack.solver.prepare(block.unit.core)
        q = run_core(stack.solver, core, block.unit.dt, stack.solver.start(core, start), drive)[1]
        for norm, seen in ((block.norm, u), (block.read_norm, block.read(q, v))):
            found += moments(seen) if isinstance(norm, BatchNorm) else ()
        u = block.leave(q, u, v)
    return found


def _is_batch_norm(x: Any) -> bool:
    return isinstance(x, BatchNorm)
