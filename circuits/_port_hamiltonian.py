"""Symbolic equations of circuits with losses and sources, for people; no number depends on them.

In the energy variables x = (charges cut by the tree's capacitors, fluxes of link inductors),

    x' = (J - R) dH/dx + G u - leaks,

J skew, R positive semidefinite; u are the sources (A. van der Schaft, D. Jeltsema,
Port-Hamiltonian Systems Theory, 2014). With v_C = dH/dQ, i_L = dH/dphi and K_XY the part of
the incidence that takes voltages of tree branches Y to links X (see `NormalTree`), the
currents of link resistors are

    i_R = Y (K_RC v_C + K_RV V - K_RR R_t (K_LR^T i_L + K_IR^T I)),
    Y = (R_c + K_RR R_t K_RR^T)^-1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, final

import sympy

from ._elements import (
    CHARGE,
    FLUX,
    VOLTAGE,
    CurrentSource,
    Element,
    Gyrator,
    Inductor,
    Junction,
    NonlinearInductor,
    NonlinearResistor,
)
from ._errors import NetlistError
from ._expr import MAX_ELEMENTS, capacitance_matrix, exact, junction_energy, own_symbols
from ._netlist import Netlist
from ._normal_tree import NormalTree

_MAX_INVERSE = 5


@final
@dataclass(frozen=True)
class PortHamiltonian:
    """x' = (`interconnection` - `dissipation`) dH/dx + `ports` u - `leaks`, in SI symbols.

    `definitions` are pairs (entries, matrix): the energy uses the entries of the matrix's inverse.
    """

    states: tuple[sympy.Symbol, ...]
    energy: sympy.Expr
    interconnection: sympy.Matrix
    dissipation: sympy.Matrix
    ports: sympy.Matrix
    inputs: tuple[sympy.Symbol, ...]
    leaks: sympy.Matrix
    definitions: tuple[tuple[sympy.Matrix, sympy.Matrix], ...]

    def gradient(self) -> sympy.Matrix:
        """dH/dx: voltages of capacitors, currents of inductors."""
        return sympy.Matrix([self.energy.diff(x) for x in self.states])

    def equations(self) -> list[tuple[sympy.Symbol, sympy.Expr]]:
        """(state, its time derivative)."""
        flow = (self.interconnection - self.dissipation) * self.gradient() - self.leaks
        if self.inputs:
            flow += self.ports * sympy.Matrix(self.inputs)
        return list(zip(self.states, flow, strict=True))


def port_hamiltonian(netlist: Netlist, tree: NormalTree) -> PortHamiltonian:
    """The equations of a network small enough to read.

    Raises `NetlistError` for large ones, for sources of voltage in loops of capacitors and
    sources of current at nodes that only inductors reach (their slopes would enter), and for
    nonlinear resistors and gyrators beside resistors of the tree.
    """
    return _Writer(netlist, tree).write()


@final
class _Writer:
    """The parts of the incidence, and what follows from them."""

    def __init__(self, netlist: Netlist, tree: NormalTree):
        if len(netlist.elements) > MAX_ELEMENTS:
            raise NetlistError(
                f"{netlist.file} has {len(netlist.elements)} elements; equations are written for "
                f"networks of at most {MAX_ELEMENTS} (the simulation has no such limit)"
            )
        self.netlist, self.tree = netlist, tree
        kinds = Junction | NonlinearInductor
        others = [e for e in netlist.elements if isinstance(e, kinds)]
        self.coils: list[Element] = [*tree.link_inductors, *others]
        self.currents = [e for e in netlist.elements if isinstance(e, CurrentSource)]
        self.C, self.R = tree.charge_columns, tree.resistor_columns
        self.V, self.L = tree.source_columns, tree.inductor_columns
        self.definitions: list[tuple[sympy.Matrix, sympy.Matrix]] = []
        self._refuse()

    def _K(self, elements: Sequence, columns: tuple[int, int]) -> sympy.Matrix:
        branches = [e if isinstance(e, tuple) else e.nodes for e in elements]
        dense = self.tree.incidence(branches, columns).dense()
        return sympy.Matrix(*dense.shape, [exact(float(x)) for x in dense.ravel()])

    def _refuse(self) -> None:
        links, leaks = self.tree.link_capacitors, self._kind(NonlinearResistor)
        ports = [(nodes, g) for g in self._kind(Gyrator) for nodes in (g.nodes[:2], g.nodes[2:])]
        for elements, columns, what in (
            (links, self.V, "closes a loop of capacitors with a source of voltage, whose slope"),
            (self.currents, self.L, "drives inductors that have nodes of their own; its slope"),
            (leaks, self.R, "lies beside resistors in series with inductors, whose voltage"),
        ):
            for element in elements:
                if not self._K([element], columns).is_zero_matrix:
                    raise NetlistError(
                        f"{element.name} {what} enters: these equations are not written out "
                        "(the simulation has no such limit)",
                        element.location,
                    )
        for nodes, gyrator in ports:
            if not self._K([nodes], self.R).is_zero_matrix:
                raise NetlistError(
                    f"{gyrator.name} lies beside resistors in series with inductors: these "
                    "equations are not written out (the simulation has no such limit)",
                    gyrator.location,
                )

    def _kind(self, kind) -> list:
        return [e for e in self.netlist.elements if isinstance(e, kind)]

    def write(self) -> PortHamiltonian:
        charges = [sympy.Symbol(f"Q_{_word(n)}", real=True) for n in self._charge_names()]
        fluxes = [sympy.Symbol(f"phi_{e.name}", real=True) for e in self.coils]
        energy = self._charging(charges) + self._magnetic(fluxes)
        flow, ports = self._flow(charges)
        sources = (*self.tree.sources, *self.currents)
        inputs = tuple(sympy.Symbol(f"{e.name}(t)", real=True) for e in sources)
        return PortHamiltonian(
            (*charges, *fluxes),
            energy,
            (flow - flow.T) / 2,
            -(flow + flow.T) / 2,
            ports,
            inputs,
            self._leaks(charges, fluxes, energy),
            tuple(self.definitions),
        )

    def _charge_names(self) -> tuple[str, ...]:
        return self.tree.coordinates()[: self.tree.num_charges]

    def _charging(self, charges):
        tree = self.tree
        count = len(tree.capacitors)
        total = self._quadratic(charges[:count], capacitance_matrix(tree), "S")
        for element, charge in zip(tree.nonlinear_capacitors, charges[count:], strict=True):
            total += element.energy.subs(
                {CHARGE: charge, **own_symbols(element)}, simultaneous=True
            )
        return total

    def _magnetic(self, fluxes):
        links, inner = self.tree.link_inductors, self.tree.inductors
        total: Any = sympy.Integer(0)
        if links:
            own = [*links, *inner]
            P = sympy.eye(len(links)).row_join(-self._K(links, self.L))
            matrix = P * self._inductances(own) * P.T
            total += self._quadratic(fluxes[: len(links)], matrix, "Gamma")
        for element, flux in zip(self.coils[len(links) :], fluxes[len(links) :], strict=True):
            total += _inductive(element, flux)
        return total

    def _inductances(self, coils: Sequence[Inductor]) -> sympy.Matrix:
        matrix = sympy.diag(*(_positive(e.name) for e in coils))
        place = {e.name.lower(): k for k, e in enumerate(coils)}
        for coupling in self.netlist.couplings:
            factor = sympy.Symbol(coupling.name, real=True)
            for one, two in combinations([place[n.lower()] for n in coupling.inductors], 2):
                mutual = factor * sympy.sqrt(matrix[one, one] * matrix[two, two])
                matrix[one, two] = matrix[two, one] = mutual
        return matrix

    def _quadratic(self, variables, matrix: sympy.Matrix, letter: str):
        """x^T matrix^-1 x / 2, with symbols for the entries of inverses of more than one row."""
        total = sympy.Integer(0)
        for own in matrix.connected_components():
            x: Any = sympy.Matrix([variables[k] for k in sorted(own)])
            block = matrix.extract(sorted(own), sorted(own))
            if len(own) == 1:
                total += x[0] ** 2 / (2 * block[0])
                continue
            names = [v.name.partition("_")[2] for v in x]

            def entry(i, j, names=names):
                first, second = names[min(i, j)], names[max(i, j)]
                return sympy.Symbol(f"{letter}_{first}_{second}", real=True)

            inverse = sympy.Matrix(len(own), len(own), entry)
            self.definitions.append((inverse, block))
            total += (x.T * inverse * x)[0].expand() / 2
        return total

    def _flow(self, charges) -> tuple[sympy.Matrix, sympy.Matrix]:
        """(J - R, G)."""
        tree, coils = self.tree, self.coils
        across, inside = tree.link_resistors, tree.resistors
        K_LC, K_LR, K_LV = (self._K(coils, part) for part in (self.C, self.R, self.V))
        K_RC, K_RR, K_RV = (self._K(across, part) for part in (self.C, self.R, self.V))
        K_IC, K_IR = (self._K(self.currents, part) for part in (self.C, self.R))
        R_t = sympy.diag(*(_positive(e.name) for e in inside))
        Y = _inverse(sympy.diag(*(_positive(e.name) for e in across)) + K_RR * R_t * K_RR.T)
        series = R_t - R_t * K_RR.T * Y * K_RR * R_t
        passed = K_RC.T * Y * K_RR * R_t
        turned, drawn = self._gyrators()
        flow = sympy.Matrix(
            sympy.BlockMatrix(
                [
                    [-K_RC.T * Y * K_RC - turned, -K_LC.T + passed * K_LR.T],
                    [K_LC - K_LR * passed.T, -K_LR * series * K_LR.T],
                ]
            ).as_explicit()
        )
        by_voltage = (-K_RC.T * Y * K_RV - drawn).col_join(K_LV - K_LR * R_t * K_RR.T * Y * K_RV)
        by_current = (-K_IC.T + passed * K_IR.T).col_join(-K_LR * series * K_IR.T)
        return _tidy(flow), _tidy(by_voltage.row_join(by_current))

    def _gyrators(self) -> tuple[sympy.Matrix, sympy.Matrix]:
        """The currents that gyrators draw, by voltages of capacitors and of sources."""
        n, s = self.tree.num_charges, len(self.tree.sources)
        turned, drawn = sympy.zeros(n, n), sympy.zeros(n, s)
        for g in self._kind(Gyrator):
            symbol = sympy.Symbol(g.name, real=True)
            one, two = (self._K([nodes], self.C) for nodes in (g.nodes[:2], g.nodes[2:]))
            v_one, v_two = (self._K([nodes], self.V) for nodes in (g.nodes[:2], g.nodes[2:]))
            turned += symbol * (one.T * two - two.T * one)
            drawn += symbol * (one.T * v_two - two.T * v_one)
        return turned, drawn

    def _leaks(self, charges, fluxes, energy) -> sympy.Matrix:
        total = sympy.zeros(len(charges) + len(fluxes), 1)
        volts = [sympy.Symbol(f"{e.name}(t)", real=True) for e in self.tree.sources]
        for element in self._kind(NonlinearResistor):
            K, K_V = (self._K([element], columns).flat() for columns in (self.C, self.V))
            v = sum((k * energy.diff(q) for k, q in zip(K, charges, strict=True)), sympy.Integer(0))
            v += sum((k * u for k, u in zip(K_V, volts, strict=True)), sympy.Integer(0))
            current = element.current.subs({VOLTAGE: v, **own_symbols(element)}, simultaneous=True)
            for k, sign in enumerate(K):
                total[k] += sign * current
        return total


def _word(name: str) -> str:
    return name.replace(",", "_")


def _positive(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, positive=True)


def _inductive(element, flux):
    if isinstance(element, Junction):
        return junction_energy(element.name, flux)
    return element.energy.subs({FLUX: flux, **own_symbols(element)}, simultaneous=True)


def _inverse(matrix: Any) -> Any:
    if matrix.is_diagonal():
        return sympy.diag(*(1 / matrix[k, k] for k in range(matrix.rows)))
    if matrix.rows > _MAX_INVERSE:
        raise NetlistError(
            f"{matrix.rows} resistors meet at nodes without capacitance: their equations are too "
            f"long to read, more than {_MAX_INVERSE} (the simulation has no such limit)"
        )
    return matrix.inv()


def _tidy(matrix: sympy.Matrix) -> sympy.Matrix:
    return matrix.applyfunc(lambda x: x if x.is_Atom else sympy.factor(x))
