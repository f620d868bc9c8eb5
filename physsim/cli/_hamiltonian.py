"""`physsim hamiltonian`"""

from typing import Annotated

import sympy
import typer
from rich.table import Table

from ._files import console, load_circuit
from ._main import app
from ._options import Netlist

_REVERSAL = {
    "C": ("charge Q, voltage", "flips", "Q^2 / 2C"),
    "L": ("flux phi, current", "stays", "phi^2 / 2L"),
    "B": ("phase, current", "stays", "U(phi)"),
    "I": ("current I(t)", "runs backward in time", "I(t) phi"),
}


@app.command(rich_help_panel="Circuits")
def hamiltonian(
    netlist: Netlist,
    latex: Annotated[bool, typer.Option(help="Print LaTeX instead of text.")] = False,
) -> None:
    """Print the Hamiltonian of a netlist, its equations, and what an echo flips.

    Example:  physsim hamiltonian coupled_lc.cir
    """
    circuit = load_circuit(netlist)
    show = sympy.latex if latex else sympy.sstr
    console.print(f"[bold]{circuit.netlist.title}[/bold]")
    console.print(f"\nH = {show(circuit.expr)}\n", highlight=False, soft_wrap=True, markup=False)
    for left, right in circuit.equations():
        console.print(f"d{left}/dt = {show(right)}", highlight=False, soft_wrap=True, markup=False)
    console.print()
    if circuit.tree.link_capacitors:
        console.print("S_a_b is the entry (a, b) of the inverse of the capacitance matrix")
        console.print(show(circuit.capacitance_matrix), highlight=False, markup=False)
        console.print()
    console.print(_element_table(circuit))
    console.print(_unit_table(circuit))


def _element_table(circuit) -> Table:
    table = Table(title="elements, and what time reversal does to them")
    for column in ("element", "nodes", "energy", "state", "under the flip"):
        table.add_column(column)
    for element in circuit.netlist.elements[:60]:
        state, flip, energy = _REVERSAL[element.name[0].upper()]
        table.add_row(element.name, " ".join(element.nodes), energy, state, flip)
    return table


def _unit_table(circuit) -> Table:
    table = Table(title="one dimensionless unit")
    scales = circuit.scales
    for name in ("time", "voltage", "current", "flux", "charge", "energy"):
        table.add_column(name)
    units = ("s", "V", "A", "Wb", "C", "J")
    names = ("time", "voltage", "current", "flux", "charge", "energy")
    table.add_row(*(f"{getattr(scales, n):.4g} {u}" for n, u in zip(names, units, strict=True)))
    return table
