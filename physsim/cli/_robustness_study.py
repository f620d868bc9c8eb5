"""A task and a planned machine: what is swept, and what it comes to."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, final

import equinox as eqx
import jax
import numpy as np

import learning
from learning import EchoErrors, FidelityMap, Machines, NudgeSize, Sweep
from physsim import integrate, progress_bar

from ._analysis import decay_times
from ._optimiser import make_optimiser
from ._robustness_imperfections import IMPERFECTIONS, Units, shown, sweeps
from ._robustness_verdict import verdict
from ._task import read_task
from ._training import TaskTrainer, listed, lossy_elements

_BOLTZMANN = 1.380649e-23
_MANY_DECAYS = 10.0
EPSILONS = np.logspace(-4, 0, 9)


@final
@dataclass(frozen=True)
class RobustnessPlan:
    """A planned machine in SI, and how much is to be computed."""

    quality: float | None
    temperature: float
    drift: float
    mismatch: float
    flip_gain: float
    flip_delay: float
    flip_jitter: float
    readout_noise: float
    adc_bits: int | None
    dac_bits: int | None
    seeds: int
    samples: int
    updates: int

    def __post_init__(self):
        if self.quality is not None and not self.quality > 0:
            raise ValueError(f"--quality must be positive, got {self.quality}")
        if self.temperature and self.quality is None:
            raise ValueError("--temperature is noise of losses: it needs --quality")


@final
@dataclass(frozen=True)
class Study:
    """Everything that was found."""

    plan: RobustnessPlan
    units: Units
    machine: EchoErrors
    base: FidelityMap
    """The planned machine itself, at one level."""
    maps: list[FidelityMap]
    nudges: NudgeSize
    losses: dict[str, float]
    """Before training, after training by the true gradient, and by the machine's echoes."""
    lossy_losses: list[float]
    """What the true gradient reaches at each level of the losses; empty without training."""
    blame: str
    """The imperfection without which the planned machine would be best, empty if ideal."""
    lossy: str
    """The circuit's own losses."""

    @property
    def epsilon(self) -> float:
        """The best nudge of the planned machine."""
        return learning.best_epsilon(self.base.epsilons, self.base.cosine[0])

    @property
    def fit(self) -> bool:
        return bool(self.base.best[0] >= learning.FIT) and self.trains

    @property
    def trains(self) -> bool:
        """Whether training by the machine's echoes lowers the loss, if the true gradient does."""
        if "machine" not in self.losses or not self.losses["exact"] < self.losses["before"]:
            return True
        return self.losses["machine"] < self.losses["before"]

    @property
    def verdict(self) -> str:
        return verdict(self)

    def figures(self) -> dict[str, Any]:
        """All numbers, with levels as people give them."""
        return {
            "fit": self.fit,
            "verdict": self.verdict,
            "machine": asdict(self.plan),
            "omega_times_run": self.units.angle,
            "epsilon": self.epsilon,
            "cosine": float(self.base.best[0]),
            "norm_ratio": float(self.base.ratio[0, int(np.argmax(self.base.cosine[0]))]),
            "losses": self.losses,
            "losses_by_true_gradient_over_q": [
                x if math.isfinite(x) else None for x in self.lossy_losses
            ],
            "epsilons": EPSILONS.tolist(),
            "maps": {m.sweep.field: _figures(m, self.units) for m in self.maps},
            "best_epsilon": {
                "readout_noise": self.nudges.levels.tolist(),
                "predicted": self.nudges.predicted.tolist(),
                "measured": [None if math.isnan(x) else x for x in self.nudges.measured],
                "slope": None if math.isnan(self.nudges.slope) else self.nudges.slope,
            },
        }


def _figures(found: FidelityMap, units: Units) -> dict[str, Any]:
    return {
        "level": shown(found.sweep, units),
        "cosine": found.cosine.tolist(),
        "norm_ratio": [[x if math.isfinite(x) else None for x in row] for row in found.ratio],
        "loss": [x if math.isfinite(x) else None for x in found.loss.tolist()],
    }


def _check_decays(task, objective, samples) -> None:
    """`ValueError` where the circuit's own losses leave an echo nothing to gather."""
    sample = None if samples is None else samples[0]
    problem = objective.problem(objective.H, sample)
    decays = decay_times(objective.H, float(problem.dt), problem.num_steps)
    if decays > _MANY_DECAYS:
        raise ValueError(
            f"{task.path}: the run lasts {decays:.0f} decay times of the fastest loss in "
            f"{task.netlist.name}, so an echo has forgotten it long before the start; shorten "
            "[run] t_end, or ask of the circuit without its resistors, with --quality for losses"
        )


