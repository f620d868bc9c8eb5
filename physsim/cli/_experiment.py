"""A circuit, a measured quantity and a run: what gradients are taken of."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import learning
from circuits import Circuit, Readout, Result, check_memory
from physsim import AbstractSolver, integrate

from ._analysis import default_readout

_STEPS = 1000


@final
class MeanSquare(eqx.Module):
    """Half the mean square of (quantity - target), in units of `scale`."""

    readout: Readout
    scale: float = eqx.field(static=True)
    num_steps: int = eqx.field(static=True)

    def __call__(self, H, y, u, target):
        return 0.5 * ((self.readout(H, y, u) - target) / self.scale) ** 2 / self.num_steps


@final
@dataclass(frozen=True)
class Experiment:
    """Arguments of a gradient method; `dt` is dimensionless, targets in SI."""

    circuit: Circuit
    solver: AbstractSolver
    cost: MeanSquare
    dt: float
    num_steps: int
    targets: Float[Array, " K"]

    @property
    def times(self) -> Float[Array, " K"]:
        """The times of the targets, in s."""
        return jnp.arange(1.0, self.num_steps + 1.0) * self.dt * self.circuit.scales.time

    def with_targets(self, targets: Any) -> "Experiment":
        """The same run with these target values, in SI."""
        return dataclasses.replace(self, targets=jnp.asarray(targets, self.targets.dtype))

    def waveform(self, circuit: Circuit) -> Float[np.ndarray, " K"]:
        """What the quantity does in `circuit`, with the steps of this experiment, in SI."""
        H, y0, drive = circuit.hamiltonian, circuit.y0, circuit.drive
        options = {"dt": self.dt, "num_steps": self.num_steps, "inputs": drive}
        solution = integrate(H, self.solver, y0, **options)
        return Result(circuit, solution).measure(self.cost.readout)[1:]

    def arguments(self) -> tuple[Any, ...]:
        return (self.circuit.hamiltonian, self.solver, self.circuit.initial_state, self.cost)

    def options(self) -> dict[str, Any]:
        inputs = self.circuit.drive
        options = {"dt": self.dt, "num_steps": self.num_steps, "inputs": inputs}
        return {**options, "targets": self.targets}

    def compare(self, epsilon: float | None = None) -> learning.GradientReport:
        methods = {
            "RHEL": learning.RHEL(epsilon),
            "ReversibleAdjoint": learning.ReversibleAdjoint(),
            "BPTT": learning.BPTT(),
            "ContinuousAdjoint": learning.ContinuousAdjoint(),
        }
        return learning.compare_gradients(*self.arguments(), **self.options(), methods=methods)


def make_experiment(circuit, measure, solver, t_end, dt, num_steps=None) -> Experiment:
    """An experiment with zero targets; `t_end` and `dt` in s."""
    readout = circuit.readout(measure)
    step = circuit.suggest_dt(solver) if dt is None else dt
    if num_steps is None:
        num_steps = max(1, math.ceil(t_end / step - 1e-9))
        check_memory(num_steps, 1 + 2 * len(circuit.hamiltonian.coordinates))
        step = t_end / num_steps
    scale = circuit.scales.voltage if readout.unit == "V" else circuit.scales.current
    cost = MeanSquare(readout, scale, num_steps)
    dtype = circuit.y0.q.dtype
    targets = jnp.zeros(num_steps, dtype)
    return Experiment(circuit, solver, cost, step / circuit.scales.time, num_steps, targets)


def check_experiment(circuit, measure, solver, t_end, dt) -> Experiment:
    """The mean square of one quantity, by default the voltage of the last node.

    Until `t_end` (s), or where `.tran` stops but for at most 1000 steps, which end at corners
    of waveforms where they can: a corner inside a step costs the methods their order.
    """
    if measure is None:
        measure = default_readout(circuit)
    tran = circuit.netlist.tran
    stop = tran.stop if t_end is None and tran is not None else t_end
    step = circuit.suggest_dt(solver) if dt is None else dt
    if stop is None:
        return make_experiment(circuit, measure, solver, None, circuit.aligned_dt(step), _STEPS)
    step = circuit.aligned_dt(step, stop, finest=min(step / 4, stop / _STEPS))
    longest = t_end is None and stop > _STEPS * step
    return make_experiment(circuit, measure, solver, stop, step, _STEPS if longest else None)
