"""Small tools on tables of integers."""

from dataclasses import dataclass
from typing import final

import numpy as np


@final
@dataclass(frozen=True, eq=False)
class SlabTable:
    """A sparse matrix for each slab, in slots: `index` and `sign` [slabs, slots, rows]."""

    index: np.ndarray
    sign: np.ndarray

    def repeating(self, filled: np.ndarray) -> "SlabTable":
        """The same with a slab's first row wherever `filled` [slabs, rows] says there is none."""
        return SlabTable(*(repeating(x, filled[:, None]) for x in (self.index, self.sign)))


def make_table(slab, row, column, sign, shape: tuple[int, int]) -> SlabTable:
    """From entries; in each row positive ones come first, as in a `SignedIncidence`."""
    line = slab * shape[1] + row
    order = np.lexsort((np.arange(len(line)), -sign, line))
    slot = np.empty(len(line), np.int64)
    slot[order] = ranks(line[order])
    slots = int(slot.max(initial=-1)) + 1
    table = SlabTable(
        np.zeros((shape[0], slots, shape[1]), np.int32),
        np.zeros((shape[0], slots, shape[1]), sign.dtype),
    )
    table.index[slab, slot, row], table.sign[slab, slot, row] = column, sign
    return table


def padded(slab, row, value, shape: tuple[int, int]) -> np.ndarray:
    """The values in rows, one a slab; zeros where a slab has fewer."""
    rows = np.zeros(shape, value.dtype)
    rows[slab, row] = value
    return rows


def repeating(x: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """`x` with the first entry of its last axis wherever `filled` says there is none."""
    return np.where(filled, x, x[..., :1])


def expanded(rows: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All entries of the wanted rows, (which of `wanted`, which entry); `rows` are sorted."""
    start = np.searchsorted(rows, wanted, "left")
    length = np.searchsorted(rows, wanted, "right") - start
    which = np.repeat(np.arange(len(wanted)), length)
    return which, start[which] + ranks(which)


def ranks(groups: np.ndarray) -> np.ndarray:
    """How many equal entries come before each one."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    new = np.ones(len(groups), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    index = np.arange(len(groups))
    rank = np.empty(len(groups), np.int64)
    rank[order] = index - np.maximum.accumulate(np.where(new, index, 0))
    return rank


def hashed(*columns) -> np.ndarray:
    """64 bits that tell rows of integers apart, but by chance (splitmix64)."""
    state = np.zeros((), np.uint64)
    for column in columns:
        state = _mixed(state ^ _bits(np.asarray(column)))
    return np.asarray(state)


def _bits(column):
    if np.issubdtype(column.dtype, np.floating):
        return column.astype(np.float64).view(np.uint64)
    return column.astype(np.uint64)


def _mixed(x):
    x = x + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))
