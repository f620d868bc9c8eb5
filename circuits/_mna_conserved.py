"""What a network conserves at rest: the flux of loops of inductors, the charge of islands.

At a DC operating point the rows of G of every loop of inductive branches add up to nothing, and
so do those of every island of nodes that only capacitors hold. For such a combination y (y G = 0)
C x' + G x = b leaves y C x as it was at the start: that closes the system.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float
from scipy.sparse import csr_array

from ._elements import Capacitor, CurrentSource, NonlinearCapacitor, VoltageSource
from ._errors import NetlistError
from ._forest import Forest
from ._mna import Mna, Slopes, elements_named
from ._mna_paths import Nodes
from ._mna_sources import values_at_rest

_LARGEST_DENSE = 1500
_RANK = 1e-9
_BLOCKING = (Capacitor, NonlinearCapacitor, CurrentSource)


class Conserved(NamedTuple):
    """Combinations of rows, and a row of each whose equation follows from the others."""

    combinations: csr_array
    """[k, N]"""
    rows: np.ndarray
    """[k], all different."""


def find_conserved(mna: Mna, drive: Float[np.ndarray, " N"]) -> Conserved:
    """The combinations, for the sources' values in `drive`.

    With two-ports, a loop may close through them; then the combinations are found by dense
    algebra, in networks of up to 1500 unknowns. Raises `NetlistError`, naming the elements, for
    a loop of voltage sources and inductors, and a cutset of current sources and capacitors,
    whose voltages or currents do not cancel.
    """
    nodes = Nodes(mna)
    two_ports = mna.gyrators.elements or mna.transformers.elements
    if two_ports and mna.size <= _LARGEST_DENSE:
        return _by_rank(mna, drive)
    parts = [_loops(mna, nodes), _islands(mna, nodes, drive)]
    rows = np.concatenate([part[0] for part in parts])
    entries = [entry for part in parts for entry in part[1]]
    places = [k for k, entry in enumerate(entries) for _ in entry]
    columns = [column for entry in entries for column, _ in entry]
    values = [float(value) for entry in entries for _, value in entry]
    shape = (len(entries), mna.size)
    return Conserved(csr_array((values, (places, columns)), shape=shape), rows.astype(int))


def _loops(mna: Mna, nodes: Nodes):
    """Rows and entries of every loop of inductive branches, across voltage sources of 0 V too."""
    branches = [*mna.inductors.elements, *mna.fluxes.elements]
    sources = mna.voltage_sources.elements
    tied = nodes.components(sources)
    tails, heads = (tied[side] for side in nodes.pairs(branches))
    forest = Forest(tails, heads, nodes.count)
    potentials = _potentials(sources, nodes, tied)
    rows, entries = [], []
    for link in forest.links:
        path = forest.path(int(tails[link]), int(heads[link]))
        loop = [(link, 1), *((k, -sign) for k, sign in path)]
        ends = [nodes.ends(branches[k]) for k, _ in loop]
        rises = [potentials[j] - potentials[i] for i, j in ends]
        rise = sum(sign * gap for (_, sign), gap in zip(loop, rises, strict=True))
        if abs(rise) > _RANK * np.abs(potentials).max():
            touched = {tied[i] for pair in ends for i in pair}
            held = [e for e in sources if tied[nodes.ends(e)[0]] in touched]
            _refuse_voltage([branches[k] for k, _ in loop] + held)
        rows.append(mna.own[branches[link].name])
        entries.append([(mna.own[branches[k].name], sign) for k, sign in loop])
    return np.array(rows, int), entries


def _potentials(sources: list, nodes: Nodes, tied: np.ndarray) -> np.ndarray:
    """Of each node against one of those that voltage sources tie it to, in V."""
    forest = Forest(*nodes.pairs(sources), nodes.count)
    _, roots = np.unique(tied, return_index=True)
    values, starts = np.zeros(nodes.count), values_at_rest(sources)
    for node in {i for source in sources for i in nodes.ends(source)}:
        path = forest.path(node, int(roots[tied[node]]))
        values[node] = sum(sign * starts[k] for k, sign in path)
    return values


def _refuse_voltage(elements: list) -> None:
    raise NetlistError(
        f"{elements_named(elements)} form a loop of inductors and voltage sources in which the "
        "current rises for ever: there is no DC operating point; put a resistor in series",
        elements[0].location,
    )


def _islands(mna: Mna, nodes: Nodes, drive: np.ndarray):
    """Rows and entries of the nodes that only capacitors and current sources hold."""
    label = nodes.components([e for e in mna.netlist.elements if not isinstance(e, _BLOCKING)])
    grounded = {label[nodes.index[reference]] for reference in mna.references.values()}
    members: dict[int, list[int]] = {}
    for node, own in enumerate(label.tolist()):
        if own not in grounded:
            members.setdefault(own, []).append(int(nodes.row[node]))
    for own, island in members.items():
        pushed = drive[island]
        if abs(pushed.sum()) > _RANK * np.abs(pushed).sum():
            _refuse_current(_crossing(mna, dict(zip(nodes.index, label == own, strict=True))))
    rows = np.array([island[0] for island in members.values()], int)
    return rows, [[(row, 1) for row in island] for island in members.values()]


def _crossing(mna: Mna, inside: dict) -> list:
    """Capacitors and current sources between nodes of different values."""
    blocking = [e for e in mna.netlist.elements if isinstance(e, _BLOCKING)]
    return [e for e in blocking if len({inside[n] for n in e.nodes}) > 1]


def _refuse_current(elements: list) -> None:
    raise NetlistError(
        f"{elements_named(elements)} form a cutset of capacitors and current sources in which a "
        "voltage rises for ever: there is no DC operating point; put a resistor in parallel",
        elements[0].location,
    )


def _by_rank(mna: Mna, drive: np.ndarray) -> Conserved:
    """The left null space of G, nonlinear slopes taken as 1."""
    ones = Slopes(*(np.ones(len(b.elements)) for b in (mna.leaks, mna.fluxes, mna.charged)))
    matrix = (mna.static() + mna.bent(ones)).toarray()
    rows = np.ones(mna.size)
    for _ in range(6):
        rows /= np.sqrt(_sizes(rows[:, None] * matrix, 1))
        columns = 1 / _sizes(rows[:, None] * matrix, 0)
        rows /= np.sqrt(_sizes(rows[:, None] * matrix * columns, 1))
    left, sizes, _ = np.linalg.svd(rows[:, None] * matrix * columns)
    null = left[:, sizes <= _RANK * sizes[0]].T * rows
    null /= _sizes(null, 1)[:, None]
    null[np.abs(null) < _RANK] = 0.0
    for y in null:
        _refuse_driven(y, mna, drive)
    pivots = scipy.linalg.qr(null, mode="economic", pivoting=True)[-1]
    return Conserved(csr_array(null), np.asarray(pivots)[: len(null)])


def _refuse_driven(y: np.ndarray, mna: Mna, drive: np.ndarray) -> None:
    if abs(y @ drive) <= _RANK * (np.abs(y) @ np.abs(drive)):
        return
    used = {name for name, row in mna.own.items() if y[row]}
    loop = [e for e in mna.netlist.elements if e.name in used]
    if any(isinstance(e, VoltageSource) for e in loop):
        _refuse_voltage(loop)
    at = {name: y[mna.nodes[name]] if name in mna.nodes else 0.0 for name in mna.references}
    _refuse_current(_crossing(mna, at) + loop)


def _sizes(matrix: np.ndarray, axis: int) -> np.ndarray:
    sizes = np.abs(matrix).max(axis, initial=0.0)
    return np.where(sizes > 0, sizes, 1.0)
