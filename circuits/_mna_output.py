"""What an analysis reports: node voltages and element currents, as functionals of x."""

import re
from typing import NamedTuple

import numpy as np

from ._elements import (
    Capacitor,
    CurrentSource,
    Element,
    Gyrator,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    node_name,
)
from ._errors import NetlistError
from ._mna import Mna, Slopes

_QUANTITY = re.compile(r"\s*([vi])\s*\(([^()]*)\)\s*", re.IGNORECASE)


class Output(NamedTuple):
    """static . x + s (dynamic . x), plus the amplitude of `source` where there is one.

    `element` is the one whose current it is; its value may enter the functional itself.
    """

    name: str
    unit: str
    static: np.ndarray
    dynamic: np.ndarray
    source: CurrentSource | None = None
    element: Element | None = None

    def weights(self, s: complex) -> np.ndarray:
        """[N], at the complex frequency s (1/s)."""
        return self.static + s * self.dynamic


def find_output(mna: Mna, quantity: str, slopes: Slopes) -> Output:
    """`v(node)`, `v(node,node)` or `i(element)`, linearised.

    Raises `NetlistError` for another quantity, an unknown name, and the voltage between
    nodes that nothing connects.
    """
    what, inside = parse_quantity(quantity)
    if what == "i":
        return _current(mna, inside, slopes)
    nodes = inside.split(",")
    return Output(f"v({inside})", "V", between(mna, *nodes), np.zeros(mna.size))


def parse_quantity(quantity: str) -> tuple[str, str]:
    """`v` or `i`, and what is in its parentheses, without blanks."""
    match = _QUANTITY.fullmatch(quantity)
    if not match or match.group(2).count(",") > (match.group(1) in "vV"):
        raise NetlistError(f"expected v(node), v(node,node) or i(element), got {quantity!r}")
    return match.group(1).lower(), ",".join(part.strip() for part in match.group(2).split(","))


def between(mna: Mna, plus: str, minus: str | None = None) -> np.ndarray:
    """[N]: times x it is v(plus) - v(minus), or v(plus) against its reference."""
    ends = [find_node(mna, plus)]
    ends.append(mna.references[ends[0]] if minus is None else find_node(mna, minus))
    one, two = (mna.references[n] for n in ends)
    if one != two:
        raise NetlistError(
            f"{mna.netlist.file}: nothing connects {ends[0]} and {ends[1]}, so there is no voltage "
            "between them; join the two parts at one node, such as 0"
        )
    return mna.incidence([(ends[0], ends[1])]).toarray()[:, 0]


def find_node(mna: Mna, name: str) -> str:
    """The node of this name, in upper or lower case."""
    node = node_name(name)
    if node not in mna.references:
        shown = ", ".join(list(mna.references)[:10])
        raise NetlistError(f"there is no node {name!r} in {mna.netlist.file} (nodes: {shown})")
    return node


def find_element(mna: Mna, name: str) -> Element:
    """The element of this name, in upper or lower case."""
    for element in mna.netlist.elements:
        if element.name.lower() == name.strip().lower():
            return element
    shown = ", ".join(e.name for e in mna.netlist.elements[:10])
    raise NetlistError(f"there is no element {name!r} in {mna.netlist.file} (elements: {shown})")


def _current(mna: Mna, name: str, slopes: Slopes) -> Output:
    element = find_element(mna, name)
    static, dynamic = _through(mna, element, slopes)
    source = element if isinstance(element, CurrentSource) else None
    return Output(f"i({element.name})", "A", static, dynamic, source, element)


def _through(mna: Mna, element: Element, slopes: Slopes) -> tuple[np.ndarray, np.ndarray]:
    """The static and dynamic functional of a current."""
    static, dynamic, own = np.zeros((3, mna.size))
    if element.name in mna.own:
        own[mna.own[element.name]] = 1.0
    match element:
        case Resistor():
            static = between(mna, *element.nodes) / element.resistance
        case Capacitor():
            dynamic = between(mna, *element.nodes) * element.capacitance
        case Gyrator():
            static = element.conductance * between(mna, *element.nodes[2:])
        case NonlinearCapacitor():
            dynamic = own
        case NonlinearResistor():
            slope = slopes.leaks[mna.leaks.elements.index(element)]
            static = between(mna, *element.nodes) * slope
        case Junction() | NonlinearInductor():
            static = own * slopes.fluxes[mna.fluxes.elements.index(element)]
        case _:
            # A current source has no unknown: its amplitude is added.
            static = own
    return static, dynamic
