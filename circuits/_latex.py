"""The energy and the equations of a circuit in LaTeX, for networks of readable size."""

from typing import TYPE_CHECKING

import sympy

from physsim import NetworkHamiltonian

from ._elements import CurrentSource
from ._expr import coordinate_symbols, symbolic_energy
from ._port_hamiltonian import PortHamiltonian, port_hamiltonian

if TYPE_CHECKING:
    from ._circuit import Circuit

_HEAD = r"""\documentclass{article}
\usepackage{amsmath}
\allowdisplaybreaks
\setcounter{MaxMatrixCols}{60}
\begin{document}
"""


def to_latex(circuit: "Circuit") -> str:
    """A document: of circuits of capacitors, inductive elements and current sources the
    Hamiltonian, the Lagrangian and Hamilton's equations; of others the port-Hamiltonian form,
    energy, interconnection, dissipation and sources.

    Raises `NetlistError` for networks too large to read: see `port_hamiltonian`.
    """
    title = _text(circuit.netlist.title or circuit.netlist.file)
    body = _canonical(circuit) if is_canonical(circuit) else _ported(circuit)
    return f"{_HEAD}\\section*{{{title}}}\n{body}\\end{{document}}\n"


def is_canonical(circuit: "Circuit") -> bool:
    """Whether node fluxes and charges alone describe it, with `circuit.expr` as energy."""
    tree = circuit.tree
    plain = isinstance(circuit.hamiltonian, NetworkHamiltonian)
    return plain and not tree.inductors and not circuit.netlist.couplings


def lagrangian(circuit: "Circuit") -> sympy.Expr:
    """T(v) - U(phi) in SI symbols, v_node the derivative of phi_node by time.

    Raises `NetlistError` for networks that `symbolic_energy` refuses.
    """
    energy = symbolic_energy(circuit.netlist, circuit.tree)
    fluxes, charges = coordinate_symbols(circuit.tree)
    potential = energy.subs(dict.fromkeys(charges, 0))
    v = sympy.Matrix([sympy.Symbol(f"v_{q.name.partition('_')[2]}", real=True) for q in fluxes])
    kinetic = (v.T * circuit.capacitance_matrix * v)[0] / 2
    return sympy.expand(kinetic) - potential


def _canonical(circuit) -> str:
    parts = [_equation("H", circuit.expr), _equation("L", lagrangian(circuit))]
    if circuit.tree.link_capacitors:
        parts.append(_align([("S^{-1}", sympy.latex(circuit.capacitance_matrix))]))
    rows = [(rf"\dot{{{_latex(x)}}}", _latex(slope)) for x, slope in circuit.equations()]
    names = [e.name for e in circuit.netlist.elements if isinstance(e, CurrentSource)]
    driven = f"Sources of current: {_text(', '.join(names))}. " if names else ""
    note = (
        f"{driven}$\\phi$ are fluxes of the nodes, the integrals of their voltages from $t = 0$; "
        "$Q$ the charges there."
    )
    return "".join([*parts, _align(rows), note, "\n"])


def _ported(circuit) -> str:
    form = port_hamiltonian(circuit.netlist, circuit.tree)
    parts = [_equation("H", form.energy)]
    for entries, matrix in form.definitions:
        parts.append(_align([(_latex(entries), _latex(matrix) + "^{-1}")]))
    parts.append(_align([(r"\dot{x}", _shape(form)), *_matrices(form)]))
    rows = [(rf"\dot{{{_latex(x)}}}", _latex(slope)) for x, slope in form.equations()]
    note = (
        "$Q$ are charges cut by the capacitors of the tree, $\\phi$ fluxes of inductive elements; "
        "$\\partial H / \\partial Q$ are voltages, $\\partial H / \\partial \\phi$ currents.\n"
    )
    return "".join([*parts, _align(rows), note])


def _shape(form: PortHamiltonian) -> str:
    drive = " + G u" if form.inputs else ""
    leaks = r" - n(\nabla H)" if not form.leaks.is_zero_matrix else ""
    return rf"(J - R) \nabla H(x){drive}{leaks}"


def _matrices(form: PortHamiltonian) -> list[tuple[str, str]]:
    rows = [
        ("x", _latex(sympy.Matrix(form.states))),
        ("J", _latex(form.interconnection)),
        ("R", _latex(form.dissipation)),
    ]
    if form.inputs:
        rows += [("G", _latex(form.ports)), ("u", _latex(sympy.Matrix(form.inputs)))]
    return rows if form.leaks.is_zero_matrix else [*rows, ("n", _latex(form.leaks))]


def _latex(x) -> str:
    return sympy.latex(x)


def _equation(name: str, expression: sympy.Expr) -> str:
    """A sum, a few terms a line."""
    terms = [_latex(term) for term in sympy.Add.make_args(expression)]
    lines = [" + ".join(terms[k : k + 3]).replace("+ -", "- ") for k in range(0, len(terms), 3)]
    body = " \\\\\n&\\quad + ".join(lines).replace("+ -", "- ")
    return f"\\begin{{align*}}\n{name} &= {body}\n\\end{{align*}}\n"


def _align(rows: list[tuple[str, str]]) -> str:
    body = " \\\\\n".join(f"{left} &= {right}" for left, right in rows)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _text(words: str) -> str:
    """Words with the characters that LaTeX reads as its own escaped."""
    escapes = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"}
    return "".join(escapes.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in words)
