"""What an analysis reports: node voltages and element currents, as functionals of x."""

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
)
from ._errors import NetlistError
from ._mna import Mna, Slopes
from ._quantity import find_element, find_node, parse_quantity


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
    what, names = parse_quantity(quantity)
    if what == "i":
        return _current(mna, *names, slopes)
    return Output(f"v({','.join(names)})", "V", between(mna, *names), np.zeros(mna.size))


def between(mna: Mna, plus: str, minus: str | None = None) -> np.ndarray:
    """[N]: times x it is v(plus) - v(minus), or v(plus) against its reference."""
    references, file = mna.references, mna.netlist.file
    one = find_node(references, file, plus)
    two = references[one] if minus is None else find_node(references, file, minus)
    if references[one] != references[two]:
        raise NetlistError(
            f"{file}: nothing connects {one} and {two}, so there is no voltage "
            "between them; join the two parts at one node, such as 0"
        )
    return mna.incidence([(one, two)]).toarray()[:, 0]


def _current(mna: Mna, name: str, slopes: Slopes) -> Output:
    element = find_element(mna.netlist, name)
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
