"""Training a stack, epoch after epoch."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int

from physsim import DivergenceError, progress_bar

from .._checkpoint import Checkpoint
from .._metrics import MetricsFile
from .._series import SeriesData, Splits
from ._batch_statistics import batch_norms, of_batches, settled
from ._objective import AbstractGoal, Batch, goal_of, make_batch
from ._stack import Stack
from ._sweep import AbstractSweep


class Epoch(NamedTuple):
    """What is known after an epoch; scores are accuracies, or minus mean square errors."""

    step: int
    loss: float
    """The mean over the training series, while they were trained on."""
    validation_loss: float
    validation_score: float
    gradient_norm: float
    """The largest of the epoch's updates."""
    seconds: float


@final
class StackState(eqx.Module):
    """All that one epoch hands to the next: with it a training goes on bit for bit."""

    arrays: Any
    optimiser: Any
    best: Any
    best_score: Float[np.ndarray, ""]
    best_loss: Float[np.ndarray, ""]
    stale: Int[np.ndarray, ""]
    """How many epochs ago the best was."""
    history: Float[np.ndarray, "epochs 6"]

    @property
    def epochs(self) -> list[Epoch]:
        return [Epoch(int(row[0]), *map(float, row[1:])) for row in self.history]


@final
class StackFit(NamedTuple):
    """What training leaves: the stack of the best validation, and how it came about."""

    stack: Stack
    epochs: list[Epoch]
    test_score: float
    predictions: Any
    """Of the test series: class numbers [N], or values [outputs, windows, N]."""
    interrupted: bool
    origin: str


def fit_stack(
    stack: Stack,
    splits: Splits,
    *,
    sweep: AbstractSweep,
    optimiser: Any,
    epochs: int,
    batch_size: int,
    patience: int | None = None,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
    metrics: MetricsFile | None = None,
    progress: bool = True,
) -> StackFit:
    """Minimise the loss of the training series; keep what does best on the validation series.

    Batches of `batch_size` are drawn anew each epoch, by `seed`. Ends after `epochs`, after
    `patience` epochs without a better score, on Ctrl-C, or with a warning where the loss or the way
    back of an echo is lost. `checkpoint` counts in epochs and
    may be resumed from; `metrics` gets a line an epoch. `optimiser` is any of optax; the precision
    is the stack's own.

    Raises `ValueError` for counts below 1 and data that don't fit the stack, before any training;
    `DivergenceError` where the first epoch diverges.
    """
    for name, count in (("epochs", epochs), ("batch", batch_size), ("patience", patience or 1)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    _check_fit(stack, splits.train)
    arrays, rest = eqx.partition(stack, eqx.is_inexact_array)
    trainer = Trainer(rest, goal_of(splits.train), sweep, optimiser)
    state, origin = _first_state(arrays, optimiser), ""
    if checkpoint is not None and checkpoint.resume:
        kept, origin = checkpoint.load(state)
        state = state if kept is None else kept
    if metrics is not None:
        metrics.rewind(len(state.history))
    size = min(batch_size, len(splits.train))
    started = time.perf_counter() - (state.history[-1, -1] if len(state.history) else 0.0)
    bar = progress_bar("training", epochs) if progress else nullcontext(lambda *_, **__: None)
    interrupted = False
    with bar as advance:
        advance(len(state.history))
        try:
            while len(state.history) < epochs and int(state.stale) < (patience or epochs):
                state = trainer.epoch(state, splits, size, seed, started)
                _tell(state.epochs[-1], splits, metrics, advance)
                if checkpoint is not None and len(state.history) % checkpoint.every == 0:
                    _save(checkpoint, metrics, state)
        except KeyboardInterrupt:
            interrupted = True
        except DivergenceError as error:
            if not len(state.history):
                raise
            warnings.warn(
                f"training stopped in epoch {len(state.history) + 1}: {error}", stacklevel=2
            )
    if checkpoint is not None:
        _save(checkpoint, metrics, state)
    _, score, predictions = trainer.evaluate(state.best, splits.test, batch_size)
    best = eqx.combine(state.best, rest)
    return StackFit(best, state.epochs, score, predictions, interrupted, origin)


@final
class Trainer(eqx.Module):
    """What stays the same over all epochs."""

    rest: Any
    goal: AbstractGoal
    sweep: AbstractSweep
    optimiser: Any = eqx.field(static=True)

    def epoch(
        self, state: StackState, splits: Splits, size: int, seed: int, started: float
    ) -> StackState:
        """All training series once, then a judgement."""
        number, losses, norms = len(state.history), [], []
        arrays, memory = state.arrays, state.optimiser
        key = jax.random.fold_in(jax.random.key(seed), number)
        for i, index in enumerate(_batches(len(splits.train), size, (seed, number))):
            batch = make_batch(splits.train, index, size, _dtype(arrays))
            try:
                arrays, memory, loss, norm = _update(
                    self, arrays, memory, batch, jax.random.fold_in(key, i)
                )
                losses.append(float(loss))
                norms.append(float(norm))
            except eqx.EquinoxRuntimeError as error:
                raise DivergenceError(str(error).splitlines()[0]) from error
        if not np.isfinite(losses + norms).all():
            raise DivergenceError(
                "the loss or its gradient is not finite: lower the learning rate, or take float64"
            )
        arrays = self.settle(arrays, splits.train, size)
        loss, score, _ = self.evaluate(arrays, splits.validation, size)
        seconds = time.perf_counter() - started
        row = np.array([number, np.mean(losses), loss, score, max(norms), seconds])
        # Equal scores are frequent among few series: the loss then decides.
        better = (score, -loss) > (float(state.best_score), -float(state.best_loss))
        return StackState(
            arrays,
            memory,
            arrays if better else state.best,
            np.asarray(score if better else state.best_score),
            np.asarray(loss if better else state.best_loss),
            np.asarray(0 if better else int(state.stale) + 1),
            np.vstack([state.history, row[None]]),
        )

    def settle(self, arrays: Any, data: SeriesData, size: int) -> Any:
        """Batch norms, if any, with the statistics of `data`."""
        stack = eqx.combine(arrays, self.rest)
        if not batch_norms(stack):
            return arrays
        cuts = (np.arange(at, min(at + size, len(data))) for at in range(0, len(data), size))
        batches = (make_batch(data, index, len(index), _dtype(arrays)).x for index in cuts)
        return eqx.filter(settled(stack, batches), eqx.is_inexact_array)

    def evaluate(self, arrays: Any, data: SeriesData, size: int) -> tuple[float, float, Any]:
        """(mean loss, mean score, predictions) without dropout."""
        losses, scores, outputs = 0.0, 0.0, []
        for start in range(0, len(data), size):
            index = np.arange(start, min(start + size, len(data)))
            batch = make_batch(data, index, size, _dtype(arrays))
            loss, score, out = _judge(self, arrays, batch)
            losses, scores = losses + float(loss), scores + float(score)
            outputs.append(np.asarray(out)[..., : len(index)])
        found = np.concatenate(outputs, -1)
        predictions = found[:, 0].argmax(0) if data.classes else found
        return losses / len(data), scores / len(data), predictions


@eqx.filter_jit
def _update(trainer: Trainer, arrays, memory, batch: Batch, key):
    """(the next arrays and memory, the loss, its gradient's norm)."""

    def loss(arrays):
        stack = of_batches(eqx.combine(arrays, trainer.rest))
        outputs = trainer.sweep(stack, batch.x, trainer.goal.reading(batch), key=key)
        losses = trainer.goal.losses(outputs, batch)
        return jnp.sum(losses * batch.weights) / jnp.sum(batch.weights)

    value, slope = jax.value_and_grad(loss)(arrays)
    # optax mixes dtypes where JAX's strict promotion is on.
    with jax.numpy_dtype_promotion("standard"):
        step, memory = trainer.optimiser.update(slope, memory, arrays)
    step = jax.tree.map(lambda dx, x: dx.astype(x.dtype), step, arrays)
    return eqx.apply_updates(arrays, step), memory, value, optax.tree.norm(slope)


@eqx.filter_jit
def _judge(trainer: Trainer, arrays, batch: Batch):
    """(summed losses, summed scores, outputs)."""
    stack = eqx.combine(arrays, trainer.rest)
    outputs = trainer.sweep(stack, batch.x, trainer.goal.reading(batch))
    losses = jnp.sum(trainer.goal.losses(outputs, batch) * batch.weights)
    return losses, jnp.sum(trainer.goal.scores(outputs, batch) * batch.weights), outputs


def _first_state(arrays, optimiser) -> StackState:
    with jax.numpy_dtype_promotion("standard"):
        memory = optimiser.init(arrays)
    nothing = np.asarray(-np.inf), np.asarray(np.inf), np.asarray(0), np.zeros((0, 6))
    return StackState(arrays, memory, arrays, *nothing)


def _batches(count: int, size: int, seed: tuple[int, int]) -> Iterator[np.ndarray]:
    """All of `count` in random order, `size` at a time, the last time fewer."""
    order = np.random.default_rng(seed).permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]


