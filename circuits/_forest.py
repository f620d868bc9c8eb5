"""Paths of branches between vertices."""

from typing import final

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components


@final
class Forest:
    """A shallow spanning forest of branches between the vertices 0..count-1.

    `tails` and `heads` are the branches' first and second vertices; the branches of `links` are
    left over.
    """

    def __init__(self, tails: Int[np.ndarray, " m"], heads: Int[np.ndarray, " m"], count: int):
        low, high = np.minimum(tails, heads), np.maximum(tails, heads)
        keys = low * count + high
        open_ones = np.flatnonzero(low != high)
        _, first = np.unique(keys[open_ones], return_index=True)
        single = open_ones[first]
        edge = dict(zip(keys[single].tolist(), single.tolist(), strict=True))
        graph = csr_array((np.ones(len(single)), (low[single], high[single])), (count, count))
        _, label = connected_components(graph, directed=False)
        _, roots = np.unique(label, return_index=True)
        # One more vertex, next to a vertex of each component, makes one search enough.
        rows = np.concatenate([low[single], np.full(len(roots), count)])
        columns = np.concatenate([high[single], roots])
        shape = (count + 1, count + 1)
        joined = csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
        order, above = breadth_first_order(joined, count, directed=False)
        self._above = above.tolist()
        self._depth, self._branch, self._sign = [0] * (count + 1), [-1] * (count + 1), [0] * count
        for vertex in order[1:].tolist():
            parent = self._above[vertex]
            self._depth[vertex] = self._depth[parent] + 1
            if parent < count:
                branch = edge[min(vertex, parent) * count + max(vertex, parent)]
                self._branch[vertex] = branch
                self._sign[vertex] = 1 if tails[branch] == vertex else -1
        inside = set(self._branch)
        self.links = [k for k in range(len(tails)) if k not in inside]

    def path(self, start: int, end: int) -> list[tuple[int, int]]:
        """(branch, +1 where it is passed from tail to head, else -1), from `start` to `end`."""
        up, down = [], []
        while start != end:
            if self._depth[start] >= self._depth[end]:
                up.append((self._branch[start], self._sign[start]))
                start = self._above[start]
            else:
                down.append((self._branch[end], -self._sign[end]))
                end = self._above[end]
        return [*up, *reversed(down)]
