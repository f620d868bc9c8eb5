"""Sparse factors of a network's matrix, scaled so that farads and henries do no harm."""

from typing import final

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

# Two in a row of a solution's digits are left at this condition; beyond, there is none.
_SINGULAR = 1e14
_SWEEPS = 6
# Where rows and columns of zeros meet, a scale has no meaning.
_TINY = 1e-300


class SingularError(ArithmeticError):
    """The matrix is singular to rounding; `worst` is the unknown that is least determined."""

    def __init__(self, worst: int):
        super().__init__(f"singular at unknown {worst}")
        self.worst = worst


@final
class Factors:
    """Solves A x = b and A^T x = b for one sparse A, to rounding: refined once.

    Rows and columns are scaled to largest entries of one (Ruiz, RAL-TR-2001-034). `order` is the
    order of elimination of an earlier matrix of the same pattern, which saves finding one.
    Raises `SingularError` where the scaled matrix is singular to rounding.
    """

    def __init__(self, matrix: csc_array, order: np.ndarray | None = None):
        self._matrix = matrix
        self._rows, self.columns = equilibrate(matrix)
        counts = np.diff(matrix.indptr)
        scaled = matrix.copy()
        scaled.data = scaled.data * self._rows[matrix.indices] * np.repeat(self.columns, counts)
        given = order is not None
        self._given = order if order is not None else np.arange(_size(matrix))
        options = {"Equil": False}
        try:
            self._lu = splu(
                csc_array(scaled[:, self._given]) if given else scaled,
                "NATURAL" if given else "COLAMD",
                options=options,
            )
        except RuntimeError as error:
            if "singular" not in str(error):
                raise
            raise SingularError(_empty(scaled)) from None
        self.order = order if order is not None else np.argsort(self._lu.perm_c)
        self._check()

    def solve(self, b: np.ndarray) -> np.ndarray:
        """x [N] or [N, k] of A x = b."""
        x = self._once(b)
        return x + self._once(b - self._matrix @ x)

    def solve_transposed(self, b: np.ndarray) -> np.ndarray:
        """x [N] or [N, k] of A^T x = b."""
        x = self._once_transposed(b)
        return x + self._once_transposed(b - self._matrix.T @ x)

    def _once(self, b):
        b = np.asarray(b, self._matrix.dtype)
        y = self._lu.solve(_scale(self._rows, b))
        x = np.empty_like(y)
        x[self._given] = y
        return _scale(self.columns, x)

    def _once_transposed(self, b):
        b = np.asarray(b, self._matrix.dtype)
        y = self._lu.solve(_scale(self.columns, b)[self._given], trans="T")
        return _scale(self._rows, y)

    def _check(self) -> None:
        """Two steps of inverse iteration on A^H A, from a fixed random vector.

        A random vector contains the least determined direction; what A^-1 makes of it is
        almost only that.
        """
        size = _size(self._matrix)
        if not size:
            return
        start = np.random.default_rng(0).standard_normal(size)
        dtype = np.result_type(self._matrix.dtype, float)
        x = self._lu.solve((start / np.linalg.norm(start)).astype(dtype))
        grown = np.linalg.norm(x)
        if np.isfinite(grown) and grown > 0:
            y = self._lu.solve(x / grown, trans="H" if np.iscomplexobj(x) else "T")
            grown = np.linalg.norm(y)
        if not (np.isfinite(grown) and grown < _SINGULAR):
            finite = np.where(np.isfinite(x), np.abs(x), np.inf)
            raise SingularError(int(self._given[np.argmax(finite)]))


def equilibrate(matrix: csc_array) -> tuple[np.ndarray, np.ndarray]:
    """Scales of rows and columns that make the largest entry of each about one."""
    size = _size(matrix)
    rows, columns = np.ones(size), np.ones(size)
    sizes = np.abs(matrix.data)
    at_rows, at_columns = matrix.indices, np.repeat(np.arange(size), np.diff(matrix.indptr))
    for _ in range(_SWEEPS):
        scaled = sizes * rows[at_rows] * columns[at_columns]
        rows /= np.sqrt(_largest(scaled, at_rows, size))
        columns /= np.sqrt(_largest(scaled, at_columns, size))
    return rows, columns


def _largest(values, places, size):
    largest = np.zeros(size)
    np.maximum.at(largest, places, values)
    return np.where(largest > _TINY, largest, 1.0)


def _size(matrix: csc_array) -> int:
    return len(matrix.indptr) - 1


def _scale(by, vectors):
    return by * vectors if vectors.ndim == 1 else by[:, None] * vectors


def _empty(scaled: csc_array) -> int:
    """The unknown with the smallest entries: a guess where the factors do not exist."""
    size = _size(scaled)
    sums = np.zeros(size)
    np.add.at(sums, np.repeat(np.arange(size), np.diff(scaled.indptr)), np.abs(scaled.data))
    return int(np.argmin(sums))


@final
class Pencil:
    """G + s C on one pattern, so that all frequencies share an order of elimination."""

    def __init__(self, static: csc_array, dynamic: csc_array):
        size = _size(static)
        keys = [_keys(static), _keys(dynamic)]
        union = np.unique(np.concatenate(keys))
        self._data = np.zeros((2, len(union)))
        for row, (own, matrix) in enumerate(zip(keys, (static, dynamic), strict=True)):
            self._data[row, np.searchsorted(union, own)] = matrix.data
        counts = np.bincount(union // max(size, 1), minlength=size)
        self._indices = union % max(size, 1)
        self._indptr = np.concatenate([[0], np.cumsum(counts)])
        self._shape = static.shape
        self._order: np.ndarray | None = None

    def at(self, s: complex) -> csc_array:
        """The matrix at the complex frequency s (1/s)."""
        data = self._data[0] + s * self._data[1]
        return csc_array((data, self._indices.copy(), self._indptr.copy()), shape=self._shape)

    def factors(self, s: complex) -> Factors:
        """Raises `SingularError` at a pole of the network."""
        found = Factors(self.at(s), self._order)
        self._order = found.order
        return found


def _keys(matrix: csc_array) -> np.ndarray:
    matrix.sum_duplicates()
    size = _size(matrix)
    return np.repeat(np.arange(size), np.diff(matrix.indptr)) * size + matrix.indices.astype(int)
