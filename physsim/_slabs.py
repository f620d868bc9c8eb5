"""Cutting a network into slabs: whose nodes, whose elements, and what crosses the cuts.

Every slab runs one program. Elements whose nodes lie alike in every slab are inner ones, and that
program holds their incidence. All others lie at the border: tables, one a slab, list them. A node
that one of them touches, in any slab, gets all of its slope from the tables. So each slope is
added up by one slab alone, in the order of the uncut network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import final

import numpy as np

from ._incidence import SignedIncidence
from ._slab_tables import SlabTable, expanded, hashed, make_table, padded, ranks, repeating

Terminals = tuple[SignedIncidence, ...]


@final
@dataclass(frozen=True, eq=False)
class Slabs:
    """Nodes dealt out to `count` slabs of `size` positions; the last slabs may have fewer."""

    position: np.ndarray
    """Where each node is."""
    count: int

    @property
    def size(self) -> int:
        return -(-len(self.position) // self.count)

    @property
    def total(self) -> int:
        """Nodes and padding."""
        return self.count * self.size

    @property
    def is_natural(self) -> bool:
        """Whether the nodes are where their numbers say."""
        return bool(np.all(np.diff(self.position) == 1))


@final
@dataclass(frozen=True, eq=False)
class GroupCut:
    """The elements of one kind: inner ones [slabs, M] and those at the border [slabs, R]."""

    inner: np.ndarray
    reads: Terminals
    """From a slab's nodes to its inner elements."""
    writes: Terminals
    """From its inner elements to its nodes, but those at the border."""
    border: np.ndarray
    owned: np.ndarray
    """Whether the energy of an element at the border counts in this slab, [slabs, R]."""
    present: np.ndarray
    """Whether a slab has elements at the border, [slabs]."""
    border_reads: tuple[SlabTable, ...]
    """From the nodes at hand to the elements at the border."""
    border_writes: tuple[SlabTable, ...]
    """From these to the nodes at the border."""


@final
@dataclass(frozen=True, eq=False)
class Shift:
    """What each receiving slab takes from the slab that is `distance` further on."""

    distance: int
    sent: np.ndarray
    """Which of its nodes at hand a slab sends, [slabs, length]."""
    receivers: tuple[int, ...]


@final
@dataclass(frozen=True, eq=False)
class Cut:
    """The groups of T or of V, all cut alike; at hand are a slab's own nodes, then its halo."""

    groups: tuple[GroupCut, ...]
    own: SignedIncidence
    """Selects the own nodes at hand."""
    border: SignedIncidence
    """Selects the nodes at the border."""
    shifts: tuple[Shift, ...]

    @property
    def halo(self) -> int:
        """How many numbers a slab receives for one slope."""
        return sum(shift.sent.shape[1] for shift in self.shifts)


def cut(groups: Sequence[Terminals], slabs: Slabs) -> Cut:
    """Cut the groups, each given by the incidences of its terminals."""
    placed = [_placed(terminals, slabs) for terminals in groups]
    inner = [_inner(g, slabs) for g in placed]
    border = np.zeros(slabs.size, bool)
    for g, elements in zip(placed, inner, strict=True):
        outer = np.ones(g[0].shape[0], bool)
        outer[elements] = False
        for t in g:
            border[t.columns[outer[t.rows]] % slabs.size] = True
    tabled = [_tabled(g, border, slabs) for g in placed]
    keys = [slab[pair] * slabs.total + t.columns[entry]
            for g, (slab, element) in zip(placed, tabled, strict=True)
            for t in g for pair, entry in [expanded(t.rows, element)]]  # fmt: skip
    keys = np.unique(np.concatenate(keys)) if keys else np.zeros(0, np.int64)
    slab, position = np.divmod(keys, slabs.total)
    is_own = position // slabs.size == slab
    own = np.unique(position[is_own] % slabs.size)
    at_hand = np.empty(len(keys), np.int64)
    at_hand[is_own] = np.searchsorted(own, position[is_own] % slabs.size)
    shifts, at_hand[~is_own] = _shifts(slab[~is_own], position[~is_own], own, slabs)
    edge = np.flatnonzero(border)
    return Cut(
        tuple(
            _group(g, elements, pairs, (keys, at_hand), edge, slabs)
            for g, elements, pairs in zip(placed, inner, tabled, strict=True)
        ),
        SignedIncidence.selection(own, slabs.size),
        SignedIncidence.selection(edge, slabs.size),
        shifts,
    )


def _placed(terminals, slabs):
    """The incidences by positions instead of nodes."""
    if slabs.is_natural:
        return terminals
    return tuple(
        SignedIncidence(t.rows, slabs.position[t.columns], t.signs, t.shape) for t in terminals
    )


