"""Labelled series: one container, its checks, splits and standardisation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int, Shaped


@final
@dataclass(frozen=True)
class SeriesData:
    """Series with a class or with values to be read; `name` is for messages.

    `x` is padded with zeros behind each series' own length. With `classes`, `targets` is the
    class number of each series, and outputs are pooled over its length; else `targets` has the
    values after every `every`-th step. Raises `ValueError` for what does not fit, is not
    finite, or has no two classes.
    """

    name: str
    x: Float[np.ndarray, "N m T"]
    lengths: Int[np.ndarray, " lengths"]
    targets: Shaped[np.ndarray, "targets *values"]
    classes: tuple[str, ...] = ()
    every: int = 0

    def __post_init__(self):
        count, channels, steps = self.x.shape
        if not (count and channels and steps):
            raise ValueError(f"{self.name}: no data, the shape is {self.x.shape}")
        if self.lengths.shape != (count,) or len(self.targets) != count:
            raise ValueError(
                f"{self.name}: {count} series, but {self.lengths.shape[0]} lengths and "
                f"{len(self.targets)} targets"
            )
        _check_finite(self)
        (_check_classes if self.classes else _check_values)(self)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Any) -> "SeriesData":
        return replace(
            self, x=self.x[index], lengths=self.lengths[index], targets=self.targets[index]
        )

    @property
    def outputs(self) -> int:
        """How many numbers a model gives at a time."""
        return len(self.classes) if self.classes else self.targets.shape[1]

    @property
    def counts(self) -> Int[np.ndarray, " classes"]:
        """How many series there are of each class."""
        return np.bincount(self.targets, minlength=len(self.classes))


@final
@dataclass(frozen=True)
class Splits:
    """What trains, what judges, and what is looked at once."""

    train: SeriesData
    validation: SeriesData
    test: SeriesData

    def __post_init__(self):
        for part in ("train", "validation", "test"):
            data = getattr(self, part)
            if data.classes and (missing := np.flatnonzero(data.counts == 0)).size:
                names = ", ".join(data.classes[i] for i in missing)
                raise ValueError(
                    f"{data.name}: no series of class {names} in the {part} split; take another "
                    "seed, other shares, or more data"
                )

    def map(self, change: Callable[[SeriesData], SeriesData]) -> "Splits":
        """Each split changed."""
        return Splits(change(self.train), change(self.validation), change(self.test))


def split(data: SeriesData, seed: int, shares: tuple[float, float] = (0.7, 0.15)) -> Splits:
    """Shares for training and validation, the rest for testing; of each class alike.

    Raises `ValueError` where a split lacks a class.
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(data.targets == c) for c in range(len(data.classes))]
    parts: tuple[list, list, list] = ([], [], [])
    for group in groups or [np.arange(len(data))]:
        order = rng.permutation(group)
        cuts = np.round(np.cumsum(shares) * len(order)).astype(int)
        for part, index in zip(parts, np.split(order, cuts), strict=True):
            part.extend(index)
    train, validation, test = (np.sort(np.array(part, int)) for part in parts)
    for part, name in ((train, "train"), (validation, "validation"), (test, "test")):
        if not part.size:
            raise ValueError(f"{data.name}: {len(data)} series leave none for the {name} split")
    return Splits(data[train], data[validation], data[test])


def split_archive(
    train: SeriesData, test: SeriesData, seed: int, validation: float = 0.2
) -> Splits:
    """The archive's own test set; a share of each class of its training set judges."""
    rng = np.random.default_rng(seed)
    judges = []
    for c in range(len(train.classes)):
        order = rng.permutation(np.flatnonzero(train.targets == c))
        judges.extend(order[: max(1, round(validation * len(order)))])
    rest = np.setdiff1d(np.arange(len(train)), judges)
    return Splits(train[rest], train[np.sort(judges)], test)


def standardise(splits: Splits) -> Splits:
    """Mean 0 and variance 1 of every channel over the training series, padding left out.

    Values to be learned, too, where there are no classes. A channel that is constant is only
    shifted.
    """
    train = splits.train
    inside = _inside(train)
    total = inside.sum()
    mean = (train.x * inside).sum((0, 2)) / total
    deviation = np.sqrt((((train.x - mean[:, None]) * inside) ** 2).sum((0, 2)) / total)
    scale = np.where(deviation > 0, deviation, 1.0)
    centre, spread = 0.0, 1.0
    if not train.classes:
        centre, spread = train.targets.mean(), train.targets.std() or 1.0

    def change(data: SeriesData) -> SeriesData:
        x = (data.x - mean[:, None]) / scale[:, None] * _inside(data)
        targets = data.targets if data.classes else (data.targets - centre) / spread
        return replace(data, x=x, targets=targets)

    return splits.map(change)


def with_time(data: SeriesData) -> SeriesData:
    """One more channel: the time, from 0 at the start to 1 at the end of the longest series."""
    time = np.linspace(0.0, 1.0, data.x.shape[2])
    return replace(data, x=np.concatenate([data.x, time * _inside(data)], 1))


def resized(data: Sequence[SeriesData]) -> list[SeriesData]:
    """All padded to the longest among them."""
    steps = max(d.x.shape[2] for d in data)
    return [replace(d, x=np.pad(d.x, ((0, 0), (0, 0), (0, steps - d.x.shape[2])))) for d in data]


def joined(first: SeriesData, second: SeriesData) -> SeriesData:
    """All series of both, which must be of the same kind."""
    first, second = resized([first, second])
    parts = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("x", "lengths", "targets")
    }
    return replace(first, name=first.name.removesuffix("_TRAIN"), **parts)


def _inside(data: SeriesData):
    """1 on a series, 0 on its padding: [N, 1, T]."""
    return (np.arange(data.x.shape[2]) < data.lengths[:, None])[:, None].astype(data.x.dtype)


def _check_finite(data: SeriesData) -> None:
    bad = np.argwhere(~np.isfinite(data.x))
    if bad.size:
        series, channel, step = bad[0]
        raise ValueError(
            f"{data.name}: {data.x[series, channel, step]} in series {series + 1}, channel "
            f"{channel + 1}, step {step + 1}: fill or drop what is missing first"
        )
    steps = data.x.shape[2]
    if data.lengths.min() < 1 or data.lengths.max() > steps:
        raise ValueError(f"{data.name}: lengths must be between 1 and {steps}")


def _check_classes(data: SeriesData) -> None:
    if len(data.classes) < 2:
        raise ValueError(
            f"{data.name}: one class only, {', '.join(data.classes)}: nothing to tell apart"
        )
    numbers = data.targets
    if not np.issubdtype(numbers.dtype, np.integer) or numbers.ndim != 1:
        raise ValueError(f"{data.name}: class numbers must be integers, one a series")
    if numbers.min() < 0 or numbers.max() >= len(data.classes):
        raise ValueError(f"{data.name}: class numbers must be below {len(data.classes)}")


def _check_values(data: SeriesData) -> None:
    steps = data.x.shape[2]
    if data.every < 1 or steps % data.every:
        raise ValueError(f"{data.name}: {steps} steps can't be read every {data.every}")
    if data.targets.ndim != 3 or data.targets.shape[2] != steps // data.every:
        raise ValueError(
            f"{data.name}: targets must have shape ({len(data)}, outputs, "
            f"{steps // data.every}), got {data.targets.shape}"
        )
    if not np.isfinite(data.targets).all():
        raise ValueError(f"{data.name}: a target is not finite")
    if (data.lengths != steps).any():
        raise ValueError(f"{data.name}: series to be read along the way must be of one length")
