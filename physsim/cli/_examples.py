"""`physsim examples`"""

import tomllib
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ._bundled import bundled, bundled_config
from ._files import console
from ._main import app

_ENDINGS = (".cir", ".toml", ".csv")


@app.command(rich_help_panel="Start")
def examples(
    name: Annotated[str | None, typer.Argument(help="Print this one. Default: list all.")] = None,
) -> None:
    """List the netlists, tasks and configurations that come along, or print one.

    Every command finds them by their names. To change one, write it to a file of your own; of a
    task of `physsim learn`, also the netlists that it names.

    Examples:

        physsim examples

        physsim examples chua.cir > mine.cir
    """
    found = {
        path.name: path
        for folder in (bundled("."), bundled_config("."))
        for path in sorted(folder.iterdir())
        if path.suffix in _ENDINGS
    }
    if name is None:
        _list(found)
    elif name in found:
        typer.echo(found[name].read_text(encoding="utf-8"), nl=False)
    else:
        raise ValueError(f"{name}: there is no such example; `physsim examples` lists them")


def _list(found: dict[str, Path]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("file", no_wrap=True)
    table.add_column("for")
    table.add_column("what it is")
    for name, path in found.items():
        table.add_row(name, _command(path), _title(path))
    console.print(table, soft_wrap=False)


def _command(path: Path) -> str:
    if path.suffix == ".csv":
        return "identify"
    if path.suffix == ".cir":
        return "simulate ..."
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    marks = {"netlist": "learn", "experiment": "timescales", "gradient": "train"}
    return next((command for key, command in marks.items() if key in content), "reconstruct")


def _title(path: Path) -> str:
    """The first sentence of the comment on top, or a netlist's title."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".csv":
        return f"columns {lines[0]}"
    if path.suffix == ".cir":
        return lines[0]
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return " ".join(comment).partition(". ")[0].rstrip(".")
