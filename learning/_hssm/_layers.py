"""The units of a stack as maps whose transport can be looked at, layer by layer."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from physsim import AbstractSolver, make_drive

from .._series import SeriesData
from .._transport import StepMap, run_map
from ._objective import goal_of, make_batch
from ._recurrence import run_core
from ._stack import Stack
from ._sweep import pooled
from ._unit import AbstractHRU


class LayerRun(NamedTuple):
    """A unit's run under the signals that the layers below give it."""

    F: StepMap
    states: Float[Array, "states n"]
    """(q, p) from rest on."""
    inputs: PyTree
    slopes: Float[Array, "states n"]
    """dL/dz: how the loss feels the state through what is read of it at that time."""


def unit_map(
    unit: AbstractHRU, solver: AbstractSolver, signals: Float[Array, "steps m"]
) -> tuple[StepMap, PyTree]:
    """(F, inputs): a step of `unit`, and what `signals` drive it with step by step."""
    drive, rows = make_drive(signals, unit, len(signals), signals.dtype)
    return StepMap(unit, solver, drive, unit.dt), (jnp.arange(len(signals)), rows)


def layer_runs(stack: Stack, series: SeriesData) -> list[LayerRun]:
    """Each unit's run along one series, without dropout.

    Raises `ValueError` where there is not one series, or it does not fit the stack.
    """
    if len(series) != 1:
        raise ValueError(f"{series.name}: layers are run along one series, got {len(series)}")
    if series.x.shape[1] != stack.signals:
        raise ValueError(
            f"the stack takes {stack.signals} channels, {series.name} has {series.x.shape[1]}"
        )
    # Padding is no signal; values are read at whole parts of the length.
    steps = int(series.lengths[0]) if series.classes else series.x.shape[2]
    batch = make_batch(series, np.zeros(1, int), 1, stack.encoder.B.dtype)
    batch = batch._replace(x=batch.x[:, :steps])
    n = [len(block.unit.coordinates) for block in stack.blocks]
    nothing = [jnp.zeros((k, steps, 1), batch.x.dtype) for k in n]
    slopes, signals = _slopes(nothing, stack, batch, goal_of(series))
    return [_layer_run(*layer, stack.solver) for layer in
            zip((b.unit for b in stack.blocks), signals, slopes, strict=True)]  # fmt: skip


def _layer_run(unit, signals, slopes, solver) -> LayerRun:
    F, inputs = unit_map(unit, solver, signals[..., 0].T)
    states = run_map(F, jnp.zeros(2 * len(slopes), signals.dtype), inputs)
    by_q = jnp.pad(slopes[..., 0].T, ((1, 0), (0, len(slopes))))
    return LayerRun(F, states, inputs, by_q)


@eqx.filter_jit
def _slopes(nudges: list[Array], stack: Stack, batch: Any, goal: Any) -> Any:
    """(the loss's slope by nudges of what is read of each unit, the units' signals)."""

    def loss(nudges):
        u, signals = stack.encoder(batch.x), []
        for block, start, nudge in zip(stack.blocks, stack.start(1), nudges, strict=True):
            v, drive = block.enter(u)
            core = stack.solver.prepare(block.unit.core)
            carried = stack.solver.start(core, start)
            q = run_core(stack.solver, core, block.unit.dt, carried, drive)[1] + nudge
            u, signals = block.leave(q, u, v), [*signals, v]
        outputs = stack.decode(pooled(u, goal.reading(batch)))
        return goal.losses(outputs, batch)[0], signals

    return jax.grad(loss, has_aux=True)(nudges)
