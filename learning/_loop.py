"""The loop of training: update after update, judged and told."""

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from physsim import DivergenceError

from ._bptt import BPTT
from ._domain import from_free
from ._echo import reason
from ._gradient import AbstractGradient
from ._objective import Objective, batch_index
from ._optax import move, searches_lines
from ._samples import AnySamples, Samples, SharedSamples
from ._state import TrainState, Update

_UNMOVED = 5
"""So many equal losses in a row end a training by line searches."""


@final
class Plan(NamedTuple):
    """How a training goes, and when it stops.

    `judge_by`: the samples whose loss tells the best values, "own" loss where it is None.
    `samples` that all make an update are spread over the `mesh`, others batch by batch.
    """

    objective: Objective
    method: AbstractGradient
    optimiser: Any
    samples: AnySamples
    judge_by: AnySamples
    iterations: int
    batch_size: int | None
    judge_every: int
    check_every: int | None
    tolerance: float | None
    patience: int | None
    seed: int
    mesh: Mesh | None = None


def train(
    plan: Plan,
    state: TrainState,
    told: Callable[[TrainState, Update], None],
    kept: Callable[[TrainState], None],
) -> tuple[TrainState, bool]:
    """(the last state, whether Ctrl-C ended it).

    `told(state, update)` before an update counts, `kept(state)` after it.
    """
    started = time.perf_counter() - float(state.seconds)
    try:
        while state.step < plan.iterations and not state.finished:
            after, update = _advance(plan, state, started)
            if update is not None:
                told(after, update)
            state = after
            kept(state)
        if plan.judge_by is not None and not state.finished:
            state = state.judge(_value(plan, state.z), elsewhere=True).finish()
    except KeyboardInterrupt:
        return state, True
    return state, False


def _advance(plan: Plan, state: TrainState, started: float):
    """The state after one update, and the update, None where the run diverged."""
    step, batch = state.step, _batch(plan, state.step)
    try:
        z, optimiser, loss, slope, values = _update(
            plan.objective, plan.method, plan.optimiser, state.z, state.optimiser, batch
        )
        loss, norm = float(loss), float(np.linalg.norm(slope))
    except eqx.EquinoxRuntimeError as error:
        if jax.process_count() > 1:
            # The others wait for what this process will not add.
            raise DivergenceError(reason(error)) from None
        return _diverged(state, reason(error)), None
    if not np.isfinite(loss + norm):
        return _diverged(state, _NOT_FINITE), None
    judged = None
    if plan.judge_by is None:
        state = state.judge(loss, elsewhere=False)
    elif step % plan.judge_every == 0:
        judged = _value(plan, state.z)
        state = state.judge(judged, elsewhere=True)
    agreement = None
    if plan.check_every is not None and step % plan.check_every == 0:
        agreement = _agreement(plan, state.z, batch, np.asarray(slope))
    seconds = time.perf_counter() - started
    update = Update(step, loss, norm, np.asarray(values), seconds, judged, agreement)
    after = state.advance(z, optimiser, loss, seconds)
    over = _is_over(plan, state, loss) or has_converged(plan, after)
    return (after.finish() if over else after), update


def _is_over(plan: Plan, state: TrainState, loss: float) -> bool:
    """Whether the tolerance was met (by the loss that judges), or patience is at its end."""
    reached = float(state.best) if plan.judge_by is not None else loss
    met = plan.tolerance is not None and reached <= plan.tolerance
    return met or (plan.patience is not None and int(state.stale) >= plan.patience)


def has_converged(plan: Plan, state: TrainState) -> bool:
    """Whether line searches of late found nothing lower, so that there is nothing to go on for."""
    last = state.losses[-_UNMOVED:]
    unmoved = len(last) == _UNMOVED and np.ptp(last) == 0
    return bool(unmoved) and plan.batch_size is None and searches_lines(state.optimiser)


def _batch(plan: Plan, step: int) -> AnySamples:
    samples = plan.samples
    if plan.batch_size is None or not isinstance(samples, Samples):
        return samples
    index = batch_index(len(samples), plan.batch_size, step, plan.seed)
    return samples[index] if plan.mesh is None else SharedSamples.make(samples, plan.mesh, index)


_NOT_FINITE = (
    "the cost or its gradient is not finite: the run diverged (try a smaller dt or learning rate) "
    "or the cost has no derivative somewhere on it"
)


def _diverged(state: TrainState, message: str) -> TrainState:
    if state.step == 0:
        raise DivergenceError(message)
    warnings.warn(f"training stopped before update {state.step}: {message}", stacklevel=4)
    return state.finish()


def _value(plan: Plan, z) -> float:
    """The loss that judges; infinite where it is not a number, so that it is never the best."""
    value = float(_evaluate(plan.objective, z, plan.judge_by))
    return value if np.isfinite(value) else np.inf


def _agreement(plan: Plan, z, batch, slope: np.ndarray) -> tuple[float, float]:
    """(cosine, relative error) of a gradient by the free numbers against BPTT's."""
    exact = np.asarray(_slope(plan.objective, BPTT(), z, batch)[1])
    size = float(np.linalg.norm(exact)) or 1.0
    cosine = float(slope @ exact) / (float(np.linalg.norm(slope)) * size or 1.0)
    return cosine, float(np.linalg.norm(slope - exact)) / size


@eqx.filter_jit
def _update(objective: Objective, method, optimiser, z, memory, batch):
    """(next z, next memory, loss, its slope, the values that z stands for)."""
    loss, slope = objective.slope(method, z, batch)
    value_fn = objective.differentiable(method, batch)
    values = from_free(z, objective.domain.lower, objective.domain.upper)
    z, memory = move(optimiser, slope, memory, z, value=loss, grad=slope, value_fn=value_fn)
    return z, memory, loss, slope, values


@eqx.filter_jit
def _slope(objective: Objective, method, z, batch):
    return objective.slope(method, z, batch)


@eqx.filter_jit
def _evaluate(objective: Objective, z, samples) -> jax.Array:
    return jnp.asarray(objective.value(z, samples))
