"""The normal tree of a network: which capacitor voltages describe all the others.

Capacitors grow a spanning forest (union-find). Larger ones come first, by factors of a
thousand, or C_eff would lose digits; of similar ones the grounded, so that coordinates are
node fluxes wherever possible. Rank questions then become graph facts: a capacitor left out
of the forest closes a capacitor loop; an inductor that joins two of its trees shows nodes
without capacitance; a current source that does shows a cutset of sources.
"""

import math
from collections.abc import Iterable, Sequence
from typing import final

import numpy as np

from physsim import SignedIncidence

from ._elements import GROUND, Capacitor, CurrentSource, Element
from ._errors import NetlistError


@final
class NormalTree:
    """A forest of capacitors that reaches every node.

    `tree` and `cotree` list the capacitors inside and outside it. A node voltage is the
    signed sum of the tree capacitors' voltages on its path to the reference node of its
    part of the network (ground, or the first node where a part has no ground).

    Raises `NetlistError` if the forest does not reach every node, unless `spanning` is
    False: such a network has no Hamiltonian in these coordinates.
    """

    def __init__(self, elements: Sequence[Element], *, spanning: bool = True):
        names = dict.fromkeys(node for element in elements for node in element.nodes)
        self.nodes = {node: i for i, node in enumerate(names)}
        self.tree, self.cotree, sets = self._grow(elements)
        if spanning:
            self._check_span(elements, sets)
        self._climb()

    def _grow(self, elements):
        capacitors = [e for e in elements if isinstance(e, Capacitor)]
        largest = max((c.capacitance for c in capacitors), default=1.0)
        capacitors.sort(
            key=lambda c: (int(math.log10(largest / c.capacitance) / 3), GROUND not in c.nodes)
        )
        sets = _DisjointSets(len(self.nodes))
        tree, cotree = [], []
        for c in capacitors:
            joined = sets.join(self.nodes[c.nodes[0]], self.nodes[c.nodes[1]])
            (tree if joined else cotree).append(c)
        return tuple(tree), tuple(cotree), sets

    def _check_span(self, elements, sets):
        others = [e for e in elements if not isinstance(e, Capacitor)]
        for e in sorted(others, key=lambda e: isinstance(e, CurrentSource)):
            if sets.same(*(self.nodes[node] for node in e.nodes)):
                continue
            island = self._island(e, sets)
            if isinstance(e, CurrentSource):
                raise NetlistError(
                    f"{e.name} drives {island}, from which its current has no way back (a cutset "
                    "of current sources): add a capacitor or an inductor there",
                    e.location,
                )
            raise NetlistError(
                f"{e.name} leads to {island} without a capacitance to the rest of the network, so "
                f"its flux is no coordinate: add a capacitor, for example from {e.nodes[0]} to "
                f"{e.nodes[1]}",
                e.location,
            )

    def _island(self, element, sets):
        """The nodes on the smaller, ungrounded side of `element`, in words."""
        sides = [[], []]
        roots = [sets.find(self.nodes[node]) for node in element.nodes]
        for node, i in self.nodes.items():
            if sets.find(i) in roots:
                sides[roots.index(sets.find(i))].append(node)
        side = min(sides, key=lambda s: (GROUND in s, len(s)))
        shown = ", ".join(side[:5]) + (", ..." if len(side) > 5 else "")
        return f"node {shown}" if len(side) == 1 else f"nodes {shown}"

    def _climb(self):
        """Parent, coordinate and sign of every node, outwards from the reference nodes."""
        neighbours = [[] for _ in self.nodes]
        for column, c in enumerate(self.tree):
            plus, minus = (self.nodes[node] for node in c.nodes)
            neighbours[minus].append((plus, column, 1))
            neighbours[plus].append((minus, column, -1))
        self._parent = [(-1, -1, 0)] * len(self.nodes)
        self._depth = [-1] * len(self.nodes)
        self._reference = [""] * len(self.nodes)
        for name in sorted(self.nodes, key=lambda name: name != GROUND):
            if self._depth[self.nodes[name]] < 0:
                self._visit(name, neighbours)

    def _visit(self, name, neighbours):
        root = self.nodes[name]
        self._depth[root] = 0
        self._reference[root] = name
        stack = [root]
        while stack:
            node = stack.pop()
            for child, column, sign in neighbours[node]:
                if self._depth[child] < 0:
                    self._depth[child] = self._depth[node] + 1
                    self._parent[child] = (node, column, sign)
                    self._reference[child] = name
                    stack.append(child)

    def path(self, plus: str, minus: str) -> list[tuple[int, int]]:
        """(coordinate, sign) pairs whose sum is the voltage from `plus` to `minus`.

        Raises `NetlistError` if no capacitors lead from one to the other.
        """
        a, b = self.nodes[plus], self.nodes[minus]
        steps = []
        while a != b:
            if self._depth[a] >= self._depth[b]:
                a, column, sign = self._parent[a]
                steps.append((column, sign))
            else:
                b, column, sign = self._parent[b]
                steps.append((column, -sign))
            if a < 0 or b < 0:
                raise NetlistError(f"nodes {plus} and {minus} are in unconnected parts")
        return steps

    def incidence(self, branches: Iterable[tuple[str, str]]) -> SignedIncidence:
        """The matrix that takes tree voltages (or fluxes) to those of the branches."""
        rows, columns, signs = [], [], []
        count = 0
        for count, (plus, minus) in enumerate(branches, start=1):
            for column, sign in self.path(plus, minus):
                rows.append(count - 1)
                columns.append(column)
                signs.append(sign)
        return SignedIncidence(rows, columns, np.array(signs, int), (count, len(self.tree)))

    def coordinates(self) -> tuple[str, ...]:
        """A name for each coordinate: its node, or `a,b` for a capacitor between nodes."""
        return tuple(
            next(n for n in c.nodes if n != GROUND) if GROUND in c.nodes else ",".join(c.nodes)
            for c in self.tree
        )

    def reference(self, node: str) -> str:
        """The node from which the voltage of `node` is counted."""
        return self._reference[self.nodes[node]]


class _DisjointSets:
    """Union-find with path halving."""

    def __init__(self, size):
        self._parent = list(range(size))

    def find(self, i):
        parent = self._parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def same(self, i, j):
        return self.find(i) == self.find(j)

    def join(self, i, j):
        """Unite the two sets; False if they were one already."""
        i, j = self.find(i), self.find(j)
        self._parent[i] = j
        return i != j
