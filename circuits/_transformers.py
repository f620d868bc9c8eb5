"""The normal tree of networks with ideal transformers: linear algebra in place of a graph.

A transformer ties node potentials, e1 - e2 = n (e3 - e4), so the potentials live in a
subspace. A branch is a row vector on it; a tree is a basis of rows, grown greedily in the
same order as in a graph, and the currents follow by transposition (the transformer's own
currents do no work). Dense: for networks of up to a few thousand nodes.
"""

from typing import final

import numpy as np

from ._disjoint_sets import references_of
from ._elements import Transformer
from ._errors import NetlistError

_MAX_NODES = 3000
_RANK = 1e-9
_ROUNDING = 1e-12


@final
class TransformerSpan:
    """A basis of branches; coefficients are real."""

    def __init__(self, elements, nodes: dict[str, int]):
        if len(nodes) > _MAX_NODES:
            first = next(e for e in elements if isinstance(e, Transformer))
            raise NetlistError(
                f"{first.name}: networks with ideal transformers are reduced densely, up to "
                f"{_MAX_NODES} nodes, and this one has {len(nodes)}; use coupled inductors (K)",
                first.location,
            )
        self._nodes = nodes
        self._references = references_of(elements)
        self._potentials = _potentials(elements, nodes, self._references)
        self._basis = np.zeros((0, self._potentials.shape[1]))

    def grow(self, branches) -> tuple[tuple, tuple]:
        """(branches independent of those before, branches that are not)."""
        inside, outside = [], []
        for branch in branches:
            row = self._row(*branch.nodes)
            rest = self._rest(row)
            if np.linalg.norm(rest) > _RANK * max(np.linalg.norm(row), _RANK):
                self._basis = np.vstack([self._basis, rest / np.linalg.norm(rest)])
                inside.append(branch)
            else:
                outside.append(branch)
        return tuple(inside), tuple(outside)

    def finish(self, tree) -> None:
        """The voltage of every node as a combination of the tree's voltages."""
        rows = np.array([self._row(*branch.nodes) for branch in tree])
        rows = rows.reshape(len(tree), self._potentials.shape[1])
        table = self._potentials @ np.linalg.pinv(rows)
        whole = np.round(table)
        table = np.where(np.abs(table - whole) < _ROUNDING, whole, table)
        self._table = table

    def path(self, plus: str, minus: str) -> list[tuple[int, int | float]]:
        if self.reference(plus) != self.reference(minus):
            raise NetlistError(f"nodes {plus} and {minus} are in unconnected parts")
        row = self._table[self._nodes[plus]] - self._table[self._nodes[minus]]
        return [(int(k), float(row[k])) for k in np.flatnonzero(np.abs(row) > _ROUNDING)]

    def reference(self, node: str) -> str:
        return self._references[node]

    def missing(self, plus: str, minus: str) -> str | None:
        row = self._row(plus, minus)
        inside = np.linalg.norm(self._rest(row)) <= _RANK * max(np.linalg.norm(row), _RANK)
        return None if inside else f"the nodes {plus} and {minus}"

    def _row(self, plus, minus):
        return self._potentials[self._nodes[plus]] - self._potentials[self._nodes[minus]]

    def _rest(self, row):
        # Twice is enough for orthogonality to rounding.
        for _ in range(2):
            row = row - self._basis.T @ (self._basis @ row)
        return row


def _potentials(elements, nodes, references):
    """[node, d]: node potentials in terms of d free ones, the references at zero."""
    free = [n for n in nodes if references[n] != n]
    column = {n: k for k, n in enumerate(free)}
    table = np.zeros((len(nodes), len(free)))
    for n, k in column.items():
        table[nodes[n], k] = 1.0
    for e in elements:
        if isinstance(e, Transformer):
            a, b, c, d = (table[nodes[n]] for n in e.nodes)
            tie = (a - b) - e.ratio * (c - d)
            pivot = int(np.argmax(np.abs(tie)))
            if abs(tie[pivot]) < _RANK:
                raise NetlistError(
                    f"{e.name} ties voltages that other transformers tie already, or shorts a "
                    "port: remove it or change its nodes",
                    e.location,
                )
            table = table - np.outer(table[:, pivot], tie / tie[pivot])
            table = np.delete(table, pivot, axis=1)
    return table
