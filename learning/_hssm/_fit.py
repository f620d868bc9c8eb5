"""Training a stack, epoch after epoch."""

import time
import warnings
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh

from physsim import DivergenceError, sharding

from .._checkpoint import Checkpoint
from .._echo import reason
from .._files import Files
from .._metrics import MetricsFile
from .._series import SeriesData, Splits
from ._batch_statistics import batch_norms
from ._objective import goal_of
from ._runs import Dealt, StackRuns, deal
from ._stack import Stack
from ._state import Epoch as Epoch
from ._state import StackState, first_state
from ._sweep import AbstractSweep
from ._trainer import Trainer


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
    mesh: Mesh | None = None,
) -> StackFit:
    """Minimise the loss of the training series; keep what does best on the validation series.

    Batches of `batch_size` are drawn anew each epoch, by `seed`. Ends after `epochs`, after
    `patience` epochs without a better score, on Ctrl-C, or with a warning where the loss or the way
    back of an echo is lost. `checkpoint` counts in epochs and may be resumed from; `metrics` gets a
    line an epoch. `optimiser` is any of optax; the precision is the stack's own.

    The series of a batch are spread over the devices of a `mesh`, and their gradients added up; so
    are those that judge. On several hosts all call this alike; the first writes the files, and all
    read them.

    Raises `ValueError` for counts below 1 and data that don't fit the stack, before any training;
    `DivergenceError` where the first epoch diverges.
    """
    for name, count in (("epochs", epochs), ("batch", batch_size), ("patience", patience or 1)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    _check_fit(stack, splits.train)
    arrays, rest = eqx.partition(stack, eqx.is_inexact_array)
    runs = StackRuns(rest, goal_of(splits.train), sweep, mesh)
    trainer = Trainer(sharding.replicate(runs, mesh), optimiser)
    files = Files(checkpoint, metrics, mesh)
    state, origin = files.begin(first_state(arrays, optimiser))
    size = min(batch_size, len(splits.train))
    started = time.perf_counter() - state.seconds
    interrupted = False
    with files.bar(progress, epochs) as advance:
        advance(state.step)
        try:
            while state.step < epochs and int(state.stale) < (patience or epochs):
                state = trainer.epoch(state, splits, size, seed, started)
                files.tell(state.epochs[-1])
                advance(1, note=_note(state.epochs[-1], splits))
                files.keep(state)
        except KeyboardInterrupt:
            interrupted = True
        except (DivergenceError, eqx.EquinoxRuntimeError) as error:
            _stop(state, error)
    files.save(state)
    if interrupted and jax.process_count() > 1:
        # The others, elsewhere in an epoch, would not take part in the test.
        raise KeyboardInterrupt
    _, score, outputs = trainer.evaluate(state.best, splits.test, batch_size)
    predictions = trainer.predictions(outputs, splits.test, batch_size)
    best = eqx.combine(sharding.local(state.best, mesh), rest)
    return StackFit(best, state.epochs, score, predictions, interrupted, origin)


def _stop(state: StackState, error: Exception) -> None:
    """Warn that training ends early; an error where there is nothing yet, or others wait."""
    # Only the process whose echo is lost knows of it.
    alone = isinstance(error, eqx.EquinoxRuntimeError) and jax.process_count() > 1
    if not state.step or alone:
        raise DivergenceError(reason(error)) from None
    warnings.warn(f"training stopped in epoch {state.step + 1}: {reason(error)}", stacklevel=3)


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


def _note(epoch: Epoch, splits: Splits) -> str:
    what = "accuracy" if splits.train.classes else "-MSE"
    return f"loss {epoch.loss:.3e}, {what} {epoch.validation_score:.3f}"


def trained_stack(stack: Stack, optimiser: Any, checkpoint: Checkpoint) -> Stack:
    """The best stack so far of the training that keeps `checkpoint`.

    `stack` and `optimiser` are those it began with. Raises `ValueError` where nothing is kept, or
    of another training.
    """
    arrays, rest = eqx.partition(stack, eqx.is_inexact_array)
    kept, origin = checkpoint.load(first_state(arrays, optimiser))
    if kept is None:
        raise ValueError(origin)
    return eqx.combine(kept.best, rest)


def stack_gradient(
    stack: Stack, data: SeriesData, sweep: AbstractSweep, mesh: Mesh | None = None
) -> Stack:
    """The gradient of the mean loss of all `data`, in the shape of the stack; no dropout.

    The devices of a `mesh` share the series.
    """
    _check_fit(stack, data)
    arrays, rest = eqx.partition(stack, eqx.is_inexact_array)
    runs = StackRuns(rest, goal_of(data), sweep, mesh)
    batch = deal(data, np.arange(len(data)), len(data), stack.encoder.B.dtype, mesh)
    return sharding.local(_slope(*sharding.replicate((runs, arrays), mesh), batch), mesh)


@eqx.filter_jit
def _slope(runs: StackRuns, arrays, batch: Dealt):
    return runs.slope(arrays, batch, of_batch=False)[1]
