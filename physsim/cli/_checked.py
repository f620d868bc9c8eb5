"""What `physsim check` takes gradients of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from ._analysis import decay_times, si
from ._bundled import find_input
from ._files import load_circuit
from ._options import integrator


@final
@dataclass(frozen=True)
class Checked:
    """What gradients are taken of: arguments and options of a method."""

    inputs: list[Path]
    circuit: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    measure: str
    stop: float

    def cost(self) -> str:
        """What L is."""
        what = f"half the mean square of {self.measure}" if self.measure else "the task's cost"
        return f"L is {what}, over {self.length()}"

    def length(self) -> str:
        settings = self.settings()
        return f"{settings['steps']} steps of {si(settings['dt_s'], 's')}"

    def has_corners(self) -> bool:
        options, unit = self.options, self.circuit.scales.time
        return self.circuit.has_corners(options["num_steps"] * options["dt"] * unit)

    def settings(self) -> dict[str, Any]:
        return {
            "measure": self.measure,
            "integrator": self.arguments[1].name,
            "dt_s": self.options["dt"] * self.circuit.scales.time,
            "steps": self.options["num_steps"],
        }

    def worn(self, error: float, divisor: float, limit: float) -> str:
        """Why a method that leads a lossy run back is not judged, or nothing where it is.

        Rounding, of a unit in the last place over `divisor`, grows at most as exp(decay times) on
        the way back. Errors above that are no rounding; `limit` is the method's tolerance.
        """
        options = self.options
        decays = decay_times(self.arguments[0], options["dt"], options["num_steps"])
        rounding = np.finfo(np.float64).eps / divisor
        if np.log(error / rounding) > decays:
            return ""
        enough = np.log(limit / rounding) / decays * options["num_steps"] * self.settings()["dt_s"]
        return (
            f"the run lasts {decays:.0f} decay times of its fastest loss, and rounding grows all "
            f"the way back; {si(enough, 's')} are short enough (--t-end), and BPTT is right at any "
            "length"
        )


def checked_netlist(path, measure, integrator_name, t_end, dt) -> Checked:
    """The mean square of one quantity; times in s, None for what the netlist says."""
    from ._experiment import check_experiment

    circuit = load_circuit(path).noiseless()
    solver = integrator(integrator_name) or circuit.default_solver
    experiment = check_experiment(circuit, measure, solver, t_end, dt)
    stop = float(experiment.times[-1])
    name = experiment.cost.readout.name
    inputs = [find_input(path)]
    return Checked(inputs, circuit, experiment.arguments(), experiment.options(), name, stop)


def checked_task(path: Path) -> Checked:
    """The first run of a task, from the values it starts with."""
    from ._task import read_task
    from ._training import TaskTrainer

    task = read_task(path)
    trainer = TaskTrainer(task)
    objective, samples = trainer.objective(task.seed)
    sample = None if samples is None else samples[0]
    problem = objective.problem(objective.H, sample)
    inputs = objective.shared.inputs
    if sample is not None and sample.inputs is not None:
        inputs = sample.inputs
    options = {
        "dt": float(problem.dt),
        "num_steps": problem.num_steps,
        "inputs": inputs,
        "targets": problem.rows.target,
    }
    arguments = (problem.H, problem.solver, problem.initial, problem.cost)
    return Checked([task.path, task.netlist], trainer.circuit, arguments, options, "", 0.0)
