"""`physsim timescales`"""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._files import console, find_input, load_circuit, output_folder, save_figure, save_json
from ._main import app
from ._options import OptionalIntegrator, Out, integrator, quantity


@app.command(rich_help_panel="Echo learning")
def timescales(
    target: Annotated[
        Path, typer.Argument(help="A netlist, a task of `learn`, or an experiment (TOML).")
    ],
    measure: Annotated[
        str | None, typer.Option(help="v(node) or i(element). Default: the last node's voltage.")
    ] = None,
    lag: Annotated[
        str | None, typer.Option(help="The delay that a task asks for, e.g. 40u.")
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

        physsim timescales timescales_s1_fast.toml

    A task of `physsim learn` is looked at with the values that it trains. Experiments on gated
    recurrent networks that come along: timescales_s1.toml (effective learning rates by lag),
    timescales_s2.toml (how uneven gradients are), and both in short, timescales_s1_fast.toml and
    timescales_s2_fast.toml. See docs/timescales.md.
    """
    folder = output_folder(Path(out))
    if target.suffix == ".toml":
        from ._timescales_experiment import bundled_experiment, load_toml

        path = find_input(target)
        if not path.exists() and path.parent == Path("."):
            path = bundled_experiment(path.name)
        data = load_toml(path)
        if "experiment" in data:
            return _experiment(path, data, folder)
        return _task(path, measure, quantity(lag, "--lag"), windows, folder)
    circuit = load_circuit(target)
    solver = None if integrator_name is None else integrator(integrator_name)
    span = (quantity(t_end, "--t-end"), quantity(dt, "--dt"))
    _circuit(circuit, measure, quantity(lag, "--lag"), span, solver, windows, folder / target.stem)


def _circuit(circuit, measure, lag, span, solver, windows, stem: Path, chosen: Any = None) -> None:
    from ._timescales_pictures import circuit_picture
    from ._timescales_report import advice, lag_table, make_report
    from ._timescales_target import circuit_target

    found = circuit_target(circuit, measure, *span, solver)
    report = make_report(found, lag, chosen, windows)
    console.print(lag_table(report))
    save_figure(circuit_picture(report), stem.with_name(f"{stem.name}_timescales.png"))
    said = advice(report)
    figures = {**report.figures(), "advice": said}
    save_json(figures, stem.with_name(f"{stem.name}_timescales.json"))
    console.print(said)


def _task(path: Path, measure, lag, windows, folder: Path) -> None:
    """The circuit of a task, its read-out, run and trained values."""
    from ._task import read_task
    from ._values import choose_values

    task = read_task(path)
    circuit, chosen = choose_values(load_circuit(task.netlist), task.train, f"{path}: train")
    table = {"target": task.target, "response": task.response}.get(task.goal, {})
    measure = measure or table.get("quantity") or task.classes["readouts"][0]
    span = (task.time("t_end"), task.time("dt"))
    _circuit(circuit, measure, lag, span, task.solver(circuit), windows, folder / path.stem,
             chosen.trainable)  # fmt: skip


def _experiment(path: Path, data: dict[str, Any], folder: Path) -> None:
    from ._timescales_experiment import claims_of, claims_table, read_experiment, run_experiment
    from ._timescales_pictures import PICTURES

    experiment = read_experiment(path, data)
    results = run_experiment(experiment, folder / f"{path.stem}.json")
    save_figure(PICTURES[experiment.kind](experiment, results), folder / f"{path.stem}.png")
    console.print(claims_table(experiment, claims_of(experiment, results)))
