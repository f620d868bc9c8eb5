"""Waveforms and curves from CSV files."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_UNIFORM = 1e-3


def read_waveform(
    path: Path, column: str = "", *, exact: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(times, values) of a CSV file: its first column and the one called `column`.

    Without a header line there are two columns. Where there are two, the second may have any name
    unless `exact`. Raises `ValueError` with file and line.
    """
    rows = _rows(path)
    header = [] if not rows or _pair(rows[0], 1) else [name.strip() for name in rows[0]]
    at = _column(path, header, column, exact)
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


def read_columns(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(times [T], one row a sample [N, T], their names) of a CSV file with a header.

    Raises `ValueError` with file and line.
    """
    header, *rows = _rows(path) or [[]]
    if len(header) < 2 or _pair(header, 1):
        raise ValueError(f"{path}: expected a header, time and a name for each sample")
    names = [name.strip() for name in header[1:]]
    table = []
    for number, row in enumerate(rows, 2):
        try:
            table.append([float(x) for x in row])
        except ValueError:
            raise ValueError(f"{path}:{number}: expected {len(header)} numbers") from None
        if len(row) != len(header):
            raise ValueError(f"{path}:{number}: expected {len(header)} numbers, got {len(row)}")
    numbers = np.array(table)
    if len(table) < 2 or not np.all(np.isfinite(numbers)) or not np.all(np.diff(numbers[:, 0]) > 0):
        raise ValueError(f"{path}: expected two or more rows of finite numbers, times increasing")
    return numbers[:, 0], numbers[:, 1:].T, names


def find_uneven(path: Path, times: np.ndarray, unit: str = "") -> tuple[float, str]:
    """(the step of most of `times`, the place of that which differs most; empty if none does)."""
    steps = np.diff(times)
    dt = float(np.median(steps))
    worst = int(np.argmax(np.abs(steps - dt)))
    if abs(steps[worst] - dt) <= _UNIFORM * dt:
        return dt, ""
    found, most = (f"{x:.4g} {unit}".rstrip() for x in (steps[worst], dt))
    # The header is line 1.
    return dt, f"{path}:{worst + 3}: the step is {found} where most are {most}"


def check_varying(path: Path, rows: np.ndarray, names: Sequence[str]) -> None:
    """`ValueError` where one of `rows` [N, T] holds but one value."""
    still = np.flatnonzero(np.ptp(rows, axis=1) == 0)
    if still.size:
        raise ValueError(
            f"{path}: {names[still[0]]} is constant, so it tells nothing: leave the column out"
        )


def _rows(path: Path) -> list[list[str]]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file: {error}") from error


def _column(path: Path, header: list[str], column: str, exact: bool) -> int:
    """The index of the column of that name; of the second where there are two, unless `exact`."""
    names = [name.lower() for name in header]
    if column.lower() in names:
        return names.index(column.lower())
    if len(header) > 2 or (header and exact):
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
