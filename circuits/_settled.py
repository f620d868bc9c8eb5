"""A network that starts at its DC operating point."""

import dataclasses
from typing import Any

from ._elements import (
    Capacitor,
    Element,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
)
from ._netlist import Netlist
from ._operating_point import OperatingPoint


def settled(netlist: Netlist, op: OperatingPoint) -> Netlist:
    """`netlist` with the operating point's initial values in place of its own."""
    elements = tuple(_started(element, op) for element in netlist.elements)
    return dataclasses.replace(netlist, elements=elements, initial_voltages={})


def _started(element: Element, op: OperatingPoint) -> Any:
    match element:
        case Capacitor():
            return dataclasses.replace(element, ic=op.v(*element.nodes))
        case Inductor():
            return dataclasses.replace(element, ic=op.i(element.name))
        case Junction():
            return dataclasses.replace(element, phase=op.phases[element.name])
        case NonlinearInductor():
            return dataclasses.replace(element, ic=op.fluxes[element.name])
        case NonlinearCapacitor():
            return dataclasses.replace(element, ic=op.charges[element.name])
        case _:
            return element
