"""Netlists read, results written."""

import json
import re
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from rich.console import Console

from ._bundled import find_input

# File names and titles are not to be read as markup, and paths are not to be broken. Written to a
# file, tables have room.
console = Console(
    markup=False, emoji=False, soft_wrap=True, width=get_terminal_size((120, 40)).columns
)
stderr = Console(stderr=True)


def load_circuit(path: Path):
    """The circuit of a netlist file or of a bundled netlist. `ValueError` for a task."""
    import circuits

    found = find_input(path)
    if found.suffix == ".toml" and found.is_file():
        raise ValueError(_is_a_task(found))
    return circuits.load(found)


_NETLIST = re.compile(r"""^netlist\s*=\s*["']([^"']+)["']""", re.MULTILINE)


def _is_a_task(path: Path) -> str:
    named = _NETLIST.search(path.read_text(encoding="utf-8", errors="replace"))
    if named is None:
        return f"{path.name}: a TOML file, where a netlist (.cir) is asked for"
    return (
        f"{path.name}: a task of `physsim learn`, where a netlist is asked for; "
        f"it names {named.group(1)}"
    )


def output_folder(out: Path) -> Path:
    """Make the folder for results; `ValueError` where a file is in the way."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; --out names a folder for the results")
    out.mkdir(parents=True, exist_ok=True)
    return out


def save_figure(figure, path: Path) -> None:
    figure.savefig(path)
    console.print(f"  plot     {path}", highlight=False)


def save_json(data: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n")
    console.print(f"  figures  {path}", highlight=False)
