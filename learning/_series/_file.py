"""Reading `.ts` files of the UEA and UCR archives.

A file is a head of lines `@key value`, then `@data` and a line a series: channels separated by
colons, their values by commas, the class last.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._data import SeriesData, resized


def load_ts(path: Path) -> SeriesData:
    """The labelled series of one file.

    Series may differ in length where the head says `@equalLength false`. Raises `ValueError`
    with file and line for missing values, channels of unequal length, and all that contradicts
    the head.
    """
    head, lines = _read(path)
    rows, labels = [], []
    for number, line in lines:
        where = f"{path}, line {number}: "
        *channels, label = line.split(":")
        if label.strip() not in head.classes:
            raise ValueError(f"{where}class {label.strip()!r}: not in {', '.join(head.classes)}")
        labels.append(head.classes.index(label.strip()))
        rows.append(_channels(where, channels, head))
    if not rows:
        raise ValueError(f"{path}: no series after @data")
    _check_alike(path, head, rows, [number for number, _ in lines])
    lengths = np.array([row.shape[1] for row in rows])
    x = np.zeros((len(rows), rows[0].shape[0], lengths.max()))
    for series, row in zip(x, rows, strict=True):
        series[:, : row.shape[1]] = row
    return SeriesData(path.stem, x, lengths, np.array(labels), head.classes)


def load_archive(folder: Path, name: str) -> tuple[SeriesData, SeriesData]:
    """(train, test) of the data set `name`: `folder`/[name/]name_TRAIN.ts and _TEST.ts.

    Raises `ValueError` where files are missing or differ in channels or classes.
    """
    found = [f for f in (folder / name, folder) if (f / f"{name}_TRAIN.ts").exists()]
    if not found:
        raise ValueError(
            f"no {name}_TRAIN.ts in {folder} or {folder / name}: give the folder of an unpacked "
            "UEA or UCR archive"
        )
    train, test = resized([load_ts(found[0] / f"{name}_{part}.ts") for part in ("TRAIN", "TEST")])
    for what, a, b in (
        ("channels", train.x.shape[1], test.x.shape[1]),
        ("classes", train.classes, test.classes),
    ):
        if a != b:
            raise ValueError(f"{name}: training and test file differ in {what}: {a} and {b}")
    return train, test


def shipped_archive() -> Path:
    """The folder of data sets that come with the aeon package, which is not imported.

    Raises `ValueError` where it is not installed.
    """
    spec = find_spec("aeon")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            "these data come with the aeon package: install the extra `data`, or give the "
            "`folder` of an unpacked UEA or UCR archive"
        )
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data"


class _Head(NamedTuple):
    classes: tuple[str, ...]
    dimensions: int | None
    length: int | None
    equal: bool


def _read(path: Path) -> tuple[_Head, list[tuple[int, str]]]:
    keys: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, text in enumerate(lines, 1):
        line = text.strip()
        if line.lower() == "@data":
            body = [(i, t.strip()) for i, t in enumerate(lines[number:], number + 1) if t.strip()]
            return _head(path, keys), body
        if line.startswith("@"):
            key, _, value = line[1:].partition(" ")
            keys[key.lower()] = value.strip()
        elif line and not line.startswith("#"):
            raise ValueError(f"{path}, line {number}: a series before @data")
    raise ValueError(f"{path}: no @data: not a .ts file")


def _head(path: Path, keys: dict[str, str]) -> _Head:
    if keys.get("timestamps", "false").lower() == "true":
        raise ValueError(f"{path}: series with time stamps are not read: sample them evenly first")
    labelled, *classes = keys.get("classlabel", "false").split() or ["false"]
    if labelled.lower() != "true" or not classes:
        raise ValueError(f"{path}: no `@classLabel true` with the classes")
    numbers = {}
    for key in ("dimensions", "serieslength"):
        text = keys.get(key, keys.get("dimension", "0") if key == "dimensions" else "0")
        if not text.isdigit():
            raise ValueError(f"{path}: @{key} must be a number, got {text!r}")
        numbers[key] = int(text) or None
    if keys.get("univariate", "false").lower() == "true":
        numbers["dimensions"] = 1
    equal = keys.get("equallength", "true").lower() == "true"
    return _Head(tuple(classes), numbers["dimensions"], numbers["serieslength"], equal)


def _channels(where: str, texts: list[str], head: _Head) -> np.ndarray:
    if head.dimensions not in (None, len(texts)):
        raise ValueError(f"{where}{len(texts)} channels, but @dimensions says {head.dimensions}")
    channels = [_numbers(where, i, text) for i, text in enumerate(texts, 1)]
    lengths = {len(channel) for channel in channels}
    if len(lengths) != 1:
        raise ValueError(f"{where}channels of unequal length: {', '.join(map(str, lengths))}")
    return np.array(channels)


def _numbers(where: str, channel: int, text: str) -> list[float]:
    values = []
    for i, item in enumerate(text.split(","), 1):
        try:
            values.append(float(item))
        except ValueError as error:
            what = "a missing value" if item.strip() in ("?", "") else f"{item.strip()!r}"
            raise ValueError(
                f"{where}{what} in channel {channel}, step {i}: a number is expected; fill or "
                "drop what is missing first"
            ) from error
        if not np.isfinite(values[-1]):
            raise ValueError(f"{where}{item.strip()} in channel {channel}, step {i}")
    return values


def _check_alike(path: Path, head: _Head, rows: list[np.ndarray], numbers: list[int]) -> None:
    expected = head.length or rows[0].shape[1]
    for row, number in zip(rows, numbers, strict=True):
        where = f"{path}, line {number}: "
        if row.shape[0] != rows[0].shape[0]:
            raise ValueError(
                f"{where}{row.shape[0]} channels, the first series has {rows[0].shape[0]}"
            )
        if head.equal and row.shape[1] != expected:
            raise ValueError(
                f"{where}a series of {row.shape[1]} steps among those of {expected}; where series "
                "are ragged the head must say @equalLength false"
            )
