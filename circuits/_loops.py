"""Which inductors have to be solved for together, and their energies."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ._coupled import CoupledInductors, CoupledLayout, pairs_of, refuse_large, split
from ._elements import CurrentSource
from ._netlist import Netlist
from ._normal_tree import NormalTree
from ._quantities import Scales
from ._sources import value_at_start
from ._start_currents import link_currents


class Loops(NamedTuple):
    """Energies of coupled inductors, their units, and the names of the inductors in them."""

    parts: tuple[CoupledInductors, ...]
    units: tuple[CoupledInductors, ...]
    names: frozenset[str]


def coupled_loops(netlist: Netlist, tree: NormalTree, scales: Scales) -> Loops:
    """Coupled coils, and those at nodes that only inductors reach, in blocks of equal size."""
    inductors = [*tree.link_inductors, *tree.inductors]
    index = {e.name.lower(): i for i, e in enumerate(inductors)}
    inner = tree.inductor_columns
    links = len(tree.link_inductors)
    through = tree.incidence((e.nodes for e in tree.link_inductors), inner)
    rows: list[list[tuple[int, float]]] = [[] for _ in range(links)]
    for row, column, sign in zip(through.rows, through.columns, through.signs, strict=True):
        rows[row].append((links + int(column), float(sign)))
    pairs = [(index[a], index[b], k) for a, b, k in pairs_of(netlist.couplings)]
    members = [[c, *(i for i, _ in row)] for c, row in enumerate(rows)]
    sets = split(members, [(i, j) for i, j, _ in pairs], len(inductors))
    by_size: dict[int, list] = {}
    for loops, own in sets:
        if len(own) > 1:
            refuse_large(len(loops), inductors[own[0]])
            # Coils that only sources drive make no loop: they go with those that make one.
            by_size.setdefault(max(len(loops), 1), []).append((loops, own))
    starts = link_currents(netlist, tree) if tree.inductors or by_size else None
    made = [
        _energy(netlist, tree, scales, size, group, inductors, rows, pairs, starts)
        for size, group in sorted(by_size.items())
    ]
    names = {inductors[i].name for group in by_size.values() for _, own in group for i in own}
    return Loops(tuple(a for a, _ in made), tuple(b for _, b in made), frozenset(names))


def _energy(netlist, tree, scales, size, group, inductors, rows, pairs, starts):
    """All blocks of one size: (energy, units)."""
    loops = [c for own_loops, _ in group for c in own_loops]
    own = [i for _, members in group for i in members]
    place = {i: k for k, i in enumerate(own)}
    membership = [[] for _ in own]
    for row, c in enumerate(loops):
        membership[place[c]].append((row, 1.0))
        for i, sign in rows[c]:
            # P = [1, -K_LL].
            membership[place[i]].append((row, -sign))
    cards = {k.name: k for i, _, k in pairs if i in place}
    numbers = {name: n for n, name in enumerate(cards)}
    coupled = [(place[i], place[j], numbers[k.name]) for i, j, k in pairs if i in place]
    drives, used = _drives(netlist, tree, inductors, own)
    layout = CoupledLayout(
        tuple(inductors[c].name for c in loops),
        size,
        tuple(inductors[i].name for i in own),
        tuple(cards),
        tuple(coupled),
        membership,
        drives,
    )
    incidence = tree.incidence((inductors[c].nodes for c in loops), tree.flux_columns)
    sources = [e for e in netlist.elements if isinstance(e, CurrentSource)]
    at_start = tuple(value_at_start(sources[k].waveform) / scales.current for k in used)

    def make(inductance, coupling, ic):
        return CoupledInductors(
            jnp.asarray(inductance), jnp.asarray(coupling), jnp.asarray(ic),
            layout, incidence, tuple(used), at_start,
        )  # fmt: skip

    values = np.array([inductors[i].inductance for i in own]) / scales.inductance
    factors = np.array([k.coefficient for k in cards.values()], float)
    currents = np.array([starts[c] for c in loops]) / scales.current
    energy = make(values, factors, currents)
    units = make(
        np.full(len(own), scales.inductance),
        np.ones(len(cards)),
        np.full(len(loops), scales.current),
    )
    return energy, units


def _drives(netlist, tree, inductors, own):
    """For each own inductor (source number, coefficient), and which inputs the sources are.

    A source drives -K_IL^T I through the tree's inductors; W = P L [0; K_IL^T] has the
    opposite sign.
    """
    inner = tree.inductor_columns
    sources = [e for e in netlist.elements if isinstance(e, CurrentSource)]
    matrix = tree.incidence((e.nodes for e in sources), inner)
    links = len(inductors) - len(tree.inductors)
    place = {i - links: k for k, i in enumerate(own) if i >= links}
    used: list[int] = []
    drives = [[] for _ in own]
    for row, column, sign in zip(matrix.rows, matrix.columns, matrix.signs, strict=True):
        if int(column) in place:
            if int(row) not in used:
                used.append(int(row))
            drives[place[int(column)]].append((used.index(int(row)), float(sign)))
    return drives, used
