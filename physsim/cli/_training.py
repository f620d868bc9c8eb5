"""From a task to what it learned."""

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import numpy as np

import learning
from circuits import Circuit
from physsim import DivergenceError

from ._digest import digest, digest_of_netlist
from ._files import load_circuit
from ._goals import GOALS, AbstractTaskGoal
from ._optimiser import make_optimiser, make_schedule
from ._task import Task
from ._values import choose_values, spread_values


@final
@dataclass(frozen=True)
class Trained:
    """A task's result: the fit, and the circuits before and after."""

    task: Task
    goal: AbstractTaskGoal
    fit: learning.Fit
    before: Circuit
    after: Circuit
    seed: int

    def figures(self) -> dict[str, Any]:
        """Everything there is to say in numbers; values in SI."""
        fit = self.fit
        return {
            "loss_first": float(fit.losses[0]) if len(fit.losses) else None,
            "loss_best": fit.best,
            "iterations": len(fit.losses),
            "seconds": fit.seconds,
            "interrupted": fit.interrupted,
            **self.goal.figures(fit, self.before, self.after),
            "values_before": self.before.values(),
            "values_after": self.after.values(),
        }


@final
@dataclass(frozen=True)
class TrainingRun:
    """One training of a task: its seed, and where it keeps its state."""

    seed: int
    folder: Path
    stem: str
    resume: bool = False
    overwrite: bool = False

    def path(self, ending: str) -> Path:
        return self.folder / f"{self.stem}{ending}"


@final
class TaskTrainer:
    """A task made ready: parts that several runs share, so that each is compiled once."""

    def __init__(self, task: Task, mesh: Any = None):
        self.task, self.mesh = task, mesh
        self.method = task.method()
        self.optimiser = make_optimiser(task.optimiser)
        self.schedule = make_schedule(task.optimiser)
        where = f"{task.path}: train"
        self.circuit, self.chosen = choose_values(load_circuit(task.netlist), task.train, where)
        _check_losses(task, self.circuit)

    def run(self, run: TrainingRun | None = None, progress: bool = True) -> Trained:
        """Train once; without a `run`, by the task's seed and without files."""
        task = self.task
        seed = task.seed if run is None else run.seed
        goal = GOALS[task.goal](task, self.circuit, seed)
        before = spread_values(self.circuit, self.chosen, task.spread, seed)
        files = {} if run is None else self._files(run, goal)
        try:
            fit: Any = learning.fit(
                before.hamiltonian,
                goal.experiment.solver,
                self.circuit.initial_state,
                goal.cost,
                **self._data(goal),
                **self._options(),
                mesh=self._mesh(goal),
                **files,
                method=self.method,
                optimiser=self.optimiser,
                **self.chosen._asdict(),
                seed=seed,
                progress=progress,
            )
        except DivergenceError as error:
            raise error.in_units(self.circuit.scales.time, "s") from None
        after = self.circuit.with_hamiltonian(fit.hamiltonian)
        return Trained(task, goal, fit, before, after, seed)

    def objective(self, seed: int) -> tuple[learning.Objective, Any]:
        """(what is minimised, the runs to learn from) of one seed, without training."""
        goal = GOALS[self.task.goal](self.task, self.circuit, seed)
        before = spread_values(self.circuit, self.chosen, self.task.spread, seed)
        data = self._data(goal)
        domain = learning.make_domain(before.hamiltonian, **self.chosen._asdict())
        shared = learning.Samples(data["inputs"], data["targets"])
        objective = learning.Objective(
            before.hamiltonian, domain, goal.experiment.solver, self.circuit.initial_state,
            goal.cost, data["dt"], data["num_steps"], shared,
        )  # fmt: skip
        return objective, data["samples"]

    def _mesh(self, goal: AbstractTaskGoal) -> Any:
        """The devices that share the samples. `ValueError` where hosts have nothing to share."""
        import jax

        if goal.samples is not None:
            return self.mesh
        if jax.process_count() > 1:
            raise ValueError(
                f"{self.task.path}: the task has one run, which hosts can't share; train it on one"
            )
        return None

    def _data(self, goal: AbstractTaskGoal) -> dict[str, Any]:
        """What is run: shared by all samples, or each sample's own."""
        import jax.numpy as jnp

        own = goal.samples
        dtype = self.circuit.y0.q.dtype
        shared = own is None or own.targets is None
        return {
            "dt": goal.experiment.dt,
            "num_steps": goal.experiment.num_steps,
            "inputs": self.circuit.drive if own is None else None,
            "targets": jnp.asarray(goal.targets, dtype) if shared else None,
            "samples": own,
            "validation": goal.judges,
        }

    def _options(self) -> dict[str, Any]:
        options = self.task.optimiser
        return {
            "iterations": options["iterations"],
            "tolerance": float(options["tolerance"]),
            "batch_size": options["batch"] or None,
            "patience": options["patience"] or None,
            "judge_every": options["judge_every"] or None,
            "check_every": self.task.gradient["check_every"] or None,
        }

    def _files(self, run: TrainingRun, goal: AbstractTaskGoal) -> dict[str, Any]:
        """The checkpoint and the metrics file of a run."""
        domain = learning.make_domain(self.circuit.hamiltonian, **self.chosen._asdict())
        names = np.array(self.circuit.hamiltonian.parameter_names())[np.asarray(domain.index)]
        units = np.asarray(domain.take(self.circuit.units))

        def describe(update: learning.Update) -> dict[str, Any]:
            values = dict(zip(names.tolist(), (update.values * units).tolist(), strict=True))
            told = {"step": update.step, "loss": update.loss, "gradient_norm": update.gradient_norm,
                    "learning_rate": float(self.schedule(update.step)), "values": values,
                    "seconds": round(update.seconds, 6)}  # fmt: skip
            if update.judged is not None:
                told["validation"] = update.judged
            if update.agreement is not None:
                told["bptt_cosine"], told["bptt_relative_error"] = update.agreement
            return told

        checkpoint = learning.Checkpoint(
            run.path("_checkpoint.bin"),
            self.task.optimiser["checkpoint_every"],
            run.resume,
            belongs_to(self.task, self.circuit, goal, run.seed),
            _advice(run.path("_trained.cir")),
        )
        return {
            "checkpoint": checkpoint.claim(run.overwrite),
            "metrics": learning.MetricsFile(run.path("_metrics.jsonl"), describe),
        }


