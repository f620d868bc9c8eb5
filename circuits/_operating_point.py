"""The DC operating point of a network."""

from collections.abc import Mapping
from typing import final

import numpy as np
from jaxtyping import Complex, Float

from ._elements import (
    Element,
    Gyrator,
    Inductor,
    Junction,
    Resistor,
    Transformer,
    VoltageSource,
)
from ._mna import Mna
from ._mna_newton import operating_state
from ._mna_output import between
from ._mna_sources import values_at_rest
from ._mna_stability import LARGEST, eigenvalues, is_stable, typical_rate
from ._netlist import Netlist
from ._quantities import REDUCED_FLUX_QUANTUM
from ._quantity import find_element, parse_quantity


@final
class OperatingPoint:
    """A network at rest, in SI, by names of nodes and elements.

    `voltages` are the nodes' against the reference of their part (ground, or its first node);
    `currents` flow from an element's first node to its second (of a two-port: into its first
    port); `phases` are those of junctions, `fluxes` (Wb) of junctions and nonlinear inductors,
    `charges` (C) of nonlinear capacitors.

    `eigenvalues` (1/s) are those of the network linearised here, `stable` whether none has a
    positive real part (larger than 1e-6 of its size and of the network's typical rate); both are
    None in networks of more than 300 unknowns.
    """

    def __init__(self, mna: Mna, state: Float[np.ndarray, " N"]):
        self.netlist = mna.netlist
        self.state = state
        self._mna = mna
        self.voltages: Mapping[str, float] = {
            name: float(state[mna.nodes[name]]) if name in mna.nodes else 0.0
            for name in mna.references
        }
        self.fluxes: Mapping[str, float] = self._own(mna.fluxes.elements)
        self.charges: Mapping[str, float] = self._own(mna.charged.elements)
        self.phases: Mapping[str, float] = {
            e.name: self.fluxes[e.name] / REDUCED_FLUX_QUANTUM
            for e in mna.fluxes.elements
            if isinstance(e, Junction)
        }
        self.currents: Mapping[str, float] = self._currents()
        self.eigenvalues: Complex[np.ndarray, " k"] | None = None
        self.stable: bool | None = None
        if mna.size <= LARGEST:
            self.eigenvalues = eigenvalues(mna, state)
            self.stable = is_stable(self.eigenvalues, typical_rate(mna, state))

    def v(self, node: str, other: str | None = None) -> float:
        """The voltage of `node` against its reference, or against `other`, in V."""
        return float(between(self._mna, node, other) @ self.state)

    def i(self, element: str) -> float:
        """The current through `element` from its first node to its second, in A."""
        return self.currents[find_element(self.netlist, element).name]

    def measure(self, quantity: str) -> float:
        """`v(node)`, `v(node,node)` (V) or `i(element)` (A)."""
        what, names = parse_quantity(quantity)
        return self.i(*names) if what == "i" else self.v(*names)

    def _own(self, elements: list) -> dict[str, float]:
        return {e.name: float(self.state[self._mna.own[e.name]]) for e in elements}

    def _currents(self) -> dict[str, float]:
        mna, x = self._mna, self.state
        groups = (
            (mna.leaks, mna.leak_laws.response(mna.leaks.ends.T @ x)),
            (mna.fluxes, mna.flux_laws.response(mna.fluxes.own.T @ x)),
            (mna.current_sources, values_at_rest(mna.current_sources.elements)),
        )
        known = {
            e.name: float(value)
            for branches, values in groups
            for e, value in zip(branches.elements, values, strict=True)
        }
        return {e.name: known.get(e.name, self._linear(e)) for e in self.netlist.elements}

    def _linear(self, element: Element) -> float:
        volts = [self.voltages[node] for node in element.nodes]
        match element:
            case Resistor():
                return (volts[0] - volts[1]) / element.resistance
            case Gyrator():
                return element.conductance * (volts[2] - volts[3])
            case Inductor() | VoltageSource() | Transformer():
                return float(self.state[self._mna.own[element.name]])
            case _:
                return 0.0


def operating_point(netlist: Netlist) -> OperatingPoint:
    """See `Circuit.op`."""
    mna = Mna(netlist)
    return OperatingPoint(mna, operating_state(mna))
