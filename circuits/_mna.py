"""Modified nodal analysis: a network as sparse matrices.

    C x' + G x = b(t)          linear, or linearised about an operating point

Unknowns x, in SI: the voltage of every node against the reference of its connected part
(ground, or the part's first node); the currents of inductors, voltage sources and of the
first ports of transformers, from the first node to the second; the fluxes of junctions and
nonlinear inductors; the charges of nonlinear capacitors. The first rows say that the currents
out of each node add up to zero, one row an own unknown follows:

    inductor             v - sum_j M_kj i_j' = 0
    voltage source       v = V
    transformer          v1 - n v2 = 0
    junction             v - F' = 0,           current U'(F), linearised U''(F0) F
    nonlinear capacitor  v - E'(Q) = 0,        current Q',    linearised v = E''(Q0) Q

With fluxes and charges as unknowns a vanishing or negative U'' or E'' is no special case.
Ho, Ruehli and Brennan, IEEE Trans. Circuits Syst. 22:504 (1975).
"""

from collections.abc import Sequence
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_array, csc_array, diags_array

from ._coupled import inductance_matrix
from ._disjoint_sets import references_of
from ._elements import (
    Capacitor,
    CurrentSource,
    Element,
    Gyrator,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    Transformer,
    VoltageSource,
)
from ._errors import listed
from ._laws import Laws
from ._netlist import Netlist

OWN = (Inductor, VoltageSource, Transformer, Junction, NonlinearInductor, NonlinearCapacitor)
"""Elements with an unknown of their own."""


class Slopes(NamedTuple):
    """Derivatives of the laws of nonlinear elements at an operating point."""

    leaks: np.ndarray
    """Of resistors, in S."""
    fluxes: np.ndarray
    """Of junctions and nonlinear inductors, in 1/H."""
    charges: np.ndarray
    """Of nonlinear capacitors, in 1/F."""


class Sort(NamedTuple):
    """The elements of one sort, m of N unknowns each."""

    elements: list
    ends: csc_array
    """[N, m]: +1 at the row of an element's first node, -1 at that of its second."""
    far: csc_array
    """[N, m]: the same of a two-port's second port."""
    own: csc_array
    """[N, m]: 1 at the row of an element's own unknown."""


