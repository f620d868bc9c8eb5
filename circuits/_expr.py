"""The symbolic energy of a circuit, for people to read; no number depends on it."""

from typing import Any

import sympy

from ._elements import (
    FLUX,
    Capacitor,
    CurrentSource,
    Inductor,
    Junction,
    NonlinearInductor,
    symbols_of,
)
from ._errors import NetlistError
from ._netlist import Netlist
from ._normal_tree import NormalTree

MAX_ELEMENTS = 60
_SHOWN = (Capacitor, Inductor, Junction, NonlinearInductor, CurrentSource)
PHI0 = sympy.Symbol("Phi_0", positive=True)


def coordinate_symbols(tree: NormalTree) -> tuple[list[sympy.Symbol], list[sympy.Symbol]]:
    """(fluxes phi_node, charges Q_node), one a coordinate."""
    names = [name.replace(",", "_") for name in tree.coordinates()]
    fluxes = [sympy.Symbol(f"phi_{name}", real=True) for name in names]
    return fluxes, [sympy.Symbol(f"Q_{name}", real=True) for name in names]


def symbolic_energy(netlist: Netlist, tree: NormalTree) -> sympy.Expr:
    """H in SI symbols. Where capacitors couple coordinates, S_a_b is the entry of the
    inverse of `capacitance_matrix`. Raises `NetlistError` for networks too large to read."""
    if len(netlist.elements) > MAX_ELEMENTS:
        raise NetlistError(
            f"{netlist.file} has {len(netlist.elements)} elements; the symbolic energy is for "
            f"networks of at most {MAX_ELEMENTS} (the simulation has no such limit)"
        )
    for element in netlist.elements:
        if not isinstance(element, _SHOWN):
            raise NetlistError(
                f"{element.name}: the symbolic energy is for networks of capacitors, inductors, "
                "junctions and current sources; Circuit.port_hamiltonian() writes the others",
                element.location,
            )
    if tree.inductors or netlist.couplings:
        raise NetlistError(
            f"{netlist.file}: the symbolic energy does not show coupled inductors or nodes that "
            "only inductors reach; Circuit.port_hamiltonian() does"
        )
    fluxes, charges = coordinate_symbols(tree)
    terms: list[Any] = [_charging(tree, charges)]
    for element in netlist.elements:
        if not isinstance(element, Capacitor):
            flux = sum(sign * fluxes[i] for i, sign in tree.path(*element.nodes))
            terms.append(_energy(element, flux))
    return sympy.Add(*terms)


def _charging(tree, charges):
    if not tree.link_capacitors:
        pairs = zip(charges, tree.capacitors, strict=True)
        return sum(q**2 / (2 * sympy.Symbol(c.name, positive=True)) for q, c in pairs)
    return sum(
        elastance(i, j, charges) * charges[i] * charges[j] / (2 if i == j else 1)
        for i in range(len(charges))
        for j in range(i, len(charges))
    )


def elastance(i: int, j: int, charges: list[sympy.Symbol]) -> sympy.Symbol:
    """Entry (i, j) of the inverse of the capacitance matrix."""
    names = [q.name.removeprefix("Q_") for q in (charges[i], charges[j])]
    return sympy.Symbol(f"S_{names[0]}_{names[1]}", real=True)


def capacitance_matrix(tree: NormalTree) -> sympy.Matrix:
    """C_eff of the linear capacitors in component symbols; T = Q^T C_eff^-1 Q / 2."""
    matrix = sympy.diag(*(sympy.Symbol(c.name, positive=True) for c in tree.capacitors))
    for c in tree.link_capacitors:
        row = sympy.zeros(1, len(tree.capacitors))
        for i, sign in tree.path(*c.nodes):
            if i < len(tree.capacitors):
                row[i] = exact(sign)
        matrix += sympy.Symbol(c.name, positive=True) * row.T * row
    return matrix


def exact(x: float) -> sympy.Expr:
    """An integer where it is one."""
    return sympy.Integer(int(x)) if x == int(x) else sympy.Float(x)


def own_symbols(element) -> dict[sympy.Symbol, sympy.Symbol]:
    """Parameters of a nonlinear element's energy, and what they are called in the network's."""
    return {s: sympy.Symbol(f"{s.name}_{element.name}", real=True) for s in symbols_of(element)}


def junction_energy(name: str, flux: sympy.Expr, phase: sympy.Expr | int = 0) -> sympy.Expr:
    """That of the junction of this name, whose phase starts at `phase`."""
    critical: Any = sympy.Symbol(f"Ic_{name}", positive=True)
    total = 2 * sympy.pi * flux / PHI0 + phase
    return critical * PHI0 / (2 * sympy.pi) * (1 - sympy.cos(total))


def _energy(element, flux):
    if isinstance(element, CurrentSource):
        return sympy.Symbol(f"{element.name}(t)", real=True) * flux
    if isinstance(element, Inductor):
        inductance = sympy.Symbol(element.name, positive=True)
        offset = 0 if element.ic is None else inductance * sympy.Symbol(f"i0_{element.name}")
        return (flux + offset) ** 2 / (2 * inductance)
    if isinstance(element, Junction):
        phase = 0 if element.phase == 0 else sympy.Symbol(f"phase_{element.name}")
        return junction_energy(element.name, flux, phase)
    offset = 0 if element.ic is None else sympy.Symbol(f"flux0_{element.name}")
    changes = {FLUX: flux + offset, **own_symbols(element)}
    return element.energy.subs(changes, simultaneous=True)
