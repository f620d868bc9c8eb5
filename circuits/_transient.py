"""Runs of a circuit: how they are cut into steps, and whether the steps were accurate."""

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import jax

from physsim import AbstractSolver, expected_step_error, integrate, step_error

from ._plan import StepPlan, check_memory, make_plan
from ._result import Result
from ._sources import shortest_time
from ._waveforms import PWL, Pulse

if TYPE_CHECKING:
    from ._circuit import Circuit

# A step may err this much more than the same step of a harmonic oscillator ...
_SLACK = 10.0
# ... or by this part of the waveform, below which no step is shortened.
_FLOOR = 1e-9
_ROUGH = 1e-3
_REFINEMENTS = 12
_FEWEST_STEPS = 50
_SHORTER = 1 - 1e-6
# From here to the caller of `Circuit.simulate`.
_STACK = 4


@final
@dataclass(frozen=True)
class Transient:
    """A run from t = 0 to `stop` (s), or to the end of the netlist's `.tran` where it is None."""

    circuit: "Circuit"
    solver: AbstractSolver
    stop: float | None
    save_every: int | None
    seed: int
    progress: bool

    def with_steps_of(self, dt: float) -> Result:
        """The run with steps of at most `dt` (s). Warns where they are inaccurate."""
        plan = self._plan(self._aligned(dt), every_step=True)
        self._warn_of_corners(plan.dt)
        result = self._run(plan)
        self._warn(self._error(result, plan), _ROUGH)
        return result

    def resolved(self) -> Result:
        """The run with the longest step, of a falling series, that is accurate."""
        dt = self.circuit.suggest_dt(self.solver)
        whole = self._plan(dt)
        dt = min(dt, whole.dt * whole.num_steps / _FEWEST_STEPS)
        target = _SLACK * expected_step_error(self.solver) + _FLOOR
        error, plan = math.inf, whole
        for _ in range(_REFINEMENTS):
            plan = self._plan(self._aligned(dt))
            result = self._run(plan, throw=False)
            error = self._error(result, plan)
            if error <= target:
                return result
            factor = (error / target) ** (1 / (self.solver.order + 1))
            dt = plan.dt / min(max(factor, 1.3), 8.0)
        self._warn(error, target)
        return self._run(plan)

    def _warn_of_corners(self, dt: float) -> None:
        """The estimate of a step's error knows smooth motion alone."""
        edges = {
            s.source: shortest_time(s.waveform)
            for s in self.circuit.signals
            if isinstance(s.waveform, Pulse | PWL)
        }
        names = [name for name, time in edges.items() if time < _SHORTER * dt]
        if names:
            warnings.warn(
                f"steps of {dt:.3g} s are longer than edges of {', '.join(names)} "
                f"({min(edges.values()):.3g} s) and step over their corners: reduce dt",
                stacklevel=_STACK,
            )

    def _plan(self, dt: float, *, every_step: bool = False) -> StepPlan:
        circuit = self.circuit
        tran, numbers = circuit.netlist.tran, 1 + 2 * len(circuit.hamiltonian.coordinates)
        plan = make_plan(tran, self.stop, dt, self.save_every, every_step=every_step)
        check_memory(plan.num_steps // plan.save_every, numbers)
        return plan

    def _aligned(self, dt: float) -> float:
        """`dt`, shortened so that corners of waveforms fall between steps."""
        tran = self.circuit.netlist.tran
        ends = [self.stop] if self.stop is not None else []
        if tran is not None:
            ends += [tran.stop, tran.step] if self.stop is None else [tran.step]
        return self.circuit.aligned_dt(dt, *ends)

    def _run(self, plan: StepPlan, *, throw: bool = True) -> Result:
        circuit = self.circuit
        solution = integrate(
            circuit.hamiltonian,
            self.solver,
            circuit.y0,
            dt=plan.dt / circuit.scales.time,
            num_steps=plan.num_steps,
            inputs=circuit.drive,
            save_every=plan.save_every,
            key=jax.random.key(self.seed) if circuit.hamiltonian.is_noisy else None,
            progress=self.progress,
            throw=throw,
        )
        return Result(circuit, solution, start=plan.start, dt=plan.dt)

    def _error(self, result: Result, plan: StepPlan) -> float:
        circuit, dt = self.circuit, plan.dt / self.circuit.scales.time
        return step_error(circuit.hamiltonian, self.solver, result.solution, dt, circuit.drive)

    def _warn(self, error: float, limit: float) -> None:
        if error > limit:
            warnings.warn(
                f"steps of {self.solver.name} are off by {error:.1g} of the waveform each: "
                "reduce dt",
                stacklevel=_STACK,
            )
