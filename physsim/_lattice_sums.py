"""Nested SymPy Sums, taken apart into groups of summands that share indices and coordinates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import sympy


@final
@dataclass(frozen=True)
class Range:
    """An index that runs from `low` over `length` integers."""

    index: sympy.Symbol | sympy.Idx
    low: int
    length: int

    @classmethod
    def of_limit(cls, limit, expr: sympy.Expr) -> "Range":
        """From a Sum's (index, low, high); `ValueError` unless both are integers."""
        if len(limit) != 3 or not all(isinstance(x, sympy.Integer) for x in limit[1:]):
            raise ValueError(
                f"{expr}: the bounds {', '.join(str(x) for x in limit[1:])} of the index "
                f"{limit[0]} must be integers; put the numbers in"
            )
        low, high = int(limit[1]), int(limit[2])
        if high < low - 1:
            raise ValueError(f"{expr}: the index {limit[0]} runs backwards, from {low} to {high}")
        return cls(limit[0], low, high - low + 1)


@final
@dataclass(frozen=True)
class Group:
    """What the terms of one local energy share: the ranges of their Sum and their references."""

    ranges: tuple[Range, ...]
    references: tuple[sympy.Indexed, ...]

    @property
    def base(self) -> Any:
        return self.references[0].base if self.references else None


@final
@dataclass(frozen=True)
class LatticeRoles:
    """Which symbol or base plays which part; `arrays` come with their shapes."""

    q: sympy.IndexedBase
    p: sympy.IndexedBase
    size: int
    inputs: tuple[sympy.Symbol, ...]
    scalars: tuple[sympy.Symbol, ...]
    arrays: tuple[tuple[sympy.IndexedBase, tuple[int, ...]], ...]

    def __post_init__(self):
        names = self.names()
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"the symbol {twice[0]} has two roles among q, p, u, t and params")

    def names(self) -> list[str]:
        bases = (self.q, self.p, *(base for base, _ in self.arrays))
        return [str(x) for x in (*bases, *self.inputs, *self.scalars)]


def collect(energy: sympy.Expr, roles: LatticeRoles) -> dict[Group, sympy.Expr]:
    """The local energy of each group, kinetic or potential.

    Raises `ValueError` for what is no sum of such groups, naming the term.
    """
    sums: dict[tuple[Range, ...], list[sympy.Expr]] = {}
    for summand, ranges in _summands(energy, sympy.Integer(1), ()):
        sums.setdefault(ranges, []).append(summand)
    groups: dict[Group, list[sympy.Expr]] = {}
    for ranges, summands in sums.items():
        _check_ranges(ranges, roles)
        for term in _unmixed(summands, roles):
            references = references_to(roles.p, term) or references_to(roles.q, term)
            groups.setdefault(Group(ranges, references), []).append(term)
    _absorb_constants(groups, roles)
    return {group: sympy.Add(*terms) for group, terms in groups.items()}


def _summands(
    expr: Any, factor: Any, ranges: tuple[Range, ...]
) -> Iterator[tuple[sympy.Expr, tuple[Range, ...]]]:
    """(summand, index ranges) of everything that `factor * expr` adds up.

    Raises `ValueError` where `expr` does anything else with a Sum.
    """
    if not expr.has(sympy.Sum):
        yield from ((factor * term, ranges) for term in sympy.Add.make_args(expr) if term != 0)
    elif isinstance(expr, sympy.Add):
        for part in expr.args:
            yield from _summands(part, factor, ranges)
    elif isinstance(expr, sympy.Mul):
        inner = [x for x in expr.args if x.has(sympy.Sum)]
        if len(inner) > 1:
            raise ValueError(f"{expr} multiplies Sums: the energy must add them up")
        others = [x for x in expr.args if x is not inner[0]]
        yield from _summands(inner[0], sympy.Mul(factor, *others), ranges)
    elif isinstance(expr, sympy.Sum):
        own = tuple(Range.of_limit(limit, expr) for limit in expr.limits)
        _check_indices(expr, factor, ranges, own)
        if all(r.length for r in own):
            yield from _summands(expr.function, factor, (*ranges, *own))
    else:
        raise ValueError(f"{expr} applies {type(expr).__name__} to a Sum: the energy must add Sums")


def _check_indices(expr, factor, ranges, own):
    outer = {r.index.name for r in ranges}
    for r in own:
        name = r.index.name
        if name in outer:
            raise ValueError(f"{expr}: the index {name} is summed over twice; rename one")
        if r.index in factor.free_symbols:
            raise ValueError(
                f"the factor {factor} has the index {name} of the Sum that it multiplies"
            )
        outer.add(name)


def _check_ranges(ranges, roles):
    for r in ranges:
        if r.index.name in roles.names():
            raise ValueError(
                f"the symbol {r.index.name} has two roles: it is summed over, "
                "and it is among q, p, u, t and params"
            )


def _unmixed(summands, roles):
    """The summands; those that seem to mix q and p are multiplied out together."""
    mixed = [term for term in summands if _mixes(term, roles)]
    yield from (term for term in summands if term not in mixed)
    for part in sympy.Add.make_args(sympy.expand(sympy.Add(*mixed))):
        if _mixes(part, roles):
            raise ValueError(
                f"the term {part} mixes {roles.p} with {roles.q} or inputs: only separable "
                "lattices T(p) + V(q, u) are possible; physsim.symbolic takes small ones"
            )
        if part != 0:
            yield part


def _mixes(term, roles):
    others = term.has(roles.q) or bool(term.free_symbols & set(roles.inputs))
    return others and term.has(roles.p)


def references_to(base: sympy.IndexedBase, term: Any) -> tuple[sympy.Indexed, ...]:
    """The distinct base[...] in `term`, in a fixed order."""
    found = (x for x in term.atoms(sympy.Indexed) if x.base == base)
    return tuple(sorted(found, key=sympy.default_sort_key))


def _absorb_constants(groups, roles):
    """Add terms without coordinates, as the 1 of 1 - cos(q[i]), to a group of the same Sum."""
    for group in [g for g in groups if not g.references]:
        hosts = [g for g in groups if g.ranges == group.ranges and g.base == roles.q]
        if hosts:
            groups[hosts[0]] += groups.pop(group)
