"""What a task learns: a waveform, a frequency response, or classes."""

import math
from abc import ABC, abstractmethod
from typing import Any, final

import numpy as np
from scipy.interpolate import CubicSpline

from circuits import Circuit

from ._classes import accuracy, class_cost
from ._curves import Axis, Curves, Trace
from ._data import make_samples
from ._experiment import Experiment, make_experiment
from ._files import load_circuit
from ._options import seconds
from ._response import response_cost, waves
from ._ringing import warn_of_ringing
from ._task import Task
from ._wanted_response import drive_spectrum, wanted_response
from ._waveform_file import read_waveform

_BEFORE_AFTER = (("before", 1), ("after", 0))
_TARGET = 6


class AbstractTaskGoal(ABC):
    """The cost of a task's runs, and how to tell and show what was learned."""

    def __init__(self, experiment: Experiment, cost: Any, targets: Any, samples=None, judges=None):
        self.experiment, self.cost, self.targets = experiment, cost, targets
        self.samples, self.judges = samples, judges

    @abstractmethod
    def figures(self, fit, before: Circuit, after: Circuit) -> dict[str, float]:
        """Numbers that say how well it was learned."""

    @abstractmethod
    def curves(self, fit, before: Circuit, after: Circuit) -> Curves:
        """Before, after and target."""


@final
class WaveformGoal(AbstractTaskGoal):
    """A read-out follows a target in mean square."""

    def __init__(self, task: Task, circuit: Circuit, seed: int):
        experiment = _experiment(task, circuit, task.target["quantity"])
        samples, judges = None, None
        if task.data is not None:
            samples, judges = make_samples(task, circuit, np.asarray(experiment.times), seed)
            if samples.targets is None:
                raise ValueError(f"{task.path}: [data] file needs an array targets")
        else:
            experiment = experiment.with_targets(_targets(task, experiment, seed))
        super().__init__(experiment, experiment.cost, experiment.targets, samples, judges)
        self.hidden: dict[str, float] = {}
        if task.target["netlist"]:
            self.hidden = load_circuit(task.file(task.target["netlist"])).values()

    def figures(self, fit, before, after):
        start, learned = before.values(), after.values()
        known = [n for n, x in learned.items() if x != start[n] and self.hidden.get(n)]
        errors = [abs(learned[n] / self.hidden[n] - 1) for n in known]
        return {"largest_relative_value_error": max(errors)} if errors else {}

    def curves(self, fit, before, after):
        if self.samples is not None:
            totals = _totals(self, fit, before, after)
            return _sorted("what was learned", "loss of each run", totals)
        t, readout = np.asarray(self.experiment.times), self.experiment.cost.readout
        waves = [self.experiment.waveform(circuit) for circuit in (before, after)]
        return Curves(
            "what was learned",
            Axis("time", "s"),
            Axis(readout.name, readout.unit),
            _compared(t, self.experiment.targets, waves, smooth=True),
        )


@final
class ResponseGoal(AbstractTaskGoal):
    """A read-out's spectrum, over that of the drive, has a wanted shape."""

    def __init__(self, task: Task, circuit: Circuit, seed: int):
        experiment = _experiment(task, circuit, task.response["quantity"])
        if circuit.drive is None or task.data is not None:
            raise ValueError(f"{task.path}: [response] is to the netlist's own sources")
        self.frequencies, self.wanted = wanted_response(task)
        self.has_band = bool(task.response["pass"])
        times = np.asarray(experiment.times)
        if self.frequencies[-1] > 0.25 / times[0]:
            raise ValueError(f"{task.path}: [response] to: fewer than four steps a period")
        targets = waves(self.frequencies, times)
        cost = response_cost(
            experiment.cost.readout, experiment.cost.scale, self.wanted,
            drive_spectrum(circuit, self.frequencies, times),
        )  # fmt: skip
        super().__init__(experiment, cost, targets)
        warn_of_ringing(circuit, float(times[-1]), f"{task.path}: [response]")

    def figures(self, fit, before, after):
        """Shares of the response's power in the pass-band, and its largest dip there in dB.

        A table of magnitudes has no pass-band: only the dip is told, from the table.
        """
        figures = {}
        for label, circuit in (("before", before), ("after", after)):
            size = self._magnitudes(fit, circuit)
            wanted = self.wanted > 0
            if self.has_band:
                share = np.sum(size[wanted] ** 2) / np.sum(size**2)
                figures[f"share_in_band_{label}"] = float(share)
            inside = size[wanted] / self.wanted[wanted]
            figures[f"ripple_db_{label}"] = float(20 * np.log10(inside.max() / inside.min()))
        return figures

    def _magnitudes(self, fit, circuit) -> np.ndarray:
        """The response, in units in which it has the size of the wanted one."""
        sums = fit.objective.totals(circuit.hamiltonian, None)
        size = np.asarray(self.cost.loss.magnitudes(sums))
        return size * np.linalg.norm(self.wanted) / np.linalg.norm(size)

    def curves(self, fit, before, after):
        sizes = [self._magnitudes(fit, circuit) for circuit in (before, after)]
        return Curves(
            "what was learned",
            Axis("frequency", "Hz"),
            Axis("response (norm of the target's)"),
            _compared(self.frequencies, self.wanted, sizes),
        )


