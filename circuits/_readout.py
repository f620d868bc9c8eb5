"""What can be measured on a circuit: node voltages and element currents."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from physsim import PhaseState

from ._branches import Branches
from ._elements import (
    Capacitor,
    CurrentSource,
    Element,
    Gyrator,
    Inductor,
    NonlinearCapacitor,
    NonlinearResistor,
    Resistor,
    Transformer,
    VoltageSource,
)
from ._errors import NetlistError
from ._quantity import find_element, find_node, parse_quantity

if TYPE_CHECKING:
    from ._circuit import Circuit

Measure = Callable[[Any, PhaseState, Float[Array, " m"]], Float[Array, ""]]


@final
class Readout(eqx.Module):
    """`v(node)`, `v(node,node)` or `i(element)`: (H, y, u) -> volts or amperes.

    Differentiable in all arguments, so it can stand in a cost. `H` is the circuit's
    Hamiltonian, with whatever values, not a prepared one.
    """

    name: str = eqx.field(static=True)
    unit: str = eqx.field(static=True)
    measure: Measure = eqx.field(static=True)
    """In dimensionless units."""
    scale: float = eqx.field(static=True)

    @classmethod
    def parse(cls, circuit: "Circuit", quantity: str) -> "Readout":
        kind, names = parse_quantity(quantity)
        return voltage(circuit, *names) if kind == "v" else current(circuit, *names)

    def __call__(self, H: Any, y: PhaseState, u: Float[Array, " m"]) -> Float[Array, ""]:
        return self.scale * self.measure(H, y, u)


def voltage(circuit: "Circuit", plus: str, minus: str | None = None) -> Readout:
    """The voltage of a node against its reference (ground), or between two nodes."""
    tree, file = circuit.tree, circuit.netlist.file
    one = find_node(tree.nodes, file, plus)
    two = tree.reference(one) if minus is None else find_node(tree.nodes, file, minus)
    name = f"v({plus})" if minus is None else f"v({plus},{minus})"
    path = tuple(tree.path(one, two))
    return Readout(name, "V", _Along(circuit.branches, path), circuit.scales.voltage)


def current(circuit: "Circuit", name: str) -> Readout:
    """The current through an element, from its first node to its second (of a gyrator, into
    its first port)."""
    element = find_element(circuit.netlist, name)
    measure = _current(circuit.branches, element)
    return Readout(f"i({element.name})", "A", measure, circuit.scales.current)


@final
class _Along:
    """A sum of tree voltages; compared by content, since it is static in compiled functions."""

    def __init__(self, branches: Branches, path: tuple[tuple[int, int | float], ...]):
        self._branches, self._path = branches, path

    def __call__(self, H, y, u):
        outer = self._branches.tree.num_fluxes
        total = jnp.zeros((), y.p.dtype)
        if any(column < outer for column, _ in self._path):
            v = self._branches.tree_voltages(H, y, u)
            total = total + sum(sign * v[k] for k, sign in self._path if k < outer)
        if any(column >= outer for column, _ in self._path):
            v = self._branches.tree_inductor_voltages(H, y, u)
            total = total + sum(sign * v[k - outer] for k, sign in self._path if k >= outer)
        return total

    def __eq__(self, other):
        same = isinstance(other, _Along) and self._branches is other._branches
        return same and self._path == other._path

    def __hash__(self):
        return hash((id(self._branches), self._path))


@final
class _Entry:
    """One entry of a method of the branches that returns arrays by sort of branch."""

    def __init__(self, branches: Branches, function: Callable, pick: Callable, key: tuple):
        self._branches, self._function, self._pick, self._key = branches, function, pick, key

    def __call__(self, H, y, u):
        return self._pick(self._function(self._branches, H, y, u))

    def __eq__(self, other):
        same = isinstance(other, _Entry) and self._branches is other._branches
        return same and (self._function, self._key) == (other._function, other._key)

    def __hash__(self):
        return hash((id(self._branches), self._function, self._key))


def _current(branches: Branches, element: Element) -> Measure:
    tree = branches.tree
    if isinstance(element, Transformer):
        raise NetlistError(
            f"the current of the ideal transformer {element.name} is not a function of the state: "
            "measure that of an element in series with it",
            element.location,
        )
    charged = (tree.capacitors, tree.nonlinear_capacitors, tree.link_capacitors)
    lists = {
        Capacitor: (Branches.capacitor_currents, charged),
        NonlinearCapacitor: (Branches.capacitor_currents, charged),
        Resistor: (Branches.resistor_currents, (tree.resistors, tree.link_resistors)),
        Inductor: (Branches.state_inductor_currents, (tree.link_inductors, tree.inductors)),
        Gyrator: (Branches.gyrator_currents, (branches.gyrators,)),
        VoltageSource: (Branches.voltage_source_currents, (tree.sources,)),
        CurrentSource: (Branches.current_source_currents, (branches.current_sources,)),
    }
    if type(element) in lists:
        return _place(branches, element, *lists[type(element)])
    bent = isinstance(element, NonlinearResistor)
    function = Branches.leak_currents if bent else Branches.flux_currents
    return _Entry(branches, function, lambda groups: _named(groups, element.name), (element.name,))


def _place(branches, element, function, lists) -> Measure:
    for which, elements in enumerate(lists):
        for row, other in enumerate(elements):
            if other.name == element.name:
                return _Entry(branches, function, _row(which, row), (which, row))
    raise AssertionError(f"{element.name} is in no part of the tree")


def _row(which: int, row: int) -> Callable:
    return lambda parts: parts[which][row]


def _named(groups, name):
    for labels, currents in groups:
        if name in labels:
            return currents[labels.index(name)]
    raise AssertionError(f"{name} is in no group")
