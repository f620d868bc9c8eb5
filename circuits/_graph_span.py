"""Which branches join the nodes of a network without transformers."""

from typing import final

from ._disjoint_sets import DisjointSets
from ._elements import GROUND
from ._errors import NetlistError


@final
class GraphSpan:
    """A spanning forest of two-terminal branches: coefficients are +1 and -1."""

    def __init__(self, nodes: dict[str, int]):
        self._nodes = nodes
        self._sets = DisjointSets(len(nodes))

    def grow(self, branches) -> tuple[tuple, tuple]:
        """(branches that join two trees, branches that do not)."""
        inside, outside = [], []
        for branch in branches:
            joined = self._sets.join(*(self._nodes[n] for n in branch.nodes))
            (inside if joined else outside).append(branch)
        return tuple(inside), tuple(outside)

    def finish(self, tree) -> None:
        """Parent, column and sign of every node, outwards from the reference nodes."""
        neighbours = [[] for _ in self._nodes]
        for column, branch in enumerate(tree):
            plus, minus = (self._nodes[node] for node in branch.nodes)
            neighbours[minus].append((plus, column, 1))
            neighbours[plus].append((minus, column, -1))
        self._parent = [(-1, -1, 0)] * len(self._nodes)
        self._depth = [-1] * len(self._nodes)
        self._root = [""] * len(self._nodes)
        for name in sorted(self._nodes, key=lambda name: name != GROUND):
            if self._depth[self._nodes[name]] < 0:
                self._visit(name, neighbours)

    def _visit(self, name, neighbours):
        root = self._nodes[name]
        self._depth[root] = 0
        self._root[root] = name
        stack = [root]
        while stack:
            node = stack.pop()
            for child, column, sign in neighbours[node]:
                if self._depth[child] < 0:
                    self._depth[child] = self._depth[node] + 1
                    self._parent[child] = (node, column, sign)
                    self._root[child] = name
                    stack.append(child)

    def path(self, plus: str, minus: str) -> list[tuple[int, int | float]]:
        a, b = self._nodes[plus], self._nodes[minus]
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

    def reference(self, node: str) -> str:
        return self._root[self._nodes[node]]

    def missing(self, plus: str, minus: str) -> str | None:
        """In words, the nodes that no tree joins to the other end; None where one does."""
        roots = [self._sets.find(self._nodes[node]) for node in (plus, minus)]
        if roots[0] == roots[1]:
            return None
        sides = [[], []]
        for node, i in self._nodes.items():
            if self._sets.find(i) in roots:
                sides[roots.index(self._sets.find(i))].append(node)
        side = min(sides, key=lambda s: (GROUND in s, len(s)))
        shown = ", ".join(side[:5]) + (", ..." if len(side) > 5 else "")
        return f"node {shown}" if len(side) == 1 else f"nodes {shown}"
