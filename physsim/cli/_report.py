"""`physsim report`"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from ._files import console
from ._main import app
from ._page import Heading, PageBlock, Section, Table, Text, Told
from ._run import Run, find_runs


@app.command(rich_help_panel="Start")
def report(
    run: Annotated[Path, typer.Argument(help="The folder that --out of a run named.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="The page. Default: RUN/report.html.")
    ] = None,
) -> None:
    """Write one HTML page about the simulations, checks and trainings in a folder.

    It holds the netlist, the Hamiltonian, plots to zoom into, tables, and what it takes to repeat
    the runs: command lines, versions, seeds, settings. It loads nothing, so it can be sent, kept
    and printed. Seeds of one training share their plots.

    Examples:

        physsim simulate coupled_lc.cir --out tanks

        physsim report tanks
    """
    path = run / "report.html" if output is None else output
    if path.is_dir():
        raise ValueError(f"{path} is a folder; --output names the page, such as {path}/report.html")
    page = make_page(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8", newline="\n")
    console.print(f"  report   {path} ({len(page) / 1e6:.1f} MB)", highlight=False)


class Kind(NamedTuple):
    """What runs of one command are called, whether seeds go together, and what is told of them."""

    title: str
    by_seed: bool
    tell: Callable[[Sequence[Run]], Told]


def _kinds() -> dict[str, Kind]:
    from ._report_check import echoes_in_ngspice, gradients
    from ._report_learning import training
    from ._report_series import stack_training
    from ._report_simulation import simulation

    return {
        "simulate": Kind("Simulation", False, simulation),
        "check": Kind("Gradients", False, gradients),
        "ngspice": Kind("Echo in ngspice", False, echoes_in_ngspice),
        "learn": Kind("Training", True, training),
        "train": Kind("Training", True, stack_training),
    }


def make_page(folder: Path) -> str:
    """The page of all runs in a folder. Raises `ValueError` that names what cannot be read."""
    from ._page import render
    from ._report_circuit import circuit_section

    kinds, runs = _kinds(), find_runs(folder)
    for run in runs:
        if run.record.kind not in kinds:
            raise ValueError(
                f"{run.path}: a run of {run.record.kind!r}; reports are of {', '.join(kinds)}"
            )
    groups = _grouped(runs, kinds)
    titles = [f"{kinds[group[0].record.kind].title}, {group[0].name}" for group in groups]
    told = [kinds[group[0].record.kind].tell(group) for group in groups]
    circuits = {run.netlist: run for run in runs if run.record.netlist}
    sections = [
        _summary(titles, told),
        *(Section(title, tells.blocks) for title, tells in zip(titles, told, strict=True)),
        *map(circuit_section, circuits.values()),
        _repetition(groups, titles),
    ]
    record = max((run.record for run in runs), key=lambda record: record.written)
    origin = f"physsim {record.versions.get('physsim')}, {record.written}"
    if len(groups) > 1:
        return render(f"{len(runs)} runs in {folder.resolve().name}", [origin], sections)
    heads = [run.netlist[1].partition("\n")[0] for run in circuits.values()]
    return render(titles[0], [*heads, origin], sections)


def _summary(titles: Sequence[str], told: Sequence[Told]) -> Section:
    if len(told) == 1:
        return Section("Summary", [told[0].figures])
    blocks: list[PageBlock] = []
    for title, tells in zip(titles, told, strict=True):
        blocks += [Heading(title), tells.figures]
    return Section("Summary", blocks)


def _grouped(runs: Sequence[Run], kinds: Mapping[str, Kind]) -> list[list[Run]]:
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        record = run.record
        method = record.settings.get("gradient")
        own = (record.kind, str(record.files), str(method))
        groups.setdefault(own if kinds[record.kind].by_seed else run.path, []).append(run)
    return list(groups.values())


def _repetition(groups: Sequence[Sequence[Run]], titles: Sequence[str]) -> Section:
    """What it takes to do the runs again."""
    blocks: list[PageBlock] = []
    for title, group in zip(titles, groups, strict=True):
        record = group[0].record
        if len(groups) > 1:
            blocks.append(Heading(title))
        lines = dict.fromkeys(run.record.line for run in group)
        blocks.append(Text("Command line", "\n".join(lines), words=True))
        inputs = list(record.files.items())[: -1 if record.netlist else None]
        blocks += [Text(name, text) for name, text in inputs]
        seeds = ", ".join(str(run.record.settings.get("seed")) for run in group)
        settings = _flat(record.settings | ({"seed": seeds} if len(group) > 1 else {}))
        rows = [row for row in settings.items() if row[0] not in _unread(settings)]
        blocks.append(Table("settings", ("setting", "value"), rows))
    made = [run.record.versions | run.record.machine for group in groups for run in group]
    for table in [x for k, x in enumerate(made) if x not in made[:k]]:
        rows = [(str(name), str(value)) for name, value in table.items()]
        blocks.append(Table("versions and machine", ("", ""), rows))
    return Section("How to repeat it", blocks)


def _unread(settings: Mapping[str, str]) -> tuple[str, ...]:
    """What a gradient's method does not read; an epsilon of 0 stands for its own."""
    if settings.get("gradient.method") != "RHEL":
        return ("gradient.epsilon", "gradient.echo")
    return ("gradient.epsilon",) if settings.get("gradient.epsilon") == "0" else ()


def _flat(table: Mapping[str, Any], head: str = "") -> dict[str, str]:
    """Tables within tables as rows; what was not given is left out."""
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{head}{name}.")
        elif value not in (None, "", []):
            flat[f"{head}{name}"] = f"{value:.6g}" if isinstance(value, float) else str(value)
    return flat