def study(path: Path, plan: RobustnessPlan) -> Study:
    """Run the sweeps, trainings and the search for the best nudge, with a progress bar."""
    task = read_task(path)
    task = replace(task, gradient=task.gradient | {"method": "BPTT"})
    trainer = TaskTrainer(task)
    objective, samples = trainer.objective(task.seed)
    samples = samples if samples is None else samples[: plan.samples]
    _check_decays(task, objective, samples)
    machines = learning.make_machines(objective, samples)
    units = _units(trainer.circuit, objective, samples)
    machine = _machine(plan, units)
    swept = sweeps(units)
    train = (_optimiser(task, plan), plan.updates) if plan.updates else None
    with progress_bar("imperfections", len(swept) + 3) as advance:

        def told(field: str) -> None:
            advance(1, note=IMPERFECTIONS[field].note or field)

        (base,) = learning.sweep_imperfections(
            machines, machine, [Sweep("flip_gain", np.array([plan.flip_gain]))], EPSILONS,
            seeds=max(plan.seeds, 4), train=train, told=told,
        )  # fmt: skip
        maps = learning.sweep_imperfections(
            machines, machine, swept, EPSILONS, seeds=plan.seeds, train=train, told=told
        )
        nudges = learning.nudge_size(
            machines, np.logspace(-7, -3, 5), np.logspace(-5, -0.5, 16), seeds=32
        )
        advance(1, note="best epsilon")
        losses = _losses(machines, machine, base, train)
        lossy_losses = _lossy_losses(machines, machine, swept[0], train)
        blame = _blame(machines, machine, base)
        advance(1)
    lossy = listed(lossy_elements(trainer.circuit))
    return Study(
        plan, units, machine, base, maps, nudges, losses, lossy_losses, blame, lossy
    )  # fmt: skip


def _optimiser(task, plan: RobustnessPlan):
    options = task.optimiser | {"iterations": plan.updates}
    if options["method"] == "lbfgs":
        # A line search needs losses without noise.
        options["method"] = "adam"
    return make_optimiser(options)


def _units(circuit, objective, samples) -> Units:
    scales, horizon = circuit.scales, objective.dt * objective.num_steps
    first = samples if samples is None else samples[0]
    problem = objective.problem(objective.H, first)
    inputs = objective.shared.inputs if first is None else first.inputs
    y0 = problem.start(objective.H)
    run = integrate(
        objective.H, objective.solver, y0, dt=objective.dt, num_steps=objective.num_steps,
        inputs=inputs,
    )  # fmt: skip
    kinetic = float(np.mean(np.asarray(jax.vmap(objective.H.conservative.kinetic)(run.ys.p))))
    energy = kinetic / len(objective.H.coordinates)
    return Units(scales.time, scales.energy, horizon, energy / horizon)


def _machine(plan: RobustnessPlan, units: Units) -> EchoErrors:
    loss = 0.0 if plan.quality is None else 1.0 / plan.quality
    return EchoErrors(
        loss=loss,
        diffusion=loss * _BOLTZMANN * plan.temperature / units.energy,
        drift=plan.drift,
        mismatch=plan.mismatch,
        flip_gain=plan.flip_gain,
        flip_delay=plan.flip_delay / units.time,
        flip_jitter=plan.flip_jitter / units.time,
        readout_noise=plan.readout_noise,
        adc_bits=math.inf if plan.adc_bits is None else plan.adc_bits,
        dac_bits=math.inf if plan.dac_bits is None else plan.dac_bits,
    )


def _losses(machines: Machines, machine: EchoErrors, base: FidelityMap, train) -> dict[str, float]:
    objective = machines.objective
    losses = {"before": float(objective.value(machines.start, machines.samples))}
    if train is not None:
        exact = learning.reached(machines, machine, *train, exact=True)
        losses |= {"exact": float(exact[0]), "machine": float(base.loss[0])}
    return losses


def _lossy_losses(machines: Machines, machine: EchoErrors, sweep: Sweep, train) -> list[float]:
    if train is None:
        return []
    errors = eqx.tree_at(lambda e: e.loss, machine, sweep.levels)
    return learning.reached(machines, errors, *train, exact=True).tolist()


def _blame(machines: Machines, machine: EchoErrors, base: FidelityMap) -> str:
    """Whose absence helps the cosine most."""
    epsilon = learning.best_epsilon(base.epsilons, base.cosine[0])
    fields = [f for f, x in vars(machine).items() if x != vars(EchoErrors())[f] and f != "epsilon"]
    if not fields:
        return ""
    names = list(vars(machine))
    rows = []
    for field in fields:
        better = eqx.tree_at(lambda e, f=field: getattr(e, f), machine, vars(EchoErrors())[field])
        rows.append(vars(better) | {"epsilon": epsilon})
    columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    found = learning.echo_fidelity(machines, EchoErrors(**columns), seeds=4)
    return fields[int(np.argmax(found.cosine.mean(axis=1)))]
