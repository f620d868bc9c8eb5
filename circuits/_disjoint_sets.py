"""Union-find, and the connected parts of a network."""

from collections.abc import Iterable, Mapping
from typing import final

from ._elements import GROUND, Element


@final
class DisjointSets:
    """Sets of the numbers 0..size-1, each alone at first; with path halving."""

    def __init__(self, size: int):
        self._parent = list(range(size))

    def find(self, i: int) -> int:
        """The set's representative."""
        parent = self._parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(self, i: int, j: int) -> bool:
        """Unite the two sets; False if they were one already."""
        i, j = self.find(i), self.find(j)
        self._parent[i] = j
        return i != j


def joined(nodes: Mapping[str, int], elements: Iterable[Element]) -> DisjointSets:
    """Sets of the numbers of `nodes` that the elements connect."""
    parts = DisjointSets(len(nodes))
    for e in elements:
        # A two-port joins the nodes of each port, not the ports.
        for plus, minus in zip(e.nodes[::2], e.nodes[1::2], strict=True):
            parts.join(nodes[plus], nodes[minus])
    return parts


def references_of(elements: Iterable[Element]) -> dict[str, str]:
    """Of every node the reference node of its part: ground, or the first where it has none."""
    elements = list(elements)
    nodes = {n: i for i, n in enumerate(dict.fromkeys(n for e in elements for n in e.nodes))}
    parts = joined(nodes, elements)
    first: dict[int, str] = {}
    for name in sorted(nodes, key=lambda name: name != GROUND):
        first.setdefault(parts.find(nodes[name]), name)
    return {name: first[parts.find(i)] for name, i in nodes.items()}
