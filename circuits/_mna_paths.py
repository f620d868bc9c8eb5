"""Numbers of the nodes of a network, and which of them are connected."""

from typing import final

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

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
