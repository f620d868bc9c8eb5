"""What a circuit was reduced to, in words: states, constants, losses, fitness for echoes."""

from typing import TYPE_CHECKING

import numpy as np

from physsim import NetworkHamiltonian

from ._elements import Gyrator, NonlinearResistor, Resistor, VoltageSource

if TYPE_CHECKING:
    from ._circuit import Circuit

_SHOWN = 8


def make_report(circuit: "Circuit") -> str:
    """The report of `Circuit.report`."""
    lines = [f"{circuit.netlist.title or circuit.netlist.file}"]
    lines += _states(circuit)
    lines += _constants(circuit)
    lines += _losses(circuit)
    lines += _reversal(circuit)
    lines += _scales(circuit)
    lines += ["energy:", *("  " + line for line in circuit.hamiltonian.describe().splitlines())]
    return "\n".join(lines)


def _names(elements) -> str:
    names = [e if isinstance(e, str) else e.name for e in elements]
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _states(circuit):
    tree = circuit.tree
    lines = [f"states: {tree.num_charges} charges with their fluxes ({_names(tree.coordinates())})"]
    if tree.resistors:
        lines.append(
            f"  {len(tree.resistors)} fluxes of resistors in series with inductors "
            f"({_names(tree.resistors)})"
        )
    if tree.link_capacitors:
        lines.append(
            f"eliminated: capacitors that close loops ({_names(tree.link_capacitors)}), folded "
            "into the capacitance matrix"
        )
    if tree.inductors:
        lines.append(
            f"eliminated: inductors at nodes that only inductors reach ({_names(tree.inductors)}), "
            "folded into the inductance of their loops"
        )
    if tree.link_resistors and tree.resistors and not isinstance(
        circuit.hamiltonian, NetworkHamiltonian
    ):  # fmt: skip
        inner = circuit.hamiltonian.frame.by_resistor
        if len(inner.rows):
            lines.append("eliminated: voltages at nodes that only resistors reach")
    return lines


def conserved(circuit: "Circuit") -> tuple[list[str], int]:
    """(coordinates whose charge never changes, number of conserved loop fluxes)."""
    tree = circuit.tree
    links = [e for part in circuit.hamiltonian.potential_parts for e in part.labels]
    nodes = {e.name: e.nodes for e in circuit.netlist.elements}
    touched = set(tree.incidence(nodes[name] for name in links).columns.tolist())
    others = [e.nodes for e in tree.link_resistors]
    for e in circuit.netlist.elements:
        if isinstance(e, NonlinearResistor):
            others.append(e.nodes)
        elif isinstance(e, Gyrator):
            others += [e.nodes[:2], e.nodes[2:]]
    touched |= set(tree.incidence(others).columns.tolist())
    names = tree.coordinates()
    islands = [names[k] for k in range(tree.num_charges) if k not in touched]
    drive = {s.name for s in circuit.branches.current_sources}
    fluxes = [name for name in links if name not in drive]
    matrix = tree.incidence((nodes[name] for name in fluxes), (0, tree.num_coordinates))
    if len(fluxes) > 2000:
        return islands, -1
    rank = np.linalg.matrix_rank(matrix.dense()) if fluxes and matrix.shape[1] else 0
    return islands, len(fluxes) - int(rank)


def _constants(circuit):
    islands, loops = conserved(circuit)
    lines = []
    if islands:
        lines.append(f"conserved charges: of the islands behind {_names(islands)}")
    if loops > 0:
        lines.append(f"conserved fluxes: {loops}, in loops of inductors and junctions alone")
    nothing = "conserved charges and fluxes: none" if loops == 0 else "conserved charges: none"
    return lines or [nothing]


def lossy(circuit: "Circuit") -> list[str]:
    """The elements that dissipate."""
    kinds = (Resistor, NonlinearResistor)
    return [e.name for e in circuit.netlist.elements if isinstance(e, kinds)]


def _losses(circuit):
    names = lossy(circuit)
    if not names:
        return ["lossless: fit for echo learning"]
    method, reason = circuit.method
    return [
        f"lossy: {_names(names)} dissipate, so a flip of the momenta does not reverse time; train "
        "with ReversibleAdjoint() or BPTT(), or see RHEL(gain=True)",
        f"integrated by {method.name}: {reason}",
    ]


def _reversal(circuit):
    odd = [e.name for e in circuit.netlist.elements if isinstance(e, Gyrator)]
    lines = ["under time reversal: capacitor voltages flip, inductor currents and phases stay"]
    if odd:
        lines.append(f"  odd: the gyrators {_names(odd)} turn round")
    volts = [e.name for e in circuit.netlist.elements if isinstance(e, VoltageSource)]
    if volts:
        lines.append(f"  the sources {_names(volts)} run backwards and with the other sign")
    return lines


def _scales(circuit):
    s = circuit.scales
    return [
        f"units: {s.time:.4g} s, {s.voltage:.4g} V, {s.current:.4g} A, {s.flux:.4g} Wb, "
        f"{s.charge:.4g} C, {s.energy:.4g} J, {s.resistance:.4g} Ohm"
    ]
