"""`physsim timescales`"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, final

import typer

from ._bundled import bundled_config, find_input
from ._files import console, load_circuit, output_folder, save_figure, save_json
from ._main import app
from ._options import OptionalIntegrator, Out, integrator, seconds
from ._record import ENDING
from ._schema import load_toml


@app.command(rich_help_panel="Echo learning")
def timescales(
    target: Annotated[
        Path,
        typer.Argument(
            help="A netlist, a task of `learn` (TOML), a trained run of `learn` or `train` (its "
            "folder, record, result or checkpoint), or an experiment (TOML)."
        ),
    ],
    measure: Annotated[
        str | None, typer.Option(help="v(node) or i(element). Default: the last node's voltage.")
    ] = None,
    lag: Annotated[
        str | None,
        typer.Option(help="The delay that a task asks for, e.g. 40u; of stacks, in steps."),
    ] = None,
    t_end: Annotated[str | None, typer.Option(help="Length of the run. Default: .tran.")] = None,
    dt: Annotated[str | None, typer.Option(help="Step. Default: chosen.")] = None,
    windows: Annotated[int, typer.Option(min=1, help="Windows along the run.")] = 8,
    integrator_name: OptionalIntegrator = None,
    out: Out = "out",
) -> None:
    """Why does a component not learn, and which time constant should it have?

    Follows small changes along a run: how much of them is left after each lag (in the metric of
    the energy), in how many directions, at which phase, what losses take, and which component a
    read-out can still feel. Ends with advice: what is invisible at which lag, and time constants
    for the lag that a task asks for.

    Examples:

        physsim timescales coupled_lc.cir

        physsim timescales filter.cir --measure "v(out)" --lag 40u --t-end 200u

        physsim timescales out/coupled_lc_learned.run.json

        physsim timescales out/recall_fused/seed_0 --lag 200

        physsim timescales timescales_s1_fast.toml

    A task of `physsim learn` is looked at with the values that it trains, as they start; a run of
    it, with those that it learned. Of a stack that `physsim train` left, each layer's unit is
    looked at along the first test series, by steps; what its states move is the loss.

    Experiments on gated recurrent networks that come along: timescales_s1.toml (effective learning
    rates by lag), timescales_s2.toml (how uneven gradients are), and both in short,
    timescales_s1_fast.toml and timescales_s2_fast.toml. See docs/timescales.md.
    """
    folder = output_folder(Path(out))
    solver = integrator(integrator_name)
    span = (seconds(t_end, "--t-end"), seconds(dt, "--dt"))
    look = _Look(measure, seconds(lag, "--lag"), *span, solver, windows)

    from ._timescales_run import trained_run

    if run := trained_run(target):
        return _RUNS[run.record.kind](run, look, folder)
    if target.suffix == ".toml":
        path = find_input(target)
        if not path.exists() and path.parent == Path("."):
            path = bundled_config(path.name)
        data = load_toml(path)
        if "experiment" in data:
            return _experiment(path, data, look, folder)
        return _task(path, look, folder)
    _circuit(load_circuit(target), look, folder / target.stem)


@final
@dataclass(frozen=True)
class _Look:
    """What the options ask for; None where they say nothing."""

    measure: str | None
    lag: float | None
    t_end: float | None
    dt: float | None
    solver: Any
    windows: int

    def only(self, what: str, *kept: str) -> None:
        """`ValueError` for options that say nothing about `what`."""
        options = {"measure": self.measure, "lag": self.lag, "t-end": self.t_end, "dt": self.dt,
                   "integrator": self.solver}  # fmt: skip
        for name, value in options.items():
            if value is not None and name not in kept:
                raise ValueError(f"--{name} is for circuits; {what} has its own")


def _circuit(circuit, look: _Look, stem: Path, chosen: Any = None) -> None:
    from ._timescales_report import make_report
    from ._timescales_target import circuit_target

    target = circuit_target(circuit, look.measure, look.t_end, look.dt, look.solver)
    figures = _shown(make_report(target, look.lag, chosen, look.windows), stem)
    save_json(figures, stem.with_name(f"{stem.name}_timescales.json"))
    console.print(figures["advice"])


def _shown(report, stem: Path) -> dict[str, Any]:
    """Print the table, draw the picture, and return the figures."""
    from ._timescales_advice import advice
    from ._timescales_pictures import run_picture
    from ._timescales_report import lag_table

    console.print(lag_table(report))
    save_figure(run_picture(report), stem.with_name(f"{stem.name}_timescales.png"))
    return report.figures() | {"advice": advice(report)}


def _task(path: Path, look: _Look, folder: Path) -> None:
    """The circuit of a task before training."""
    from ._task import read_task
    from ._values import choose_values

    task = read_task(path)
    circuit, chosen = choose_values(load_circuit(task.netlist), task.train, f"{path}: train")
    _circuit(circuit, _as_task(look, task, circuit), folder / path.stem, chosen.trainable)


def _learned(run, look: _Look, folder: Path) -> None:
    """The circuit of a task with the values it learned."""
    from ._timescales_run import learned_circuit, recorded_task
    from ._values import choose_values

    task, circuit = recorded_task(run), learned_circuit(run)
    chosen = choose_values(circuit, task.train, f"{run.path}: train")[1].trainable
    stem = folder / run.path.name.removesuffix(ENDING)
    _circuit(circuit, _as_task(look, task, circuit), stem, chosen)


def _as_task(look: _Look, task, circuit) -> _Look:
    """The read-out, run and integrator of a task, where the options name no other."""
    table = {"target": task.target, "response": task.response}.get(task.goal, {})
    return replace(
        look,
        measure=look.measure or table.get("quantity") or task.classes["readouts"][0],
        t_end=look.t_end or task.time("t_end"),
        dt=look.dt or task.time("dt"),
        solver=look.solver or task.solver(circuit),
    )


def _layers(run, look: _Look, folder: Path) -> None:
    """The units of a trained stack, along its first test series."""
    from ._timescales_layers import layer_targets
    from ._timescales_report import make_report
    from ._timescales_run import trained_layers

    look.only("a stack", "lag")
    stack, series = trained_layers(run)
    s = run.record.settings
    stem = folder / f"{s['config']}_{s['method']}_{s['seed']}"
    told = []
    for target in layer_targets(stack, series):
        console.print(f"layer {target.number}: {target.F.H.describe()}", highlight=False)
        report = make_report(target, look.lag, None, look.windows)
        figures = _shown(report, stem.with_name(f"{stem.name}_layer_{target.number}"))
        figures["advice"] = " ".join([figures["advice"], *target.notes()])
        told.append(figures | {"saturated": target.saturated()})
        console.print(figures["advice"])
    save_json(
        {"series": series.name, "layers": told}, stem.with_name(f"{stem.name}_timescales.json")
    )


_RUNS = {"learn": _learned, "train": _layers}


def _experiment(path: Path, data: dict[str, Any], look: _Look, folder: Path) -> None:
    from ._timescales_experiment import (
        claims_of,
        claims_table,
        read_experiment,
        run_experiment,
        saturation_notes,
    )
    from ._timescales_pictures import PICTURES

    look.only("an experiment")
    experiment = read_experiment(path, data)
    results = run_experiment(experiment, folder / f"{path.stem}.json")
    save_figure(PICTURES[experiment.kind](experiment, results), folder / f"{path.stem}.png")
    console.print(claims_table(experiment, claims_of(experiment, results)))
    for note in saturation_notes(results):
        console.print(note)
