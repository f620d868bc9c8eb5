"""Index expressions of lattice sums, evaluated to integer tables."""

import functools
from typing import final

import numpy as np
import sympy

from ._lattice_sums import Range


@final
class Names(tuple[str, ...]):
    """Many names. JAX takes a subclass of tuple for one leaf: it is not searched, hashed once."""

    @functools.cached_property
    def _hash(self):
        return super().__hash__()

    def __hash__(self):
        return self._hash

    def __eq__(self, other):
        return self is other or super().__eq__(other)


@functools.lru_cache(maxsize=16)
def numbered(name: str, size: int) -> Names:
    """name[0], name[1], ...; the same object each time, which is then cheap to compare."""
    return Names(f"{name}[{i}]" for i in range(size))


@final
class Sites:
    """The elements of a Sum: `grid` holds the value of each index at each of them, [M]."""

    def __init__(self, ranges: tuple[Range, ...], energy: sympy.Expr, grid=None):
        self.ranges, self.energy = ranges, energy
        axes = [np.arange(r.low, r.low + r.length) for r in ranges]
        self.grid = grid or {
            r.index: x.ravel()
            for r, x in zip(ranges, np.meshgrid(*axes, indexing="ij"), strict=True)
        }
        self.count = int(np.prod([r.length for r in ranges], dtype=np.int64))

    @property
    def name(self) -> str:
        indices = ", ".join(r.index.name for r in self.ranges)
        return f"sum over {indices}" if indices else "single term"

    def sorted_by(self, key: np.ndarray) -> "Sites":
        order = np.argsort(key, kind="stable")
        return Sites(self.ranges, self.energy, {i: x[order] for i, x in self.grid.items()})

    def entries(self, reference: sympy.Indexed, shape: tuple[int, ...]) -> np.ndarray:
        """Which entry of an array of `shape` (flattened) each element refers to, [M].

        Raises `ValueError` for an index that is out of range or no integer.
        """
        if len(reference.indices) != len(shape):
            raise ValueError(
                f"{reference} in the term {self.energy} has {len(reference.indices)} indices, "
                f"but {reference.base} has {len(shape)}: write q[i*Ny + j] for q, p and flat arrays"
            )
        axes = [
            self._axis(reference, i, size) for i, size in zip(reference.indices, shape, strict=True)
        ]
        return np.ravel_multi_index(axes, shape)

    def _axis(self, reference, expr, size):
        where = f"{reference} in the term {self.energy}"
        index = np.broadcast_to(_exact(expr, self.grid, where), (self.count,))
        outside = np.flatnonzero((index < 0) | (index >= size))
        if outside.size:
            raise ValueError(
                f"{where}: the index {expr} is {index[outside[0]]}{self._at(outside[0])}, outside "
                f"0...{size - 1}; sum over fewer elements, or close a ring with Mod(..., {size})"
            )
        return index

    def _at(self, element):
        at = ", ".join(f"{i} = {values[element]}" for i, values in self.grid.items())
        return f" at {at}" if at else ""


def _exact(expr, grid, where):
    """The values of a rational expression; `ValueError` where they are no integers."""
    numerator, denominator = _fraction(expr, grid, where)
    if np.any(numerator % denominator):
        raise ValueError(f"{where}: the index {expr} is not an integer everywhere")
    return numerator // denominator


def _fraction(expr, grid, where):
    # Integers throughout: in floating point, floor((1/49)*49) would be 0.
    numerator, denominator = expr.as_numer_denom()
    if not isinstance(denominator, sympy.Integer):
        raise ValueError(f"{where}: the index {expr} divides by an index")
    return _integers(numerator, grid, where), int(denominator)


def _integers(expr, grid, where):
    """The values of `expr`, an integer or an array [M]."""
    if expr in grid:
        return grid[expr]
    if isinstance(expr, sympy.Integer):
        return int(expr)
    if isinstance(expr, sympy.Add):
        return functools.reduce(np.add, [_integers(x, grid, where) for x in expr.args])
    if isinstance(expr, sympy.Mul):
        return functools.reduce(np.multiply, [_integers(x, grid, where) for x in expr.args])
    if isinstance(expr, sympy.floor):
        numerator, denominator = _fraction(expr.args[0], grid, where)
        return numerator // denominator
    if isinstance(expr, sympy.Mod) and isinstance(expr.args[1], sympy.Integer):
        return np.mod(_exact(expr.args[0], grid, where), int(expr.args[1]))
    raise ValueError(
        f"{where}: {expr} in its index is neither an integer nor an index of a Sum around it, "
        "nor made of these by +, *, floor and Mod with an integer"
    )
