"""`physsim learn`"""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ._analysis import si, value_unit, words_of
from ._bundled import find_input
from ._curves import save_curves
from ._files import console, output_folder, save_figure, save_json
from ._launch import WAIT, Coordinator, Hosts, ProcessId, Wait, is_first, join
from ._main import app
from ._options import Out, Overwrite, Repeats, Resume, TaskFile
from ._record import save_record
from ._schema import check_known
from ._task import METHODS, Task, read_task


@app.command(rich_help_panel="Echo learning")
def learn(
    task: TaskFile,
    method: Annotated[
        str | None, typer.Option(help="RHEL, ReversibleAdjoint, BPTT or ContinuousAdjoint.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the task's.")] = None,
    seeds: Repeats = 1,
    resume: Resume = False,
    overwrite: Overwrite = False,
    out: Out = "out",
    coordinator: Coordinator = None,
    hosts: Hosts = None,
    process_id: ProcessId = None,
    wait: Wait = WAIT,
) -> None:
    """Train component values: on a waveform, a frequency response, or classes of signals.

    Ctrl-C stops early and keeps the best values so far; `--resume` goes on, bit for bit, also
    after a crash. Results of another task, method or seed are not replaced without `--overwrite`.
    Every update is a line of `<task>_metrics.jsonl`. Of many runs, each device takes
    its part; on several hosts, run the same command on each, with one folder for results.

    Examples:

        physsim learn coupled_lc.toml

        physsim learn pulse_shapes.toml --method BPTT --seeds 5

    Bundled: coupled_lc.toml (two tanks), tank_chain.toml (many values, noisy target),
    band_pass.toml (a filter), pulse_shapes.toml and junction_moons.toml (classifiers).

    A task names the netlist, the elements to train, what to learn and the run:

    ```toml
    netlist = "coupled_lc.cir"
    train = ["C1", "C2", "L12"]     # or ["C*"], or tables: [train.C1] min = "0.5n"
    [target]                        # or [response], or [classes] with [data]
    quantity = "v(out)"
    csv = "measured.csv"            # time (s), value; or a file that `simulate` wrote
    [run]
    t_end = "2u"
    ```

    docs/learning.md lists all keys; the bundled tasks are commented.
    """
    mesh = join(locals())
    folder = output_folder(Path(out))
    plan = read_task(task)
    if method is not None:
        check_known("--method: ", method, METHODS, "method")
        plan = replace(plan, gradient=plan.gradient | {"method": method})
    if seed is not None:
        plan = replace(plan, seed=seed)
    results = _train_all(plan, folder, find_input(task).stem, seeds, mesh, resume, overwrite)
    if any(figures["interrupted"] for figures in results):
        console.print("interrupted; the best values so far were kept", style="yellow")
        raise typer.Exit(130)


def _train_all(
    task: Task, folder: Path, stem: str, seeds: int, mesh: Any, resume: bool, overwrite: bool
) -> list[dict]:
    """The figures of each seed's training, written as they come."""
    from ._training import TaskTrainer, TrainingRun

    trainer, results = TaskTrainer(task, mesh), []
    name = task.gradient["method"]
    for seed in range(task.seed, task.seed + seeds):
        label = stem if seeds == 1 else f"{stem}_{name}_{seed}"
        trained = trainer.run(TrainingRun(seed, folder, label, resume, overwrite))
        if trained.fit.origin:
            console.print(trained.fit.origin)
        results.append(write_results(trained, folder, label) if is_first() else trained.figures())
        if results[-1]["interrupted"]:
            break
    if seeds > 1 and is_first():
        write_summary(results, folder / f"{stem}_{name}_seeds.json", f"{stem}, {name}")
    return results


def write_results(trained, folder: Path, stem: str) -> dict[str, Any]:
    """Print the values, write figures, the loss history and the plot; returns the figures."""
    from ._pictures import training_picture

    fit, figures = trained.fit, trained.figures()
    _print_values(figures["values_before"], figures["values_after"])
    first = figures["loss_first"]
    console.print(
        f"best loss {math.nan if first is None else first:.3e} -> {fit.best:.3e} in "
        f"{len(fit.losses)} updates, {fit.seconds:.1f} s"
    )
    if fit.converged:
        console.print("  converged: the last line searches found nothing lower")
    for name in _told(figures):
        console.print(f"  {words_of(name)}: {figures[name]:.4g}")
    path = folder / f"{stem}_learned.json"
    save_json(figures, path)
    np.savetxt(folder / f"{stem}_loss.csv", fit.losses, header="loss", comments="")
    # Not by the name of the record, which a simulation of it would take.
    learned = folder / f"{stem}_trained.cir"
    learned.write_text(trained.after.netlist.to_text(), encoding="utf-8")
    console.print(f"  netlist  {learned}", highlight=False)
    curves = trained.goal.curves(fit, trained.before, trained.after)
    save_curves(folder / f"{stem}_curves.json", curves)
    save_figure(training_picture(trained, curves), folder / f"{stem}_learned.png")
    inputs = [trained.task.path, trained.task.netlist]
    circuit = trained.goal.experiment.circuit
    save_record(path, "learn", inputs, _settings(trained), circuit)
    return figures


def _settings(trained) -> dict[str, Any]:
    """The task's tables, defaults filled in, and the seed of this training."""
    task = trained.task
    tables = ("train", "spread", task.goal, "data", "run", "gradient", "optimiser")
    return {"seed": trained.seed} | {name: getattr(task, name) for name in tables}


def _told(figures: dict[str, Any]) -> list[str]:
    """The names of what the goal says of itself."""
    common = ("loss_first", "loss_best", "iterations", "seconds", "interrupted")
    return [n for n, x in figures.items() if n not in common and not isinstance(x, dict)]


_SHOWN = 20


def _print_values(before: dict[str, float], after: dict[str, float]) -> None:
    table = Table(title="component values")
    for column in ("value", "before", "after", "change"):
        table.add_column(column, justify="left" if column == "value" else "right")
    changed = {name: value for name, value in after.items() if value != before[name]}
    for name, value in list(changed.items())[:_SHOWN]:
        change = f"{value / before[name] - 1:+.2%}" if before[name] else ""
        cells = (si(x, value_unit(name), 6) for x in (before[name], value))
        table.add_row(name, *cells, change)
    if len(changed) > _SHOWN:
        table.caption = f"and {len(changed) - _SHOWN} more"
    console.print(table)


def write_summary(results: list[dict[str, Any]], path: Path, title: str) -> None:
    """Mean and standard deviation of the figures over the seeds, printed and written."""
    names = ["loss_first", "loss_best", "iterations", "seconds", *_told(results[0])]
    table, summary = Table(title=f"{title}: {len(results)} seeds"), {}
    for column in ("figure", "mean", "sd", "worst to best"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name in names:
        values = np.array([figures[name] for figures in results], float)
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        summary[name] = {"mean": float(values.mean()), "sd": spread, "all": values.tolist()}
        table.add_row(words_of(name), f"{values.mean():.4g}", f"{spread:.2g}",
                      f"{values.min():.4g} .. {values.max():.4g}")  # fmt: skip
    console.print(table)
    path.write_text(json.dumps(summary, indent=2) + "\n")
    console.print(f"  seeds    {path}", highlight=False)
