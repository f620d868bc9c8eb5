"""The TOML file of `physsim learn`."""

import csv
import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._files import find_input
from ._options import choose, integrator, quantity

_SECTIONS: dict[str, dict[str, tuple[tuple[type, ...], Any]]] = {
    "": {"netlist": ((str,), None), "train": ((list,), None)},
    "target": {
        "quantity": ((str,), None),
        "netlist": ((str,), ""),
        "csv": ((str,), ""),
        "column": ((str,), ""),
    },
    "run": {
        "t_end": ((str, float, int), None),
        "dt": ((str, float, int), ""),
        "integrator": ((str,), "SRKN11b"),
    },
    "gradient": {"method": ((str,), "RHEL"), "epsilon": ((float,), 0.0)},
    "optimiser": {
        "learning_rate": ((float,), 0.01),
        "iterations": ((int,), 400),
        "tolerance": ((float,), 0.0),
    },
}
"""Section -> key -> (types, default); None marks what must be given."""


@dataclass(frozen=True)
class Task:
    """A checked learning task; relative paths are the task file's."""

    path: Path
    netlist: Path
    train: list[str]
    target: dict[str, Any]
    run: dict[str, Any]
    gradient: dict[str, Any]
    optimiser: dict[str, Any]

    def solver(self):
        return integrator(self.run["integrator"])

    def method(self):
        import learning

        name = self.gradient["method"]
        table = {
            "RHEL": lambda: learning.RHEL(self.gradient["epsilon"] or None),
            "ReversibleAdjoint": learning.ReversibleAdjoint,
            "BPTT": learning.BPTT,
            "ContinuousAdjoint": learning.ContinuousAdjoint,
        }
        return choose(name, table, "gradient method")()

    def time(self, key: str) -> float | None:
        """`t_end` or `dt` in s."""
        value = self.run[key]
        return quantity(str(value), f"{self.path}: run.{key}") if value != "" else None


def read_task(path: Path) -> Task:
    """Read and check a task; `ValueError` names the file and key, and the nearest valid one."""
    path = find_input(path)
    if not path.is_file():
        raise ValueError(f"{path}: " + ("is a folder" if path.is_dir() else "no such file"))
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from error
    names = [s for s in _SECTIONS if s]
    top = {key: value for key, value in data.items() if key not in names}
    sections = {"": _section(path, "", top, names)}
    for name in names:
        section = data.get(name, {})
        if not isinstance(section, dict):
            raise ValueError(f"{path}: {name} must be a table, [{name}]")
        sections[name] = _section(path, name, section)
    top = sections[""]
    _check_numbers(path, sections)
    if bool(sections["target"]["netlist"]) == bool(sections["target"]["csv"]):
        raise ValueError(f"{path}: [target] needs either netlist or csv")
    return Task(path, path.parent / top["netlist"], top["train"], *(sections[n] for n in names))


def _check_numbers(path: Path, sections: dict) -> None:
    optimiser = sections["optimiser"]
    if not sections[""]["train"]:
        raise ValueError(f"{path}: train is empty: name the elements to train")
    if optimiser["iterations"] < 1:
        raise ValueError(f"{path}: [optimiser] iterations must be at least 1")
    if not 0 < optimiser["learning_rate"] <= 1:
        raise ValueError(
            f"{path}: [optimiser] learning_rate must be above 0 and at most 1; values are trained "
            "by their logarithm, so 0.01 changes them by up to 1 % at a time"
        )


def _section(path: Path, name: str, given: dict[str, Any], others: list[str] | None = None) -> dict:
    where = f"{path}: " + (f"[{name}] " if name else "")
    spec = _SECTIONS[name]
    for key, value in given.items():
        if key not in spec:
            known = [*spec, *(others or [])]
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"{where}unknown key {key!r}; {hint}")
        types = spec[key][0]
        number = isinstance(value, int) and not isinstance(value, bool) and float in types
        if isinstance(value, bool) or not (isinstance(value, types) or number):
            expected = " or ".join(t.__name__ for t in types)
            raise ValueError(f"{where}{key} must be {expected}, got {value!r}")
    missing = [key for key, (_, default) in spec.items() if default is None and key not in given]
    if missing:
        raise ValueError(f"{where}missing {', '.join(missing)}")
    return {key: given.get(key, default) for key, (_, default) in spec.items()}


def read_waveform(path: Path, column: str = "") -> tuple[np.ndarray, np.ndarray]:
    """(times, values) of a CSV file: its first column and the one called `column`.

    Without a header line there are two columns. Raises `ValueError` with file and line.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file: {error}") from error
    header = [] if not rows or _pair(rows[0], 1) else [name.strip() for name in rows[0]]
    at = _column(path, header, column)
    first = 1 if header else 0
    pairs = [(n, _pair(row, at)) for n, row in enumerate(rows[first:], first + 1) if row]
    for number, pair in pairs:
        if pair is None or not np.all(np.isfinite(pair)):
            raise ValueError(f"{path}:{number}: expected numbers, a time and a value")
    if len(pairs) < 2:
        raise ValueError(f"{path}: expected at least two rows of time and value")
    times, values = np.array([pair for _, pair in pairs]).T
    if not np.all(np.diff(times) > 0):
        raise ValueError(f"{path}: times must increase")
    return times, values


def _column(path: Path, header: list[str], column: str) -> int:
    """The index of the column of that name; of the second where there are two."""
    names = [name.lower() for name in header]
    if column.lower() in names:
        return names.index(column.lower())
    if len(header) > 2:
        raise ValueError(
            f"{path}: no column {column!r} among {', '.join(header)}: name one by "
            "[target] column, or write two columns"
        )
    return 1


def _pair(row: list[str], at: int) -> tuple[float, float] | None:
    try:
        return float(row[0]), float(row[at])
    except (ValueError, IndexError):
        return None
