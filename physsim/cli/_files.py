"""Where netlists come from and results go."""

import json
from importlib.resources import files
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from rich.console import Console

# File names and titles are not to be read as markup, and paths are not to be broken. Written to a
# file, tables have room.
console = Console(
    markup=False, emoji=False, soft_wrap=True, width=get_terminal_size((120, 40)).columns
)


def bundled(name: str) -> Path:
    """The path of a file of the circuit library."""
    return Path(str(files("circuits") / "library" / name))


def find_input(path: Path) -> Path:
    """`path`, or the bundled file of that name where there is no such file."""
    if path.exists() or path.parent != Path(".") or not bundled(path.name).exists():
        return path
    return bundled(path.name)


def load_circuit(path: Path):
    """The circuit of a netlist file or of a bundled netlist."""
    import circuits

    return circuits.load(find_input(path))


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
