"""`physsim hamiltonian`"""

from typing import Annotated

import sympy
import typer
from rich.table import Table

from ._analysis import si
from ._files import console, load_circuit
from ._main import app
from ._options import Netlist

_REVERSAL = {
    "C": ("charge Q, voltage", "flips", "Q^2 / 2C"),
    "L": ("flux phi, current", "stays", "phi^2 / 2L"),
    "B": ("phase, current", "stays", "U(phi)"),
    "I": ("current I(t)", "runs backward in time", "I(t) phi"),
    "V": ("voltage V(t)", "flips, runs backward in time", ""),
    "R": ("", "loses energy either way", ""),
}
_SHOWN = 60


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
    energy, equations, definitions = symbols(circuit)
    console.print(circuit.netlist.title, style="bold", markup=False)
    console.print(f"\nH = {show(energy)}\n", highlight=False, soft_wrap=True, markup=False)
    for left, right in equations:
        console.print(
            f"d{left}/dt = {show(_reduced(right))}", highlight=False, soft_wrap=True, markup=False
        )
    console.print()
    for entries, matrix in definitions:
        console.print(f"{entries} of the inverse of", highlight=False, markup=False)
        console.print(show(matrix), highlight=False, markup=False)
        console.print()
    console.print(element_table(circuit))
    console.print(unit_table(circuit))


def _reduced(slope: sympy.Expr) -> sympy.Expr:
    """Each term without factors above and below its line."""
    return sympy.Add(*map(sympy.cancel, sympy.Add.make_args(slope)))


def symbols(circuit):
    """(energy, equations, what entries of inverses stand for): canonical where there are no losses,
    sources of voltage and coupled coils, else with dissipation and ports."""
    import circuits

    try:
        energy, equations = circuit.expr, circuit.equations()
    except circuits.NetlistError:
        form = circuit.port_hamiltonian()
        named = [(f"{sorted(map(str, e.free_symbols))}: entries", m) for e, m in form.definitions]
        return form.energy, form.equations(), named
    if not circuit.tree.link_capacitors:
        return energy, equations, []
    return energy, equations, [("S_a_b: entry (a, b)", circuit.capacitance_matrix)]


def element_table(circuit) -> Table:
    """The first elements: energy, state, and what the flip of the momenta does to them."""
    table = Table(title="elements, and what time reversal does to them")
    for column in ("element", "nodes", "energy", "state", "under the flip"):
        table.add_column(column)
    for element in circuit.netlist.elements[:_SHOWN]:
        state, flip, energy = _reversal(element)
        table.add_row(element.name, " ".join(element.nodes), energy, state, flip)
    more = len(circuit.netlist.elements) - _SHOWN
    if more > 0:
        table.caption = f"and {more} more"
    return table


def _reversal(element) -> tuple[str, str, str]:
    import circuits

    if isinstance(element, circuits.NonlinearResistor):
        return _REVERSAL["R"]
    if isinstance(element, circuits.NonlinearCapacitor):
        return ("charge, voltage", "flips", "U(Q)")
    if isinstance(element, circuits.Gyrator | circuits.Transformer):
        gyrates = isinstance(element, circuits.Gyrator)
        return ("", "its resistance flips" if gyrates else "stays", "")
    return _REVERSAL[element.name.split(".")[-1][0].upper()]


def unit_table(circuit) -> Table:
    """What one stands for inside."""
    table = Table(title="units inside: what one stands for")
    scales = circuit.scales
    for name in ("time", "voltage", "current", "flux", "charge", "energy"):
        table.add_column(name)
    units = ("s", "V", "A", "Wb", "C", "J")
    names = ("time", "voltage", "current", "flux", "charge", "energy")
    table.add_row(*(si(getattr(scales, n), u) for n, u in zip(names, units, strict=True)))
    return table