def _inner(terminals, slabs) -> np.ndarray:
    """The elements that every slab has, in one order, [slabs, M]."""
    count = terminals[0].shape[0]
    first, last = np.full(count, slabs.count), np.full(count, -1)
    name = np.zeros(count, np.uint64)
    for number, t in enumerate(terminals):
        np.minimum.at(first, t.rows, t.columns // slabs.size)
        np.maximum.at(last, t.rows, t.columns // slabs.size)
        np.add.at(name, t.rows, hashed(t.columns % slabs.size, t.signs, number))
    own = [np.flatnonzero((first == d) & (last == d)) for d in range(slabs.count)]
    names = [hashed(name[e], ranks(name[e])) for e in own]
    shared = reduce(np.intersect1d, names)
    order = [np.argsort(x, kind="stable") for x in names]
    found = np.stack([
        e[o[np.searchsorted(x, shared, sorter=o)]]
        for e, x, o in zip(own, names, order, strict=True)
    ])  # fmt: skip
    found = found[:, np.argsort(found[0])]
    locals_ = [_local(terminals, elements, d, slabs) for d, elements in enumerate(found)]
    # Names may coincide by chance; incidences that do not are no one's inner ones.
    return found if all(x == locals_[0] for x in locals_) else found[:, :0]


def _local(terminals, elements, slab, slabs) -> Terminals:
    """The incidences of some elements of a slab with its own nodes."""
    row = np.full(terminals[0].shape[0], -1)
    row[elements] = np.arange(len(elements))
    shape = (len(elements), slabs.size)
    return tuple(
        SignedIncidence(row[t.rows[k]], t.columns[k] - slab * slabs.size, t.signs[k], shape)
        for t in terminals
        for k in [row[t.rows] >= 0]
    )


def _tabled(terminals, border, slabs):
    """(slab, element) of all elements that touch a node at the slab's border, in order."""
    count = terminals[0].shape[0]
    touching = [
        t.columns[k] // slabs.size * count + t.rows[k]
        for t in terminals
        for k in [border[t.columns % slabs.size]]
    ]
    return np.divmod(np.unique(np.concatenate(touching)), count)


def _shifts(slab, position, own, slabs):
    """The exchanges that bring the positions to the slabs, and where they are then at hand."""
    owner = position // slabs.size
    distance = (owner - slab) % slabs.count
    at_hand, start, shifts = np.empty(len(slab), np.int64), len(own), []
    for d in np.unique(distance):
        k = np.flatnonzero(distance == d)
        index = ranks(slab[k])
        sent = np.zeros((slabs.count, index.max() + 1), np.int64)
        sent[owner[k], index] = np.searchsorted(own, position[k] % slabs.size)
        at_hand[k] = start + index
        start += sent.shape[1]
        shifts.append(Shift(int(d), sent, tuple(np.unique(slab[k]).tolist())))
    return tuple(shifts), at_hand


def _group(terminals, inner, pairs, lookup, edge, slabs) -> GroupCut:
    (keys, at_hand), (slab, element) = lookup, pairs
    reads = _local(terminals, inner[0], 0, slabs)
    row = ranks(slab)
    shape = (slabs.count, int(row.max(initial=-1)) + 1)
    filled = padded(slab, row, np.ones(len(row), bool), shape)
    at_edge = np.full(slabs.size, -1)
    at_edge[edge] = np.arange(len(edge))
    first = np.full(terminals[0].shape[0], slabs.count)
    rows, columns = [], []
    for t in terminals:
        np.minimum.at(first, t.rows, t.columns // slabs.size)
        pair, entry = expanded(t.rows, element)
        here, position, sign = slab[pair], t.columns[entry], t.signs[entry]
        hand = at_hand[np.searchsorted(keys, here * slabs.total + position)]
        rows.append(make_table(here, row[pair], hand, sign, shape).repeating(filled))
        node = at_edge[position % slabs.size]
        k = (position // slabs.size == here) & (node >= 0)
        size = (slabs.count, len(edge))
        columns.append(make_table(here[k], node[k], row[pair[k]], sign[k], size))
    # An element that several slabs compute counts where its first node is.
    first[inner] = -1
    return GroupCut(
        inner,
        reads,
        tuple(_without(x.T, edge) for x in reads),
        repeating(padded(slab, row, element, shape), filled),
        padded(slab, row, first[element] == slab, shape),
        np.bincount(slab, minlength=slabs.count) > 0,
        tuple(rows),
        tuple(columns),
    )


def _without(matrix: SignedIncidence, rows) -> SignedIncidence:
    """The matrix with some rows set to zero."""
    k = ~np.isin(matrix.rows, rows)
    return SignedIncidence(matrix.rows[k], matrix.columns[k], matrix.signs[k], matrix.shape)
