"""Sparse matrices, mostly of 0, +1 and -1, applied without a matrix.

The pattern is known when a network is built, so the way to apply it is chosen then:
static slices where entries run along diagonals (ladders, chains), padded gathers where
every row has few entries, a segment sum otherwise.
"""

import functools
from typing import final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .trailing import as_column

_MAX_RUNS = 8
_MAX_PADDED = 16


@final
class SignedIncidence:
    """A static matrix [rows, columns] with entries 0, +1, -1. Hashable, compared by content.

    Other entries (turns ratios of transformers) are possible, and cost a product each.
    """

    def __init__(self, rows, columns, signs, shape: tuple[int, int]):
        rows, columns = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
        # Gathers rely on it: they do not look at their indices again.
        for index, size in zip((rows, columns), shape, strict=True):
            if np.any((index < 0) | (index >= size)):
                raise IndexError(f"an entry lies outside of the {shape[0]} x {shape[1]} matrix")
        order = np.lexsort((columns, rows))
        self.rows, self.columns = rows[order], columns[order]
        signs = np.asarray(signs)[order]
        unit = np.all(np.isin(signs, (-1, 0, 1)))
        self.signs = signs.astype(np.int8 if unit else np.float64)
        self.shape = shape
        self._key = (shape, self.rows.tobytes(), self.columns.tobytes(), self.signs.tobytes())
        self._hash = hash(self._key)

    @classmethod
    def selection(cls, index, num_columns: int) -> "SignedIncidence":
        """One +1 a row, at column `index[row]`."""
        index = np.asarray(index, np.int64)
        rows = np.arange(len(index))
        return cls(rows, index, np.ones(len(index)), (len(index), num_columns))

    @classmethod
    def identity(cls, size: int) -> "SignedIncidence":
        return cls.selection(np.arange(size), size)

    @functools.cached_property
    def T(self) -> "SignedIncidence":
        """The transposed matrix."""
        rows, columns = self.shape
        return SignedIncidence(self.columns, self.rows, self.signs, (columns, rows))

    def __eq__(self, other):
        return self is other or (isinstance(other, SignedIncidence) and self._key == other._key)

    def __hash__(self):
        return self._hash

    def __repr__(self):
        rows, columns = self.shape
        return f"SignedIncidence({rows} x {columns}, {len(self.rows)} entries)"

    @property
    def is_selection(self) -> bool:
        """Whether every row has one +1, in a column of its own."""
        rows = self.shape[0]
        once = len(self.rows) == rows == len(np.unique(self.rows))
        return bool(once and len(np.unique(self.columns)) == rows and (self.signs > 0).all())

    @property
    def strategy(self) -> str:
        """How it is applied: `slices`, `gather` or `segment_sum`."""
        if len(self._runs) <= _MAX_RUNS:
            return "slices"
        return "gather" if self._degree <= _MAX_PADDED else "segment_sum"

    def __call__(self, x: Float[Array, "columns *batch"]) -> Float[Array, "rows *batch"]:
        """The product with a vector, or with each column of a batch."""
        return {
            "slices": self._by_slices,
            "gather": self._by_gather,
            "segment_sum": self._by_segments,
        }[self.strategy](x)

    def dense(self) -> np.ndarray:
        matrix = np.zeros(self.shape)
        np.add.at(matrix, (self.rows, self.columns), self.signs)
        return matrix

    @functools.cached_property
    def _runs(self) -> list[tuple[int, int, int, int | float]]:
        """(first row, first column, length, sign) of entries that step down a diagonal."""
        if not len(self.rows):
            return []
        offset = self.columns - self.rows
        order = np.lexsort((self.rows, offset, self.signs))
        row, offset, sign = self.rows[order], offset[order], self.signs[order]
        broken = (np.diff(row) != 1) | (np.diff(offset) != 0) | (np.diff(sign) != 0)
        starts = np.concatenate([[0], np.flatnonzero(broken) + 1])
        lengths = np.diff(np.concatenate([starts, [len(row)]]))
        first = zip(row[starts], offset[starts], lengths, sign[starts], strict=True)
        return [(int(r), int(r + o), int(n), s.item()) for r, o, n, s in first]

    def _by_slices(self, x):
        # Positive runs first: a sum that starts from a piece needs no zero and no negation.
        total = None
        for row, column, length, sign in sorted(self._runs, key=lambda run: -run[3]):
            piece = jax.lax.slice_in_dim(x, column, column + length)
            padding = (row, self.shape[0] - row - length)
            if padding != (0, 0):
                piece = jnp.pad(piece, [padding] + [(0, 0)] * (x.ndim - 1))
            total = _plus(total, piece, sign)
        return self._zeros(x) if total is None else total

    def _zeros(self, x):
        return jnp.zeros((self.shape[0], *x.shape[1:]), x.dtype)

    @functools.cached_property
    def _degree(self) -> int:
        return int(np.bincount(self.rows, minlength=1).max()) if len(self.rows) else 0

    @functools.cached_property
    def _table(self) -> list[tuple[np.ndarray, np.ndarray | int | float]]:
        """Columns and signs in slots, positive entries first; absent entries have sign 0.

        A slot that is full and of one sign has that sign as a number.
        """
        order = np.lexsort((self.columns, -self.signs, self.rows))
        starts = np.searchsorted(self.rows, np.arange(self.shape[0]))
        slot = np.arange(len(self.rows)) - starts[self.rows]
        index = np.zeros((self._degree, self.shape[0]), np.int32)
        sign = np.zeros((self._degree, self.shape[0]), self.signs.dtype)
        index[slot, self.rows], sign[slot, self.rows] = self.columns[order], self.signs[order]
        return [
            (i, s[0].item() if len(set(s)) == 1 else s) for i, s in zip(index, sign, strict=True)
        ]

    def _by_gather(self, x):
        total = None
        for index, sign in self._table:
            piece = x.at[index].get(mode="promise_in_bounds")
            if isinstance(sign, np.ndarray):
                piece = piece * as_column(jnp.asarray(sign, x.dtype), x)
            total = _plus(total, piece, 1 if isinstance(sign, np.ndarray) else sign)
        return self._zeros(x) if total is None else total

    def _by_segments(self, x):
        signs = as_column(jnp.asarray(self.signs, x.dtype), x)
        values = signs * x[self.columns]
        return jax.ops.segment_sum(
            values, self.rows, num_segments=self.shape[0], indices_are_sorted=True
        )


def _plus(total, piece, sign: int | float):
    """total + sign piece, where a sum that starts needs no zero to start from."""
    if abs(sign) != 1:
        piece, sign = sign * piece, 1
    if total is None:
        return piece if sign > 0 else -piece
    return total + piece if sign > 0 else total - piece
