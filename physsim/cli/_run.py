"""A run as its folder holds it: the record, and the files beside it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ._record import ENDING, Record, load_record

Check = Callable[[Any], bool]


@final
@dataclass(frozen=True)
class Run:
    """A record and where it lies; NAME.run.json is the record of NAME.json."""

    path: Path
    record: Record

    def beside(self, ending: str, drop: str = "") -> Path:
        """The file whose name is this run's, without `drop` at its end, and `ending`."""
        return self.path.with_name(self.path.name.removesuffix(ENDING).removesuffix(drop) + ending)

    @property
    def name(self) -> str:
        """The input the run was made from."""
        return next(iter(self.record.files))

    @property
    def netlist(self) -> tuple[str, str]:
        """The netlist's file name and text; the last of the inputs where there is a circuit."""
        return list(self.record.files.items())[-1]

    def figures(self, needed: Mapping[str, Check]) -> dict[str, Any]:
        """What the run found. Raises `ValueError` where a needed key is missing or fails its
        check."""
        return read_json(self.beside(".json"), self.record.kind, needed)

    def wrong(self, key: str) -> ValueError:
        """An error about a key of the figures."""
        return _wrong(self.beside(".json"), self.record.kind, f"{key} is wrong")


def find_runs(folder: Path) -> list[Run]:
    """The runs in a folder and below. Raises `ValueError` where there is none."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; a report is of the folder that --out named")
    runs = [Run(path, load_record(path)) for path in sorted(folder.rglob(f"*{ENDING}"))]
    if not runs:
        raise ValueError(
            f"{folder}: no run to report. Looked there and below for *{ENDING}, which "
            "`physsim simulate`, `check`, `learn` and `train` write"
        )
    return runs


def read_json(path: Path, kind: str, needed: Mapping[str, Check]) -> dict[str, Any]:
    """The object in a JSON file. Raises `ValueError` that names file and key."""
    data = _parsed(path, _text(path, kind), kind)
    _check(path, data, needed, kind)
    return data


def read_lines(path: Path, kind: str, needed: Mapping[str, Check]) -> list[dict[str, Any]]:
    """The objects in a file of JSON lines. Raises `ValueError` that names file, line and key."""
    lines = _text(path, kind).splitlines()
    rows = []
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        rows.append(_parsed(where, line, kind))
        _check(where, rows[-1], needed, kind)
    return rows


def _text(path: Path, kind: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path}: {reason}; `physsim {kind}` writes it") from None


def _parsed(where: Path | str, text: str, kind: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _wrong(where, kind, str(error)) from None


def _check(where: Path | str, data: Any, needed: Mapping[str, Check], kind: str) -> None:
    if not isinstance(data, dict):
        raise _wrong(where, kind, "expected an object")
    for key, good in needed.items():
        if key not in data or not good(data[key]):
            raise _wrong(where, kind, f"{key} is {'wrong' if key in data else 'missing'}")


def _wrong(where: Path | str, kind: str, what: str) -> ValueError:
    return ValueError(f"{where}: not what `physsim {kind}` writes: {what}")


def is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def is_text(x: Any) -> bool:
    return isinstance(x, str)


def maybe(good: Check) -> Check:
    """None, or what is good."""
    return lambda x: x is None or good(x)


def table_of(good: Check) -> Check:
    """A table whose values are all good."""
    return lambda x: isinstance(x, dict) and all(map(good, x.values()))


def list_of(good: Check) -> Check:
    """A list whose entries are all good."""
    return lambda x: isinstance(x, list) and all(map(good, x))
