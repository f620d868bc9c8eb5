"""Running a stack, with the backward pass as an argument: one interface, several passes."""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PRNGKeyArray

from physsim import AbstractSolver, PhaseState

from .._echo import AbstractEcho, ReversibleAdjoint, echo_integrate
from ._batch_statistics import batch_norms
from ._fused import fused_features
from ._recurrence import run_core
from ._stack import Reading, Stack
from ._unit import AbstractHRU


class AbstractSweep(eqx.Module):
    """How a stack's gradient is computed: `jax.grad` of a function of the outputs uses it."""

    @abstractmethod
    def features(
        self, stack: Stack, x: Array, reading: Reading, starts: Any, keeps: Any
    ) -> Inexact[Array, "H windows series"]:
        """The features read from the last block's output."""

    def __call__(
        self,
        stack: Stack,
        x: Inexact[Array, "m T series"],
        reading: Reading,
        *,
        starts: tuple[PhaseState, ...] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Inexact[Array, "outputs windows series"]:
        """The outputs. `starts`: the units' first states, at rest by default.

        With `key`, dropout draws from it. Raises `ValueError` for shapes that don't fit.
        """
        signals, steps, series = x.shape
        if signals != stack.signals:
            raise ValueError(f"the stack takes {stack.signals} channels, the data have {signals}")
        if reading.weights.shape[0] != steps or steps % reading.windows:
            raise ValueError(
                f"{steps} steps can't be read by weights for {reading.weights.shape[0]} steps in "
                f"{reading.windows} equal windows"
            )
        reading = reading._replace(weights=reading.weights.astype(x.dtype))
        starts = stack.start(series, x.dtype) if starts is None else starts
        return stack.decode(self.features(stack, x, reading, starts, stack.keeps(series, key)))


class AbstractLayerwise(AbstractSweep):
    """One layer after another over the whole length: each layer's signals are kept."""

    @abstractmethod
    def positions(self, solver: AbstractSolver, unit: AbstractHRU, start: Any, drive: Any) -> Any:
        """The unit's positions [n, T, series] after each step."""

    def features(self, stack, x, reading, starts, keeps):
        u = stack.encoder(x)
        for block, start, keep in zip(stack.blocks, starts, keeps, strict=True):
            v, drive = block.enter(u)
            q = self.positions(stack.solver, block.unit, start, drive)
            u = block.leave(q, u, v, keep)
        return pooled(u, reading)


def pooled(u: Inexact[Array, "H T series"], reading: Reading) -> Inexact[Array, "H windows series"]:
    """The features that are read of the last block's output."""
    weighted = u * reading.weights[None]
    H, steps, series = weighted.shape
    shape = (H, reading.windows, steps // reading.windows, series)
    return jnp.sum(weighted.reshape(shape), 2)


@final
class StoredSweep(AbstractLayerwise):
    """Backpropagation through time: exact, memory proportional to the length."""

    def positions(self, solver, unit, start, drive):
        core = solver.prepare(unit.core)
        return run_core(solver, core, unit.dt, solver.start(core, start), drive)[1]


@final
class LayerSweep(AbstractLayerwise):
    """Each unit's gradient from its own echo, the layers one after another from the top.

    A layer's gradient by its input is what nudges the layer below. `echo` is
    `ReversibleAdjoint()`, exact, or `RHEL()`, two echoes as hardware runs them.
    """

    echo: AbstractEcho = ReversibleAdjoint()

    def positions(self, solver, unit, start, drive):
        steps = drive.shape[1]

        def one(start, drive):
            solution = echo_integrate(
                unit.core, solver, start, drive.T, dt=unit.dt, num_steps=steps,
                echo=self.echo, throw=False,
            )  # fmt: skip
            return solution.ys.q[1:].T

        return jax.vmap(one, in_axes=(1, 2), out_axes=2)(start, drive)


@final
class FusedSweep(AbstractSweep):
    """All layers' echoes abreast in one sweep back through time: memory constant in length.

    States are retraced, not stored, `chunk` steps at a time, so that what is pointwise in time
    runs as large matrix products. Memory is proportional to `chunk`; the result doesn't
    depend on it.
    """

    chunk: int = eqx.field(static=True, default=128)

    def __check_init__(self):
        if self.chunk < 1:
            raise ValueError(f"a chunk of {self.chunk} steps: it must be at least 1")

    def features(self, stack, x, reading, starts, keeps):
        if any(norm.of_batch for norm in batch_norms(stack)):
            raise ValueError(
                "norms over a batch mix all times, and the fused sweep goes back step by step: "
                "take layer norms, or LayerSweep()"
            )
        return fused_features(stack, x, reading, starts, keeps, self.chunk)
