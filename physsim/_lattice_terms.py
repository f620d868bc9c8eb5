"""Sums over indexed coordinates, taken apart into groups of equal elements.

A summand is one local energy; its indices are integers that are known when the lattice is
built. So each group is a short expression and a few static tables, whatever its size.
"""

from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import sympy
from jaxtyping import Array, Float
from sympy.core.function import AppliedUndef

from ._element import ElementGroup, ElementKind
from ._incidence import SignedIncidence
from ._lattice_index import Sites, numbered
from ._lattice_sums import Group, LatticeRoles, Range, references_to


@final
@dataclass(frozen=True)
class Gather:
    """One number an element: an entry of a shared array, or the index `first`, `first` + 1, ..."""

    name: str
    source: str | None
    entries: SignedIncidence
    first: int = 0

    def __call__(self, params: dict[str, Float[Array, "..."]]) -> Float[Array, " M"]:
        size = self.entries.shape[1]
        if self.source is None:
            return self.entries(self.first + jnp.arange(size, dtype=float))
        return self.entries(params[self.source].reshape(size))


@final
@dataclass(frozen=True)
class LatticeTerm:
    """All M elements of one local energy, and where their parameters come from."""

    kind: ElementKind
    terminals: tuple[SignedIncidence, ...]
    scalars: tuple[str, ...]
    gathers: tuple[Gather, ...]
    inputs: tuple[int, ...]

    def group(self, params: dict[str, Float[Array, "..."]]) -> ElementGroup:
        """The elements with the values of `params`."""
        size = self.terminals[0].shape[0]
        shared = [params[name] for name in self.scalars]
        spread = [jnp.broadcast_to(value, (size,)) for value in shared]
        values = dict(zip(self.scalars, spread, strict=True))
        values |= {gather.name: gather(params) for gather in self.gathers}
        # Only parameters of each element's own are named by labels.
        labels = numbered(self.kind.name, size if self.gathers else 1)
        # An index of length 1 feeds the same input to all elements, by broadcasting.
        index = [(i,) for i in self.inputs]
        group = ElementGroup(self.kind, self.terminals, values, labels=labels, input_index=index)
        # A group computes with scalars as well, which take no memory and no bandwidth, but its
        # constructor is annotated for arrays.
        return eqx.tree_at(lambda g: [g.parameters[s] for s in self.scalars], group, shared)


def make_term(group: Group, energy: Any, roles: LatticeRoles) -> LatticeTerm:
    """The elements that a group of summands stands for; `ValueError` names what does not fit."""
    ranges, references = group.ranges, group.references
    sites = Sites(ranges, energy)
    if references:
        # Elements in the order of their coordinates: more of them then come as slices.
        sites = sites.sorted_by(sites.entries(references[0], (roles.size,)))
    coordinates = {x: _symbol(x) for x in references}
    shapes: dict[Any, tuple[int, ...]] = dict(roles.arrays)
    arrays = [x for base in shapes for x in references_to(base, energy)]
    indices = {r.index: _symbol(r.index) for r in ranges}
    local = energy.xreplace(coordinates | {x: _symbol(x) for x in arrays}).xreplace(indices)
    gathers = [_gather(x, sites, shapes[x.base]) for x in arrays]
    gathers += [_site_numbers(r, sites) for r in ranges if indices[r.index] in local.free_symbols]
    scalars = [s for s in roles.scalars if s in local.free_symbols]
    inputs = [s for s in roles.inputs if s in local.free_symbols]
    parameters = (*scalars, *(sympy.Symbol(g.name, real=True) for g in gathers))
    _check_known(energy, local, {*coordinates.values(), *parameters, *inputs})
    local, symbols, terminals = _terminals(local, references, sites, roles)
    return LatticeTerm(
        ElementKind(sites.name, local, symbols, parameters, tuple(inputs)),
        terminals,
        tuple(s.name for s in scalars),
        tuple(gathers),
        tuple(roles.inputs.index(s) for s in inputs),
    )


def _symbol(x) -> sympy.Symbol:
    # Called like what it stands for, so that a group's description reads like its Sum.
    return sympy.Symbol(str(x), real=True)


def _gather(reference, sites, shape) -> Gather:
    entries = SignedIncidence.selection(sites.entries(reference, shape), int(np.prod(shape)))
    return Gather(str(reference), str(reference.base), entries)


def _site_numbers(r: Range, sites: Sites) -> Gather:
    """The index itself as a number, for energies such as cos(2*pi*i/N)*q[i]**2."""
    entries = SignedIncidence.selection(sites.grid[r.index] - r.low, r.length)
    return Gather(str(r.index), None, entries, r.low)


def _check_known(energy, local, known):
    odd = [x for x in (sympy.I, sympy.zoo, sympy.nan, sympy.oo) if energy.has(x)]
    if odd:
        raise ValueError(f"the energy must be real and finite, but the term {energy} has {odd[0]}")
    unknown = (local.free_symbols - known) | local.atoms(AppliedUndef)
    if unknown:
        names = ", ".join(sorted(str(s) for s in unknown))
        raise ValueError(
            f"the term {energy} contains {names}, which is neither in q, p, u, t nor in params nor "
            "summed over (symbols made with other assumptions, such as real=True, are other "
            "symbols; q, p and array parameters need an index)"
        )


def _terminals(local, references, sites, roles):
    """The local energy, its terminal symbols and their incidences: one of a linear form if any."""
    n = roles.size
    if not references:
        # An energy of inputs and parameters alone; it rests on a coordinate that it ignores.
        nothing = SignedIncidence.selection(np.zeros(sites.count, np.int64), n)
        return local, (sympy.Symbol("nothing", real=True),), (nothing,)
    symbols = [_symbol(x) for x in references]
    columns = [sites.entries(x, (n,)) for x in references]
    signs = _linear_form(local, symbols) if len(symbols) > 1 else None
    if signs is None:
        return local, tuple(symbols), tuple(SignedIncidence.selection(c, n) for c in columns)
    pairs = list(zip(signs, symbols, strict=True))
    form = sympy.Symbol(f"({sympy.Add(*(c * s for c, s in pairs))})", real=True)
    rest = dict.fromkeys(symbols[1:], sympy.Integer(0))
    rows = np.tile(np.arange(sites.count), len(symbols))
    weights = np.repeat(signs, sites.count)
    incidence = SignedIncidence(rows, np.concatenate(columns), weights, (sites.count, n))
    return local.xreplace({symbols[0]: form} | rest), (form,), (incidence,)


def _linear_form(local, symbols) -> list[int] | None:
    """Signs c, the first +1, such that the energy depends on sum of c s alone; or None.

    One terminal then does the work of several: q[i + 1] - q[i] in a chain, for example.
    """
    first, *others = symbols
    shift = sympy.Dummy(real=True)
    signs = [1]
    for symbol in others:
        # Along this move the form stays what it is, so the energy must too.
        moved = {c: {symbol: symbol + shift, first: first - c * shift} for c in (-1, 1)}
        fits = [c for c, move in moved.items() if _lacks(shift, local.xreplace(move))]
        if not fits:
            return None
        signs.append(fits[0])
    return signs


def _lacks(symbol, expr):
    return not expr.has(symbol) or not sympy.expand(expr).has(symbol)
