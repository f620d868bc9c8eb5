"""Initial voltages of the tree capacitors, from `ic=` and `.ic`."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from ._elements import Capacitor
from ._errors import NetlistError
from ._graph import NormalTree
from ._netlist import Netlist


def initial_voltages(netlist: Netlist, tree: NormalTree) -> Float[np.ndarray, " n"]:
    """The voltage of each tree capacitor at t = 0, in V.

    Every `ic=` and `.ic` holds; a node that they leave open starts at 0 V against its
    reference. Raises `NetlistError` if they contradict each other.
    """
    nodes = _Potentials(len(tree.nodes))
    given = list(_given(netlist, tree))
    largest = max((abs(value) for _, _, value, _, _ in given), default=0.0)
    for plus, minus, value, what, location in given:
        if nodes.tie(plus, minus, value):
            continue
        actual = nodes.between(plus, minus)
        if abs(actual - value) > 1e-9 * largest:
            raise NetlistError(
                f"{what} contradicts the other initial voltages, which make it {actual:g}: "
                "change or remove one of them",
                location,
            )
    for node, i in tree.nodes.items():
        nodes.tie(i, tree.nodes[tree.reference(node)], 0.0)
    ends = [(tree.nodes[plus], tree.nodes[minus]) for plus, minus in (c.nodes for c in tree.tree)]
    return np.array([nodes.between(plus, minus) for plus, minus in ends])


def _given(netlist: Netlist, tree: NormalTree) -> Iterator[tuple]:
    """(node, node, voltage between them, the words that say so, their place)."""
    for e in netlist.elements:
        if isinstance(e, Capacitor) and e.ic is not None:
            plus, minus = (tree.nodes[node] for node in e.nodes)
            yield plus, minus, e.ic, f"ic={e.ic:g} of {e.name}", e.location
    for node, (value, location) in netlist.initial_voltages.items():
        ends = tree.nodes[node], tree.nodes[tree.reference(node)]
        yield *ends, value, f".ic v({node})={value:g}", location


class _Potentials:
    """Union-find that knows the voltage between any two nodes of one set."""

    def __init__(self, size: int):
        self._parent = list(range(size))
        self._above = [0.0] * size

    def _root(self, i: int) -> tuple[int, float]:
        """The set's root and the voltage of i against it."""
        trail, voltage = [], 0.0
        while self._parent[i] != i:
            trail.append((i, voltage))
            voltage += self._above[i]
            i = self._parent[i]
        for node, before in trail:
            self._parent[node], self._above[node] = i, voltage - before
        return i, voltage

    def between(self, plus: int, minus: int) -> float:
        """v(plus) - v(minus), for nodes of one set."""
        return self._root(plus)[1] - self._root(minus)[1]

    def tie(self, plus: int, minus: int, voltage: float) -> bool:
        """Set v(plus) - v(minus); False if it is already determined."""
        (a, at_plus), (b, at_minus) = self._root(plus), self._root(minus)
        if a != b:
            self._parent[a] = b
            self._above[a] = at_minus + voltage - at_plus
        return a != b
