"""An epoch of training a stack: all series once, then a judgement."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import numpy as np
import optax

from physsim import DivergenceError

from .._optax import move
from .._series import SeriesData, Splits
from ._batch_statistics import batch_norms, settled_by
from ._runs import Dealt, StackRuns, deal, joined
from ._state import Epoch, StackState


class Judgement(NamedTuple):
    """Mean loss and mean score of series, and the outputs that each batch left on its devices."""

    loss: float
    score: float
    outputs: list[Any]


@final
class Trainer(eqx.Module):
    """What stays the same over all epochs."""

    runs: StackRuns
    optimiser: Any = eqx.field(static=True)

    def epoch(
        self, state: StackState, splits: Splits, size: int, seed: int, started: float
    ) -> StackState:
        """The state after all training series once. Raises `DivergenceError`."""
        number, losses, norms = state.step, [], []
        arrays, memory = state.arrays, state.optimiser
        key = jax.random.fold_in(jax.random.key(seed), number)
        for i, index in enumerate(_batches(len(splits.train), size, (seed, number))):
            batch = self._deal(splits.train, index, size, arrays)
            arrays, memory, loss, norm = _update(
                self, arrays, memory, batch, jax.random.fold_in(key, i), size
            )
            losses.append(float(loss))
            norms.append(float(norm))
        if not np.isfinite(losses + norms).all():
            raise DivergenceError(
                "the loss or its gradient is not finite: lower the learning rate, or take float64"
            )
        arrays = self._settle(arrays, splits.train, size)
        loss, score, _ = self.evaluate(arrays, splits.validation, size)
        seconds = time.perf_counter() - started
        mean = float(np.mean(losses))
        return state.advance(arrays, memory, Epoch(number, mean, loss, score, max(norms), seconds))

    def evaluate(self, arrays: Any, data: SeriesData, size: int) -> Judgement:
        """How well the stack does on `data`, without dropout."""
        losses, scores, outputs = 0.0, 0.0, []
        for index in _in_turn(len(data), size):
            loss, score, out = _judge(self.runs, arrays, self._deal(data, index, size, arrays))
            losses, scores = losses + float(loss), scores + float(score)
            outputs.append(out)
        return Judgement(losses / len(data), scores / len(data), outputs)

    def predictions(self, outputs: list[Any], data: SeriesData, size: int) -> Any:
        """Of the outputs of `evaluate`: class numbers [N], or values [outputs, windows, N]."""
        indices = _in_turn(len(data), size)
        found = [joined(x)[..., : len(i)] for x, i in zip(outputs, indices, strict=True)]
        values = np.concatenate(found, -1)
        return values[:, 0].argmax(0) if data.classes else values

    def _settle(self, arrays: Any, data: SeriesData, size: int) -> Any:
        """Batch norms, if any, with the statistics of `data`."""
        stack = eqx.combine(arrays, self.runs.rest)
        if not batch_norms(stack):
            return arrays
        found = [
            (len(i), _statistics(self.runs, arrays, self._deal(data, i, len(i), arrays)))
            for i in _in_turn(len(data), size)
        ]
        return eqx.filter(settled_by(stack, found), eqx.is_inexact_array)

    def _deal(self, data: SeriesData, index: np.ndarray, size: int, arrays: Any) -> Dealt:
        return deal(data, index, size, jax.tree.leaves(arrays)[0].dtype, self.runs.mesh)


@eqx.filter_jit
def _update(trainer: Trainer, arrays, memory, batch: Dealt, key, size: int):
    """(the next arrays and memory, the loss, its gradient's norm) of `size` series."""
    keeps = eqx.combine(arrays, trainer.runs.rest).keeps(size, key)
    value, slope = trainer.runs.slope(arrays, batch, keeps, of_batch=True)
    arrays, memory = move(trainer.optimiser, slope, memory, arrays)
    return arrays, memory, value, optax.tree.norm(slope)


@eqx.filter_jit
def _judge(runs: StackRuns, arrays, batch: Dealt):
    return runs.judge(arrays, batch)


@eqx.filter_jit
def _statistics(runs: StackRuns, arrays, batch: Dealt):
    return runs.statistics(arrays, batch)


def _batches(count: int, size: int, seed: tuple[int, int]) -> Iterator[np.ndarray]:
    """All of `count` in random order, `size` at a time, the last time fewer."""
    order = np.random.default_rng(seed).permutation(count)
    return (order[at] for at in _in_turn(count, size))


def _in_turn(count: int, size: int) -> Iterator[np.ndarray]:
    """0 to `count`, `size` at a time, the last time fewer."""
    return (np.arange(at, min(at + size, count)) for at in range(0, count, size))
