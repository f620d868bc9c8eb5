"""What can be measured on a circuit: node voltages and element currents."""

import re
from typing import TYPE_CHECKING, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from physsim import ElementGroup, InverseQuadratic, NetworkHamiltonian, PhaseState

from ._elements import Capacitor, Element, node_name
from ._errors import NetlistError

if TYPE_CHECKING:
    from ._circuit import Circuit

_QUANTITY = re.compile(r"\s*([vi])\s*\(([^()]*)\)\s*", re.IGNORECASE)


@final
class Readout(eqx.Module):
    """`v(node)`, `v(node,node)` or `i(element)`: (H, y, u) -> volts or amperes.

    Differentiable in all arguments, so it can stand in a cost.
    """

    name: str = eqx.field(static=True)
    unit: str = eqx.field(static=True)
    path: tuple[tuple[int, int], ...] = eqx.field(static=True)
    """(coordinate, sign) pairs of the branch it belongs to."""
    element: tuple[int, int] | None = eqx.field(static=True)
    """(group, row) of an inductive element or source."""
    capacitor: tuple[str, int] | None = eqx.field(static=True)
    """(leaf, row) of a capacitance."""
    scale: float = eqx.field(static=True)

    @classmethod
    def parse(cls, circuit: "Circuit", quantity: str) -> "Readout":
        match = _QUANTITY.fullmatch(quantity)
        if not match:
            raise NetlistError(f"expected v(node), v(node,node) or i(element), got {quantity!r}")
        kind, inside = match.group(1).lower(), match.group(2).strip()
        if kind == "v":
            nodes = [part.strip() for part in inside.split(",")]
            if len(nodes) > 2:
                raise NetlistError(f"a voltage is between two nodes at most, got {quantity!r}")
            return voltage(circuit, *nodes)
        return current(circuit, inside)

    def __call__(
        self, H: NetworkHamiltonian, y: PhaseState, u: Float[Array, " m"]
    ) -> Float[Array, ""]:
        if self.element is not None:
            group, row = self.element
            (currents,) = element_groups(H)[group].currents(y.q, u)
            return self.scale * currents[row]
        if self.capacitor is None:
            return self.scale * self._along(H.velocity(y.p))
        # i = C dv/dt, the voltage changing as the charges do under the forces.
        _, slope = jax.jvp(H.velocity, (y.p,), (H.force(y.q, u),))
        leaf, row = self.capacitor
        capacitance = getattr(capacitive_part(H), leaf)[row]
        return self.scale * capacitance * self._along(slope)

    def _along(self, x):
        return sum((sign * x[i] for i, sign in self.path), start=jnp.zeros((), x.dtype))


def capacitive_part(H: NetworkHamiltonian) -> InverseQuadratic:
    """The energy of the capacitors, with all capacitances."""
    (part,) = H.kinetic_parts
    if not isinstance(part, InverseQuadratic):
        raise ValueError("a prepared Hamiltonian no longer knows its capacitances")
    return part


def element_groups(H: NetworkHamiltonian) -> tuple[ElementGroup, ...]:
    """The groups of inductive elements and sources."""
    return tuple(part for part in H.potential_parts if isinstance(part, ElementGroup))


def voltage(circuit: "Circuit", plus: str, minus: str | None = None) -> Readout:
    """The voltage of a node against its reference (ground), or between two nodes."""
    ends = [_node(circuit, plus)]
    ends.append(circuit.tree.reference(ends[0]) if minus is None else _node(circuit, minus))
    name = f"v({plus})" if minus is None else f"v({plus},{minus})"
    path = tuple(circuit.tree.path(*ends))
    return Readout(name, "V", path, None, None, circuit.scales.voltage)


def current(circuit: "Circuit", name: str) -> Readout:
    """The current through an element, from its first node to its second."""
    element = _element(circuit, name)
    path = tuple(circuit.tree.path(*element.nodes))
    scale = circuit.scales.current
    label = f"i({element.name})"
    if isinstance(element, Capacitor):
        return Readout(label, "A", path, None, _capacitor(circuit, element), scale)
    for i, part in enumerate(element_groups(circuit.hamiltonian)):
        if element.name in part.labels:
            row = part.labels.index(element.name)
            return Readout(label, "A", path, (i, row), None, scale)
    raise AssertionError(f"{element.name} is in no part of the Hamiltonian")


def _capacitor(circuit, element):
    tree, cotree = circuit.tree.tree, circuit.tree.cotree
    if element in cotree:
        return ("cotree", cotree.index(element))
    return ("tree", tree.index(element))


def _node(circuit, name) -> str:
    node = node_name(name)
    if node not in circuit.tree.nodes:
        shown = ", ".join(list(circuit.tree.nodes)[:10])
        raise NetlistError(f"there is no node {name!r} in {circuit.netlist.file} (nodes: {shown})")
    return node


def _element(circuit, name) -> Element:
    for element in circuit.netlist.elements:
        if element.name.lower() == name.lower():
            return element
    shown = ", ".join(e.name for e in circuit.netlist.elements[:10])
    raise NetlistError(
        f"there is no element {name!r} in {circuit.netlist.file} (elements: {shown})"
    )
