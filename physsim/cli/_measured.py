"""Measured waveforms of a circuit, from a CSV file."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from ._waveform_file import check_varying, find_uneven, read_columns

_HEADER = re.compile(r"\s*(.*?)\s*(?:\[\s*(.*?)\s*\])?\s*")
_FEWEST = 50


@final
@dataclass(frozen=True)
class Measured:
    """Waveforms in SI at equal distances `dt` from `start` (s)."""

    path: Path
    values: np.ndarray
    """[T, N]"""
    quantities: tuple[str, ...]
    start: float
    dt: float

    @property
    def times(self) -> np.ndarray:
        return self.start + self.dt * np.arange(len(self.values))


def read_measured(path: Path, *, resample: bool = False) -> Measured:
    """Columns `time` and quantities such as `v(out)`, each with a unit in brackets or in SI.

    Raises `ValueError`, with file and line, for gaps, constant columns, units that don't fit and
    times that are not uniform (which `resample` interpolates, with a warning).
    """
    times, rows, names = read_columns(path)
    _, time_scale = _quantity(path, _first_name(path), "s")
    parsed = [_quantity(path, name, None) for name in names]
    values = rows.T * np.array([scale for _, scale in parsed])
    quantities = tuple(name for name, _ in parsed)
    _check_columns(path, values, quantities)
    times, values = _uniform(path, times * time_scale, values, resample)
    dt = (times[-1] - times[0]) / (len(times) - 1)
    return Measured(path, values, quantities, float(times[0]), float(dt))


def _first_name(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].split(",")[0]


def _quantity(path: Path, header: str, unit: str | None) -> tuple[str, float]:
    """(the name, what to multiply by for SI)."""
    from circuits import parse_number

    match = _HEADER.fullmatch(header)
    name, given = (match.group(1), match.group(2)) if match else (header, None)
    if unit is None:
        name = name if "(" in name else f"v({name})"
        unit = "A" if name.lower().startswith("i(") else "V"
    if given is None:
        return name, 1.0
    return name, parse_number(f"1{given}", f"{path}: the unit of {name}", unit)


def _check_columns(path: Path, values: np.ndarray, quantities: tuple[str, ...]) -> None:
    if len(set(quantities)) < len(quantities):
        raise ValueError(f"{path}: a quantity has two columns: {', '.join(quantities)}")
    if len(values) < _FEWEST:
        raise ValueError(f"{path}: {len(values)} samples are too few; measure at least {_FEWEST}")
    check_varying(path, values.T, quantities)


def _uniform(path: Path, times: np.ndarray, values: np.ndarray, resample: bool):
    dt, place = find_uneven(path, times, "s")
    if not place:
        return times, values
    if np.max(np.diff(times)) > 10 * dt:
        raise ValueError(f"{place}: a gap. Cut the file into pieces without gaps")
    if not resample:
        raise ValueError(f"{place}: times must be uniform; --resample interpolates them")
    grid = np.arange(times[0], times[-1] + 0.5 * dt, dt)
    grid = grid[grid <= times[-1]]
    warnings.warn(
        f"{place}: interpolated to uniform steps, which adds errors of its own", stacklevel=3
    )
    columns = [np.interp(grid, times, column) for column in values.T]
    return grid, np.stack(columns, axis=1)