@final
class ClassesGoal(AbstractTaskGoal):
    """The read-out of a run's class gathers the most energy."""

    def __init__(self, task: Task, circuit: Circuit, seed: int):
        options = task.classes
        readouts = tuple(circuit.readout(str(q)) for q in options["readouts"])
        if len({readout.unit for readout in readouts}) != 1:
            raise ValueError(f"{task.path}: [classes] readouts must be all v(...) or all i(...)")
        experiment = _experiment(task, circuit, str(options["readouts"][0]))
        times = np.asarray(experiment.times)
        start = options["start"] and seconds(str(options["start"]), "[classes] start")
        window = (times > start).astype(float)
        if not window.any():
            raise ValueError(f"{task.path}: [classes] start is after the end of the run")
        cost = class_cost(
            readouts, experiment.cost.scale, int(window.sum()), options["cost"],
            float(options["sharpness"]),
        )  # fmt: skip
        super().__init__(experiment, cost, window, *make_samples(task, circuit, times, seed))

    def figures(self, fit, before, after):
        figures = {}
        for name, samples in (("training", self.samples), ("validation", self.judges)):
            if samples is None:
                continue
            for label, circuit in (("before", before), ("after", after)):
                energies = np.asarray(fit.objective.totals(circuit.hamiltonian, samples))
                rate = accuracy(energies, np.asarray(samples.labels))
                figures[f"{name}_accuracy_{label}"] = rate
        return figures

    def curves(self, fit, before, after):
        samples: Any = self.judges or self.samples
        labels = np.asarray(samples.labels)
        energies = np.asarray(fit.objective.totals(after.hamiltonian, samples))
        shares = energies / energies.sum(axis=1, keepdims=True)
        names = [readout.name for readout in self.cost.features.readouts]
        rng, traces = np.random.default_rng(0), []
        for i, name in enumerate(names):
            at = labels + 0.6 * (i + 0.5 + 0.8 * (rng.uniform(size=labels.size) - 0.5)) / len(names)
            traces.append(Trace(name, at - 0.3, shares[:, i], "dots"))
        classes = Axis("class", words=tuple(map(str, range(len(names)))))
        return Curves("what was learned", classes, Axis("share of the energy"), tuple(traces))


GOALS = {"target": WaveformGoal, "response": ResponseGoal, "classes": ClassesGoal}


def _totals(goal, fit, before, after):
    samples = goal.judges or goal.samples
    return [np.asarray(fit.objective.totals(c.hamiltonian, samples)) for c in (before, after)]


def _sorted(title: str, label: str, totals) -> Curves:
    """The runs' losses before and after, each in rising order."""
    traces = tuple(
        Trace(name, np.arange(len(values)), np.sort(values), colour=colour)
        for (name, colour), values in zip(_BEFORE_AFTER, totals, strict=True)
    )
    return Curves(title, Axis("runs, sorted"), Axis(label, log=True), traces)


def _compared(x, target, before_after, smooth: bool = False) -> tuple[Trace, ...]:
    traces = [Trace("target", x, target, "broad", _TARGET, smooth=smooth)]
    for (name, colour), y in zip(_BEFORE_AFTER, before_after, strict=True):
        traces.append(Trace(name, x, y, colour=colour, smooth=smooth))
    return tuple(traces)


def _experiment(task: Task, circuit: Circuit, measure: str) -> Experiment:
    span = (task.time("t_end"), task.time("dt"))
    return make_experiment(circuit, measure, task.solver(circuit), *span)


def _targets(task: Task, experiment: Experiment, seed: int) -> np.ndarray:
    """The target at the times of the steps, in SI, with the task's noise on it."""
    target = _clean_targets(task, experiment)
    noise = task.target["noise"] * np.max(np.abs(target))
    return target + noise * np.random.default_rng([seed, 80]).normal(size=target.shape)


def _clean_targets(task: Task, experiment: Experiment) -> np.ndarray:
    times = np.asarray(experiment.times)
    if task.target["csv"]:
        path = task.file(task.target["csv"])
        column = task.target["column"]
        t, values = read_waveform(path, column or task.target["quantity"], exact=bool(column))
        if times[0] < t[0] or times[-1] > t[-1] * (1 + 1e-9):
            raise ValueError(
                f"{path}: covers {t[0]:.6g} to {t[-1]:.6g} s, but the run goes to {times[-1]:.6g} s"
            )
        # Straight lines between samples would shift the values that are learned.
        return CubicSpline(t, values)(times) if len(t) > 3 else np.interp(times, t, values)
    # By the times of this task, whatever .tran the netlist has.
    teacher, dt = load_circuit(task.file(task.target["netlist"])), float(times[0])
    refine = math.ceil(dt / teacher.suggest_dt(experiment.solver))
    quantity, steps = task.target["quantity"], refine * experiment.num_steps
    fine = make_experiment(teacher, quantity, experiment.solver, None, dt / refine, steps)
    return fine.waveform(teacher)[refine - 1 :: refine]
