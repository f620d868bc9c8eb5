"""Which statistics the batch norms of a stack take: of a batch, or of the training series."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Inexact

from ._norm import BatchNorm
from ._recurrence import run_core
from ._stack import Stack


def batch_norms(stack: Stack) -> list[BatchNorm]:
    """Those of `stack`."""
    return [x for x in jax.tree.leaves(stack, is_leaf=_is_batch_norm) if _is_batch_norm(x)]


def of_batches(stack: Stack) -> Stack:
    """`stack` as in training: normalised by the batch at hand."""
    return _with_norms(stack, of_batch=True)


def counting(stack: Stack, counts: Array | None) -> Stack:
    """`stack` on one of several devices; `counts` is 1 for each series of its part of a batch."""
    return _with_norms(stack, counts=counts)


def settled(stack: Stack, batches: Iterable[Array]) -> Stack:
    """`stack` with the statistics of its batch norms taken over `batches` [m, T, series].

    Each batch is normalised by itself on its way up; the statistics are means over the series.
    """
    return settled_by(stack, [(x.shape[2], _seen(of_batches(stack), x)) for x in batches])


def settled_by(stack: Stack, found: Sequence[tuple[int, list[Array]]]) -> Stack:
    """`stack` with the means of the statistics `found`: (how many series, `statistics`)."""
    shares = [n / sum(n for n, _ in found) for n, _ in found]
    means = jax.tree.map(
        lambda *values: sum(s * v for s, v in zip(shares, values, strict=True)),
        *(values for _, values in found),
    )
    return eqx.tree_at(_where, stack, means)


def _where(stack: Stack) -> list[Any]:
    return [statistic for norm in batch_norms(stack) for statistic in (norm.mean, norm.variance)]


def statistics(stack: Stack, x: Inexact[Array, "m T series"]) -> list[Array]:
    """Mean and variance of what each batch norm sees; `stack` is one `of_batches`."""
    u, found = stack.encoder(x), []
    for block, start in zip(stack.blocks, stack.start(x.shape[2], x.dtype), strict=True):
        v, drive = block.enter(u)
        core = stack.solver.prepare(block.unit.core)
        q = run_core(stack.solver, core, block.unit.dt, stack.solver.start(core, start), drive)[1]
        for norm, seen in ((block.norm, u), (block.read_norm, block.read(q, v))):
            found += norm.moments(seen) if isinstance(norm, BatchNorm) else ()
        u = block.leave(q, u, v)
    return found


_seen = eqx.filter_jit(statistics)


def _with_norms(stack: Stack, **changes: Any) -> Stack:
    return jax.tree.map(
        lambda x: replace(x, **changes) if _is_batch_norm(x) else x, stack, is_leaf=_is_batch_norm
    )


def _is_batch_norm(x: Any) -> bool:
    return isinstance(x, BatchNorm)
