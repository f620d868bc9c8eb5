"""What a circuit was reduced to, in words: states, constants, losses, fitness for echoes."""

from typing import TYPE_CHECKING

from physsim import NetworkHamiltonian

from ._conserved import count_loops, find_islands
from ._elements import Gyrator, NonlinearResistor, Resistor, VoltageSource
from ._errors import listed

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
    return listed([e if isinstance(e, str) else e.name for e in elements], _SHOWN)


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


def _constants(circuit):
    islands, loops = find_islands(circuit.netlist), count_loops(circuit.netlist)
    lines = []
    if islands:
        nodes = [" ".join(island[:_SHOWN]) for island in islands]
        lines.append(f"conserved charges: {len(islands)}, of the islands of nodes {_names(nodes)}")
    if loops:
        lines.append(f"conserved fluxes: {loops}, in loops of inductors and junctions alone")
    return lines or ["conserved charges and fluxes: none"]


def lossy(circuit: "Circuit") -> list[str]:
    """The elements that dissipate."""
    kinds = (Resistor, NonlinearResistor)
    return [e.name for e in circuit.netlist.elements if isinstance(e, kinds)]


def _losses(circuit):
    names = lossy(circuit)
    if not names:
        return [
            "lossless: fit for echo learning"
            if circuit.hamiltonian.is_canonical
            else "lossless, with gyrators: train with ReversibleAdjoint or BPTT"
        ]
    method, reason = circuit.method
    return [
        f"lossy: {_names(names)} dissipate, so a flip of the momenta does not reverse time; train "
        "with BPTT, with ReversibleAdjoint over few decay times, or by an echo with gain",
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
