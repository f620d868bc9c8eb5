"""Component values of a netlist, changed by name."""

import dataclasses
from collections.abc import Mapping

from ._elements import Capacitor, Element, Inductor, Junction, NonlinearInductor
from ._netlist import Netlist

_FIELDS = {
    Capacitor: {"C": "capacitance"},
    Inductor: {"L": "inductance", "ic": "ic"},
    Junction: {"icrit": "critical_current", "phase": "phase"},
    NonlinearInductor: {"ic": "ic"},
}


def with_values(netlist: Netlist, values: Mapping[str, float]) -> Netlist:
    """`netlist` with the values called `C1.C`, `L1.L`, `B1.icrit`, ... replaced."""
    return dataclasses.replace(
        netlist, elements=tuple(_changed(element, values) for element in netlist.elements)
    )


def _changed(element: Element, values: Mapping[str, float]) -> Element:
    fields = _FIELDS.get(type(element), {})
    changes: dict = {
        field: values[f"{element.name}.{key}"]
        for key, field in fields.items()
        if f"{element.name}.{key}" in values
    }
    if isinstance(element, NonlinearInductor):
        changes["parameters"] = tuple(
            (name, values[f"{element.name}.{name}"]) for name, _ in element.parameters
        )
    return dataclasses.replace(element, **changes)