@final
class Mna:
    """The unknowns of a network, its sorts of elements, and the matrices made of them."""

    def __init__(self, netlist: Netlist):
        self.netlist = netlist
        self.references = references_of(netlist.elements)
        free = [n for n, reference in self.references.items() if n != reference]
        self.nodes = {name: row for row, name in enumerate(free)}
        self.own: dict[str, int] = {}
        by_type: dict[type, list] = {}
        for element in netlist.elements:
            by_type.setdefault(type(element), []).append(element)
            if isinstance(element, OWN):
                self.own[element.name] = len(free) + len(self.own)
        self.size = len(free) + len(self.own)
        self._by_type = by_type
        self.resistors = self._sort_of(Resistor)
        self.leaks = self._sort_of(NonlinearResistor)
        self.capacitors = self._sort_of(Capacitor)
        self.charged = self._sort_of(NonlinearCapacitor)
        self.inductors = self._sort_of(Inductor)
        self.fluxes = self._sort_of(Junction, NonlinearInductor)
        self.voltage_sources = self._sort_of(VoltageSource)
        self.current_sources = self._sort_of(CurrentSource)
        self.gyrators = self._sort_of(Gyrator)
        self.transformers = self._sort_of(Transformer)
        self.leak_laws = Laws(self.leaks.elements)
        self.charge_laws = Laws(self.charged.elements)
        self.flux_laws = Laws(self.fluxes.elements)
        coils: list[Inductor] = self.inductors.elements
        self.inductance = inductance_matrix([e.inductance for e in coils], coils, netlist.couplings)
        """[m, m], with mutual inductances off the diagonal, in H."""

    @property
    def is_linear(self) -> bool:
        return not (self.leaks.elements or self.charged.elements or self.fluxes.elements)

    def _sort_of(self, *types: type) -> Sort:
        elements = [e for kind in types for e in self._by_type.get(kind, ())]
        ends = self.incidence([(e.nodes[0], e.nodes[1]) for e in elements])
        pairs = [(e.nodes[2], e.nodes[3]) if len(e.nodes) > 2 else ("", "") for e in elements]
        rows = [self.own[e.name] for e in elements if e.name in self.own]
        shape = (self.size, len(rows))
        own = csc_array((np.ones(len(rows)), (rows, range(len(rows)))), shape=shape)
        return Sort(elements, ends, self.incidence(pairs), own)

    def incidence(self, pairs: Sequence[tuple[str, str]]) -> csc_array:
        """[N, m]: v(first) - v(second) of each pair is the column times x."""
        count = len(pairs)
        rows = np.array([self.nodes.get(n, -1) for pair in pairs for n in pair], int)
        columns = np.repeat(np.arange(count), 2)
        signs = np.tile([1.0, -1.0], count)
        free = rows >= 0
        entries = (signs[free], (rows[free], columns[free]))
        return csc_array(coo_array(entries, shape=(self.size, count)))

    def dynamic(self) -> csc_array:
        """C [N, N]: exact, since fluxes and charges are unknowns."""
        capacitances = [e.capacitance for e in self.capacitors.elements]
        ends, coils, flux = self.capacitors.ends, self.inductors.own, self.fluxes.own
        return csc_array(
            ends @ _diagonal(capacitances) @ ends.T
            - coils @ self.inductance @ coils.T
            - flux @ flux.T
            + self.charged.ends @ self.charged.own.T
        )

    def static(self) -> csc_array:
        """The part of G [N, N] that depends on no operating point."""
        conductances = [1 / e.resistance for e in self.resistors.elements]
        through, ports = self.resistors.ends, self.transformer_ends()
        near, far = self.gyrators.ends, self.gyrators.far
        turned = near @ _diagonal([e.conductance for e in self.gyrators.elements]) @ far.T
        total = through @ _diagonal(conductances) @ through.T + turned - turned.T
        pairs = [
            (self.inductors.ends, self.inductors.own),
            (self.voltage_sources.ends, self.voltage_sources.own),
            (ports, self.transformers.own),
        ]
        for ends, own in pairs:
            total = total + ends @ own.T + own @ ends.T
        fluxes, charged = self.fluxes, self.charged
        return csc_array(total + fluxes.own @ fluxes.ends.T + charged.own @ charged.ends.T)

    def transformer_ends(self) -> csc_array:
        """[N, m]: v1 - n v2, and the nodes that a current into the first port leaves."""
        ratios = [e.ratio for e in self.transformers.elements]
        return csc_array(self.transformers.ends - self.transformers.far @ _diagonal(ratios))

    def response(self, x: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        """What the nonlinear elements add to G x: currents and voltages."""
        leaks, charged, fluxes = self.leaks, self.charged, self.fluxes
        return (
            leaks.ends @ self.leak_laws.response(leaks.ends.T @ x)
            + fluxes.ends @ self.flux_laws.response(fluxes.own.T @ x)
            - charged.own @ self.charge_laws.response(charged.own.T @ x)
        )

    def slopes(self, x: Float[np.ndarray, " N"]) -> Slopes:
        """Of all nonlinear elements at x."""
        return Slopes(
            self.leak_laws.slope(self.leaks.ends.T @ x),
            self.flux_laws.slope(self.fluxes.own.T @ x),
            self.charge_laws.slope(self.charged.own.T @ x),
        )

    def bent(self, slopes: Slopes) -> csc_array:
        """[N, N]: the part of G that depends on the operating point."""
        leaks, fluxes, charged = self.leaks, self.fluxes, self.charged
        return csc_array(
            leaks.ends @ _diagonal(slopes.leaks) @ leaks.ends.T
            + fluxes.ends @ _diagonal(slopes.fluxes) @ fluxes.own.T
            - charged.own @ _diagonal(slopes.charges) @ charged.own.T
        )

    def drive(self, voltages: np.ndarray, currents: np.ndarray) -> np.ndarray:
        """b [N] for values of the voltage sources (V) and the current sources (A)."""
        return self.voltage_sources.own @ voltages - self.current_sources.ends @ currents

    def name_of(self, row: int) -> str:
        """The node or element whose equation (or unknown) this is."""
        if row < len(self.nodes):
            return f"node {list(self.nodes)[row]}"
        return list(self.own)[row - len(self.nodes)]


def elements_named(elements: Sequence[Element]) -> str:
    """The first few names in a row, for an error."""
    return listed([e.name for e in elements])


def _diagonal(values) -> csc_array:
    return csc_array(diags_array(np.asarray(values, float)))