def _advice(learned: Path) -> str:
    """What to do where a checkpoint is of another training; `learned` may be its netlist."""
    counts = "Every key of a task counts, iterations too"
    if not learned.exists():
        return counts
    return f"{counts}; a new training may start from what was learned: netlist = {learned.name}"


def _check_losses(task: Task, circuit: Circuit) -> None:
    """`ValueError` that names the lossy elements, where RHEL is to train a lossy circuit."""
    refuses = task.gradient["method"] == "RHEL" and task.gradient["echo"] == "lossless"
    if not refuses or circuit.hamiltonian.is_lossless:
        return
    raise ValueError(
        f"{task.path}: RHEL needs a lossless circuit, whose echo retraces its run, and "
        f"{task.netlist.name} has {listed(lossy_elements(circuit))}. Take them out; or set "
        '[gradient] echo = "gain" (exact where all losses decay at one rate), echo = "lossy" '
        '(biased: see `physsim robustness`), or method = "ReversibleAdjoint" or "BPTT"'
    )


def lossy_elements(circuit: Circuit) -> list[str]:
    """The names of what turns energy into heat."""
    from circuits import NonlinearResistor, Resistor

    elements = circuit.netlist.elements
    return [e.name for e in elements if isinstance(e, Resistor | NonlinearResistor)]


def listed(names: list[str], most: int = 8) -> str:
    """Names for people, the first few of many."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def belongs_to(task: Task, circuit: Circuit, goal: AbstractTaskGoal, seed: int) -> dict[str, str]:
    """What a training is made of; a checkpoint of anything else is another training's."""
    plain = replace(task, path=Path(task.path.name), netlist=Path(task.netlist.name))
    samples = [goal.targets, goal.samples, goal.judges]
    return {
        "task": digest(repr(plain)),
        "netlist": digest_of_netlist(circuit.netlist),
        "data": digest(*_bytes(samples)),
        "seed": str(seed),
        "physsim": version("physsim-echo"),
    }


def _bytes(tree) -> list[bytes]:
    import jax

    return [np.asarray(x).tobytes() for x in jax.tree.leaves(tree) if hasattr(x, "shape")]
