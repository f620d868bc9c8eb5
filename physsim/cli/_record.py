"""What a run was: written beside its figures, so that it can be told and repeated."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

from ._files import console

ENDING = ".run.json"
_PACKAGES = ("jax", "jaxlib", "diffrax", "equinox", "optax", "numpy", "scipy", "sympy")


@final
@dataclass(frozen=True)
class Record:
    """How a run came about."""

    kind: str
    """The command that makes such runs."""
    line: str
    """The command line as it was given."""
    written: str
    versions: dict[str, str]
    machine: dict[str, str]
    settings: dict[str, Any]
    """What was chosen, by the user or by default; tables may lie in it."""
    files: dict[str, str]
    """The text of each input, by its name; that of the run itself first."""
    netlist: str
    """The circuit with subcircuits, includes and models written out; empty without one."""


def save_record(
    figures: Path,
    kind: str,
    inputs: Iterable[Path],
    settings: dict[str, Any],
    circuit: Any = None,
) -> None:
    """Write the record of the run whose figures are in the file `figures`, NAME.json, beside it.

    It is called NAME.run.json; `inputs` are the files the run was made from.
    """
    record = Record(
        kind,
        shlex.join(["physsim", *sys.argv[1:]]),
        datetime.now(UTC).isoformat(timespec="seconds"),
        {"physsim": version("physsim-echo"), "python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
        _machine(),
        settings,
        {path.name: path.read_text(encoding="utf-8-sig") for path in inputs},
        "" if circuit is None else _flat(circuit.netlist),
    )
    path = figures.with_name(figures.name.removesuffix(".json") + ENDING)
    path.write_text(json.dumps(asdict(record), indent=1, default=str) + "\n", encoding="utf-8")
    console.print(f"  record   {path}", highlight=False)


def _flat(netlist) -> str:
    # A title may have what Unicode counts as ends of lines, and netlists do not.
    return replace(netlist, title=" ".join(netlist.title.split())).to_text()


def _machine() -> dict[str, str]:
    import jax

    return {
        "system": platform.platform(),
        "device": jax.devices()[0].device_kind,
        "cores": str(os.cpu_count()),
        "precision": "float64" if jax.config.jax_enable_x64 else "float32",  # pyright: ignore
    }


_TYPES = {
    "kind": str,
    "line": str,
    "written": str,
    "versions": dict,
    "machine": dict,
    "settings": dict,
    "files": dict,
    "netlist": str,
}


def load_record(path: Path) -> Record:
    """Raises `ValueError` that names the file where it is not the record of a run."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        wrong = [key for key, kind in _TYPES.items() if not isinstance(data[key], kind)]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the record of a run: {error}") from error
    if wrong or not data["files"]:
        raise ValueError(f"{path}: not the record of a run: look at {', '.join(wrong) or 'files'}")
    return Record(**{key: data[key] for key in _TYPES})
