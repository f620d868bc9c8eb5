"""What time reversal turns around besides the momenta: magnetic fields, gyrators, some drives.

An echo retraces a run if H(q, -p, Pi u; Pi theta) = H(q, p, u; theta), Pi being +1 or -1 for
each input and parameter. Those with -1 are odd under time reversal.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import TypeVar, final

import equinox as eqx
import jax
import numpy as np
import sympy

from ._compile import is_even

_MAX_SEARCH = 10

Tree = TypeVar("Tree")


@final
class Parity(eqx.Module):
    """Names of the parameters and of the inputs that are odd under time reversal."""

    params: tuple[str, ...] = eqx.field(static=True, default=())
    inputs: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self):
        for field, names in (("params", self.params), ("inputs", self.inputs)):
            if isinstance(names, str) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"{field} must be a tuple of names, got {names!r}")

    def input_signs(self, names: Sequence[str]) -> tuple[float, ...]:
        """-1 for each odd input, 1 for the others. `ValueError` for names that are none."""
        _require("input", self.inputs, names)
        return tuple(-1.0 if name in self.inputs else 1.0 for name in names)


def reversed_parameters(H: Tree, names: Sequence[str], odd: Sequence[str]) -> Tree:
    """`H` with the parameters `odd` negated; `names` has one a scalar, in the leaves' order.

    Raises `ValueError` for names that are no parameters.
    """
    if not odd:
        return H
    _require("parameter", odd, names)
    arrays, rest = eqx.partition(H, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    signs = np.array([-1.0 if name in odd else 1.0 for name in names])
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
    signed = [
        leaf * np.reshape(sign, leaf.shape).astype(leaf.dtype)
        for leaf, sign in zip(leaves, np.split(signs, cuts), strict=True)
    ]
    return eqx.combine(jax.tree.unflatten(structure, signed), rest)


def _require(what: str, odd: Sequence[str], names: Sequence[str]) -> None:
    unknown = [name for name in odd if name not in names]
    if unknown:
        known = ", ".join(names) or "none"
        raise ValueError(f"{unknown[0]} is no {what} and has no parity: there are {known}")


@functools.lru_cache(maxsize=256)
def derive_parity(
    energy: sympy.Expr,
    p: tuple[sympy.Symbol, ...],
    params: tuple[sympy.Symbol, ...],
    u: tuple[sympy.Symbol, ...],
) -> Parity:
    """The parity of an energy, with as few odd symbols as it takes.

    Raises `ValueError` that names the first term which no choice of signs keeps.
    """
    if is_even(energy, p):
        return Parity()
    candidates = tuple(s for s in (*params, *u) if s in energy.free_symbols)
    odd, offending = _by_terms(energy, p, candidates)
    if odd is None:
        odd = _by_search(energy, p, candidates)
    if odd is None:
        raise ValueError(
            f"the term {offending} of the energy is not the same when the momenta change sign, "
            "whichever parameters and inputs change sign with them: an echo does not retrace "
            "the run. Give the term a parameter that is odd under time reversal, or use BPTT()"
        )
    return Parity(tuple(s.name for s in params if s in odd), tuple(s.name for s in u if s in odd))


def _by_terms(energy, p, candidates):
    """(odd symbols, None) from an equation modulo 2 for each term, or (None, a bad term).

    A term of parity 1 in the momenta needs an odd number of odd symbols among those it is
    odd in. Symbols in which a term is neither even nor odd must be even.
    """
    system = _Modulo2(len(candidates))
    terms = [t for t in sympy.Add.make_args(sympy.expand(energy)) if t.free_symbols]
    for term in sorted(terms, key=sympy.default_sort_key):
        sign = _sign(term, p)
        if sign is None:
            return None, term
        signs = [_sign(term, (s,)) for s in candidates]
        rows = [([int(x == -1) for x in signs], int(sign == -1))]
        rows += [(_unit(i, len(signs)), 0) for i, x in enumerate(signs) if x is None]
        if not all(system.add(row, right) for row, right in rows):
            return None, term
    return {s for s, x in zip(candidates, system.solution(), strict=True) if x}, None


def _by_search(energy, p, candidates):
    """The smallest set of symbols that are odd together: for terms such as exp(b p)."""
    if len(candidates) > _MAX_SEARCH:
        return None
    for count in range(1, len(candidates) + 1):
        for odd in itertools.combinations(candidates, count):
            if is_even(energy, (*p, *odd)):
                return set(odd)
    return None


def _sign(term, symbols) -> int | None:
    """1 or -1 if `term` is even or odd in all of `symbols` together, else None."""
    present = [s for s in symbols if s in term.free_symbols]
    if not present:
        return 1
    flipped = term.subs({s: -s for s in present}, simultaneous=True)
    if flipped == term or sympy.simplify(flipped - term) == 0:
        return 1
    return -1 if flipped == -term or sympy.simplify(flipped + term) == 0 else None


def _unit(i: int, size: int) -> list[int]:
    return [int(j == i) for j in range(size)]


@final
class _Modulo2:
    """Linear equations over 0 and 1, kept in echelon form."""

    def __init__(self, size: int):
        self.size, self.rows = size, {}

    def add(self, row: list[int], right: int) -> bool:
        """Add an equation; False where it contradicts those there are."""
        for lead, (other, value) in self.rows.items():
            if row[lead]:
                row, right = [a ^ b for a, b in zip(row, other, strict=True)], right ^ value
        if not any(row):
            return right == 0
        lead = row.index(1)
        for at, (other, value) in self.rows.items():
            if other[lead]:
                self.rows[at] = [a ^ b for a, b in zip(other, row, strict=True)], value ^ right
        self.rows[lead] = row, right
        return True

    def solution(self) -> list[int]:
        """The unknowns, those left open being 0."""
        return [self.rows[i][1] if i in self.rows else 0 for i in range(self.size)]
