"""Component values of a netlist, by name."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ._elements import (
    Capacitor,
    Coupling,
    Gyrator,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    Transformer,
)
from ._netlist import Netlist

# What follows the name and a dot, and the field it stands for.
_FIELDS: dict[type, dict[str, str]] = {
    Capacitor: {"C": "capacitance", "ic": "ic"},
    Inductor: {"L": "inductance", "ic": "ic"},
    Resistor: {"R": "resistance"},
    Junction: {"icrit": "critical_current", "phase": "phase"},
    NonlinearInductor: {"ic": "ic"},
    NonlinearCapacitor: {"ic": "ic"},
    Gyrator: {"g": "conductance"},
    Transformer: {"n": "ratio"},
    Coupling: {"k": "coefficient"},
}
_LAWS = (NonlinearInductor, NonlinearCapacitor, NonlinearResistor)
TEMPERATURE = "temperature"


def values_of(netlist: Netlist) -> dict[str, float]:
    """Every value in SI by its name: `C1.C`, `L1.L`, `R1.R`, `K1.k`, `B1.icrit`, `P1.g`, ...

    Parameters of energies and currents are `B1.name`; initial values (`L1.ic`, `B1.phase`) are
    there where the netlist gives them. A temperature is `temperature`, in K.
    """
    values = {}
    for part in (*netlist.elements, *netlist.couplings):
        for key, field in _FIELDS.get(type(part), {}).items():
            value = getattr(part, field)
            if value is not None:
                values[f"{part.name}.{key}"] = float(value)
        if isinstance(part, _LAWS):
            values |= {f"{part.name}.{name}": value for name, value in part.parameters}
    if netlist.temperature is not None:
        values[TEMPERATURE] = netlist.temperature
    return values


def with_values(netlist: Netlist, values: Mapping[str, float]) -> Netlist:
    """`netlist` with the values of these names, as in `values_of`, replaced.

    Names that are not in the netlist are left out. Raises `NetlistError` for values that
    elements cannot have.
    """
    return dataclasses.replace(
        netlist,
        elements=tuple(_changed(element, values) for element in netlist.elements),
        couplings=tuple(_changed(coupling, values) for coupling in netlist.couplings),
        temperature=values.get(TEMPERATURE, netlist.temperature),
    )


def _changed(part: Any, values: Mapping[str, float]) -> Any:
    changes: dict = {
        field: values[f"{part.name}.{key}"]
        for key, field in _FIELDS.get(type(part), {}).items()
        if f"{part.name}.{key}" in values
    }
    if isinstance(part, _LAWS):
        changes["parameters"] = tuple(
            (name, values.get(f"{part.name}.{name}", value)) for name, value in part.parameters
        )
    return dataclasses.replace(part, **changes) if changes else part