def _check_fit(stack: Stack, data: SeriesData) -> None:
    takes, gives = stack.signals, stack.outputs
    if (takes, gives) != (data.x.shape[1], data.outputs):
        raise ValueError(
            f"the stack takes {takes} channels and gives {gives} outputs, but {data.name} has "
            f"{data.x.shape[1]} channels and needs {data.outputs} outputs"
        )
    if batch_norms(stack) and len(set(np.asarray(data.lengths).tolist())) > 1:
        raise ValueError(
            f"series of {data.name} differ in length, and norms over a batch would take their "
            "padding for signal: take layer norms"
        )


def _dtype(arrays) -> Any:
    return jax.tree.leaves(arrays)[0].dtype


def _tell(epoch: Epoch, splits: Splits, metrics, advance: Callable[..., None]) -> None:
    if metrics is not None:
        metrics.write(epoch)
    what = "accuracy" if splits.train.classes else "-MSE"
    advance(1, note=f"loss {epoch.loss:.3e}, {what} {epoch.validation_score:.3f}")


def _save(checkpoint: Checkpoint, metrics: MetricsFile | None, state: StackState) -> None:
    if metrics is not None:
        metrics.sync()
    checkpoint.save(state)


def trained_stack(stack: Stack, optimiser: Any, checkpoint: Checkpoint) -> Stack:
    """The best stack so far of the training that keeps `checkpoint`.

    `stack` and `optimiser` are those it began with. Raises `ValueError` where nothing is kept, or
    of another training.
    """
    arrays, rest = eqx.partition(stack, eqx.is_inexact_array)
    kept, origin = checkpoint.load(_first_state(arrays, optimiser))
    if kept is None:
        raise ValueError(origin)
    return eqx.combine(kept.best, rest)


def stack_gradient(stack: Stack, data: SeriesData, sweep: AbstractSweep) -> Stack:
    """The gradient of the mean loss of all `data`, in the shape of the stack; no dropout."""
    _check_fit(stack, data)
    batch = make_batch(data, np.arange(len(data)), len(data), stack.encoder.B.dtype)
    return _slope(stack, goal_of(data), sweep, batch)


@eqx.filter_jit
@eqx.filter_grad
def _slope(stack: Stack, goal: AbstractGoal, sweep: AbstractSweep, batch: Batch):
    return jnp.mean(goal.losses(sweep(stack, batch.x, goal.reading(batch)), batch))
