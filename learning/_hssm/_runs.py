"""A stack run over batches, each device of a mesh running its part of the series."""

from collections.abc import Callable
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Inexact

from physsim import sharding

from .._series import SeriesData
from ._batch_statistics import counting, of_batches, statistics
from ._objective import AbstractGoal, Batch, batch_of
from ._stack import Stack
from ._sweep import AbstractSweep


@final
class Dealt(NamedTuple):
    """A batch with the axes [devices, ..., series of each].

    `counts` is 0 for what is added so that all devices have as many, None on one alone.
    """

    batch: Batch
    counts: Any


def deal(data: SeriesData, index: Any, size: int, dtype: Any, mesh: Mesh | None) -> Dealt:
    """The series of `index`, filled up to `size` and dealt out to the devices of `mesh`."""
    devices = 1 if mesh is None else mesh.size
    number = np.arange(-(-size // devices) * devices)
    counts = None if mesh is None else (number < size).astype(dtype)
    dealt = Dealt(batch_of(data, index, len(number), dtype), counts)
    return sharding.share(jax.tree.map(lambda x: _cut(x, devices), dealt), mesh)


def _cut(x: Any, devices: int) -> Any:
    """[..., series] as [devices, ..., series of each]."""
    cut = x.reshape(*x.shape[:-1], devices, -1)
    last = cut.ndim - 1
    return cut.transpose(last - 1, *range(last - 1), last)


def joined(outputs: Any) -> np.ndarray:
    """[devices, ..., series of each] as [..., series], from all hosts."""
    x = np.moveaxis(sharding.gather(outputs), 0, -2)
    return x.reshape(*x.shape[:-2], -1)


@final
class StackRuns(eqx.Module):
    """How a stack is run and judged; its inexact arrays are the arguments, `rest` is all else."""

    rest: Any
    goal: AbstractGoal
    sweep: AbstractSweep
    mesh: Mesh | None = eqx.field(static=True, default=None)

    def outputs(self, stack: Stack, batch: Batch, keeps: Any = None) -> Array:
        """Those of one device's part of a batch."""
        x, reading = batch.x, self.goal.reading(batch)
        starts = stack.start(x.shape[2], x.dtype)
        keeps = stack.keeps(x.shape[2], None) if keeps is None else keeps
        return stack.decode(self.sweep.features(stack, x, reading, starts, keeps))

    def slope(
        self, arrays: Any, dealt: Dealt, keeps: Any = None, *, of_batch: bool
    ) -> tuple[Float[Array, ""], Any]:
        """(mean loss, its gradient by the arrays), added up over the devices.

        `keeps` are the masks of dropout for all series. `of_batch`: batch norms take the
        statistics of the batch, those of all devices.
        """
        total = jnp.sum(dealt.batch.weights)

        def own(common, part):
            arrays, runs, total = common
            (batch, counts), keeps = part

            def loss(arrays):
                stack = eqx.combine(arrays, runs.rest)
                stack = counting(of_batches(stack), counts) if of_batch else stack
                losses = runs.goal.losses(runs.outputs(stack, batch, keeps), batch)
                return jnp.sum(losses * batch.weights) / total

            return jax.value_and_grad(loss)(arrays)

        return self._each(sharding.total, own, (arrays, self, total), (dealt, self._cut(keeps)))

    def judge(self, arrays: Any, dealt: Dealt) -> tuple[Float[Array, ""], Float[Array, ""], Array]:
        """(summed losses, summed scores, outputs of each device), without dropout."""

        def own(common, part):
            arrays, runs = common
            batch = part.batch
            outputs = runs.outputs(eqx.combine(arrays, runs.rest), batch)
            found = runs.goal.losses(outputs, batch), runs.goal.scores(outputs, batch), outputs
            return jax.tree.map(lambda x: x[None], found)

        losses, scores, outputs = self._each(sharding.spread, own, (arrays, self), dealt)
        weights = dealt.batch.weights
        return jnp.sum(losses * weights), jnp.sum(scores * weights), outputs

    def statistics(self, arrays: Any, dealt: Dealt) -> list[Array]:
        """What each batch norm sees of the batch, on all devices together."""

        def own(common, part):
            arrays, runs = common
            stack = counting(of_batches(eqx.combine(arrays, runs.rest)), part.counts)
            return statistics(stack, part.batch.x)

        return self._each(sharding.agreed, own, (arrays, self), dealt)

    def _each(self, mapped: Callable[..., Any], function: Callable[..., Any], common, parts) -> Any:
        """function(common, a device's part), `mapped` over the mesh."""
        moving, fixed = eqx.partition(common, eqx.is_array)

        def own(moving, parts):
            return function(eqx.combine(moving, fixed), jax.tree.map(lambda x: x[0], parts))

        return mapped(own, self.mesh)(moving, parts)

    def _cut(self, keeps: Any) -> Any:
        """Masks [..., series] for the devices' parts, what fills these being dropped."""
        devices = 1 if self.mesh is None else self.mesh.size

        def cut(mask: Inexact[Array, "H series"]):
            return _cut(jnp.pad(mask, ((0, 0), (0, -mask.shape[1] % devices))), devices)

        return jax.tree.map(cut, keeps)
