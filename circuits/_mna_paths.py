"""Connected nodes of a network, and paths of branches between them."""

from typing import final

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from ._elements import Element
from ._mna import Mna


@final
class Nodes:
    """All nodes by number, references too."""

    def __init__(self, mna: Mna):
        self.index = {name: k for k, name in enumerate(mna.references)}
        self.count = len(self.index)
        self.row = np.array([mna.nodes.get(name, -1) for name in self.index], int)

    def ends(self, element: Element) -> tuple[int, int]:
        return self.index[element.nodes[0]], self.index[element.nodes[1]]

    def pairs(self, elements) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of all branches; a two-port has two."""
        ends = [
            (self.index[e.nodes[k]], self.index[e.nodes[k + 1]])
            for e in elements
            for k in range(0, len(e.nodes), 2)
        ]
        pairs = np.array(ends, int).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def components(self, elements) -> np.ndarray:
        """A label for every node: equal where the elements connect them."""
        i, j = self.pairs(elements)
        graph = csr_array((np.ones(len(i)), (i, j)), shape=(self.count, self.count))
        return connected_components(graph, directed=False)[1]


@final
class Forest:
    """A shallow spanning forest of branches between groups of nodes; `links` are left over."""

    def __init__(self, nodes: Nodes, elements: list, group: np.ndarray):
        i, j = nodes.pairs(elements)
        self._group = group
        tails, heads = group[i], group[j]
        count = int(group.max(initial=-1)) + 1
        keys = np.minimum(tails, heads) * count + np.maximum(tails, heads)
        open_ones = np.flatnonzero(tails != heads)
        _, first = np.unique(keys[open_ones], return_index=True)
        single = open_ones[first]
        edge = dict(zip(keys[single].tolist(), single.tolist(), strict=True))
        graph = csr_array((np.ones(len(single)), (tails[single], heads[single])), (count, count))
        _, label = connected_components(graph, directed=False)
        _, roots = np.unique(label, return_index=True)
        # One more vertex, next to a vertex of each component, makes one search enough.
        rows = np.concatenate([tails[single], np.full(len(roots), count)])
        columns = np.concatenate([heads[single], roots])
        shape = (count + 1, count + 1)
        joined = csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
        order, above = breadth_first_order(joined, count, directed=False)
        self._above = above.tolist()
        self._depth, self._branch, self._sign = [0] * (count + 1), [-1] * (count + 1), [0] * count
        for vertex in order[1:].tolist():
            parent = self._above[vertex]
            self._depth[vertex] = self._depth[parent] + 1
            if parent < count:
                key = min(vertex, parent) * count + max(vertex, parent)
                self._branch[vertex] = edge[key]
                self._sign[vertex] = 1 if tails[edge[key]] == vertex else -1
        inside = set(self._branch)
        self.links = [k for k in range(len(elements)) if k not in inside]

    def path(self, start: int, end: int) -> list[tuple[int, int]]:
        """Branches (number, sign) whose voltages add up to v(start) - v(end), tied groups apart."""
        i, j = int(self._group[start]), int(self._group[end])
        path = []
        while i != j:
            if self._depth[i] >= self._depth[j]:
                path.append((self._branch[i], self._sign[i]))
                i = self._above[i]
            else:
                path.append((self._branch[j], -self._sign[j]))
                j = self._above[j]
        return path
