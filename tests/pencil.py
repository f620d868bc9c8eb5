"""Modified nodal analysis of linear networks, dense: an independent reference.

E z' + A z = b(t) with z = (node voltages but the references', currents of L, V and two-ports).
"""

import numpy as np
import scipy.linalg

from circuits import (
    Capacitor,
    CurrentSource,
    Gyrator,
    Inductor,
    Resistor,
    Transformer,
    VoltageSource,
)


class Pencil:
    """Matrices E and A, and what each source drives."""

    def __init__(self, netlist):
        self.netlist = netlist
        names = dict.fromkeys(n for e in netlist.elements for n in e.nodes)
        references = _references(netlist.elements)
        self.nodes = {n: i for i, n in enumerate(n for n in names if n not in references)}
        self.extra = {}
        for e in netlist.elements:
            if isinstance(e, Inductor | VoltageSource | Transformer):
                self.extra[e.name] = len(self.nodes) + len(self.extra)
        size = len(self.nodes) + len(self.extra)
        self.E, self.A = np.zeros((2, size, size))
        self.sources = {}
        for e in netlist.elements:
            self._stamp(e)
        self._couple()

    def _row(self, plus, minus):
        row = np.zeros(len(self.A))
        for node, sign in ((plus, 1), (minus, -1)):
            if node in self.nodes:
                row[self.nodes[node]] += sign
        return row

    def _stamp(self, e):
        a = self._row(*e.nodes[:2])
        k = self.extra.get(e.name)
        match e:
            case Capacitor():
                self.E += e.capacitance * np.outer(a, a)
            case Resistor():
                self.A += np.outer(a, a) / e.resistance
            case Inductor():
                self.A[:, k] += a
                self.A[k] += a
                self.E[k, k] -= e.inductance
            case VoltageSource():
                self.A[:, k] += a
                self.A[k] += a
                self.sources[e.name] = np.eye(len(self.A))[k]
            case CurrentSource():
                self.sources[e.name] = -a
            case Gyrator():
                b = self._row(*e.nodes[2:])
                self.A += e.conductance * (np.outer(a, b) - np.outer(b, a))
            case Transformer():
                b = self._row(*e.nodes[2:])
                self.A[:, k] += a - e.ratio * b
                self.A[k] += a - e.ratio * b

    def _couple(self):
        values = {e.name.lower(): e for e in self.netlist.elements if isinstance(e, Inductor)}
        for card in self.netlist.couplings:
            for n, one in enumerate(card.inductors):
                for two in card.inductors[n + 1 :]:
                    x, y = values[one.lower()], values[two.lower()]
                    mutual = card.coefficient * np.sqrt(x.inductance * y.inductance)
                    i, j = self.extra[x.name], self.extra[y.name]
                    self.E[i, j] -= mutual
                    self.E[j, i] -= mutual

    def eigenvalues(self, size):
        """Finite ones, in units of `size` 1/s, that are not zero."""
        # Rows and columns scaled to order one.
        E, A = self.E * size, self.A
        for _ in range(20):
            rows = np.sqrt(np.maximum(abs(E).max(1), abs(A).max(1)))
            E, A = E / rows[:, None], A / rows[:, None]
            columns = np.sqrt(np.maximum(abs(E).max(0), abs(A).max(0)))
            E, A = E / columns, A / columns
        alpha, beta = scipy.linalg.eig(-A, E, right=False, homogeneous_eigvals=True)
        finite = abs(beta) > 1e-10 * np.maximum(abs(alpha), 1e-3)
        values = alpha[finite] / beta[finite]
        return values[(abs(values) > 1e-6) & (abs(values) < 1e6)]

    def response(self, s):
        """z for each source alone at the complex frequency s (1/s)."""
        return {n: np.linalg.solve(self.A + s * self.E, b) for n, b in self.sources.items()}


def _references(elements):
    """The first node of each part, ground before others."""
    parts = []
    for e in elements:
        for k in range(0, len(e.nodes), 2):
            pair = set(e.nodes[k : k + 2])
            touching = [p for p in parts if p & pair]
            parts = [p for p in parts if not p & pair] + [pair.union(*touching)]
    order = list(dict.fromkeys(n for e in elements for n in e.nodes))
    return {"0" if "0" in p else next(n for n in order if n in p) for p in parts}
