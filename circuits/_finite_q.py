"""Losses of real inductors and capacitors: a quality factor made into resistors."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from ._elements import (
    Capacitor,
    Element,
    Inductor,
    NonlinearCapacitor,
    NonlinearInductor,
    Resistor,
)
from ._errors import NetlistError
from ._laws import Laws
from ._netlist import Netlist
from ._netlist._tolerances import matcher

Quality = float | Mapping[str, float]
"""The Q of all elements of a sort, or of those whose names fit a pattern such as `L*`."""

_Coil = Inductor | NonlinearInductor
_Store = Capacitor | NonlinearCapacitor


def with_finite_q(
    netlist: Netlist,
    *,
    frequency: float,
    inductors: Quality = math.inf,
    capacitors: Quality = math.inf,
) -> Netlist:
    """The netlist with a resistor for each inductor and capacitor of finite Q.

    An inductor gets 2 pi f L / Q in series (`RQL1`, at the new node `l1.q`), a capacitor
    Q / (2 pi f C) in parallel (`RQC1`): at `frequency` f (Hz) each has its Q, and a tank tuned to
    it rings with 1 / Q = 1 / Q_L + 1 / Q_C. Nonlinear ones count with their L or C at flux or
    charge zero; the loss of a junction is part of its model. Of several patterns that fit, the
    last holds; an infinite Q adds nothing.
    Source: Pozar, Microwave Engineering, section 6.1.

    Raises `NetlistError` for a Q or a frequency that is not positive, for a pattern that fits no
    name, and for a nonlinear element that has no L or C at zero.
    """
    if not 0 < frequency < math.inf:
        raise NetlistError(f"frequency has to be positive and finite, got {frequency:g} Hz")
    coils = _qualities(netlist, "inductors", inductors, _Coil)
    stores = _qualities(netlist, "capacitors", capacitors, _Store)
    rate, nodes = 2 * math.pi * frequency, {n for e in netlist.elements for n in e.nodes}
    elements: list[Element] = []
    for e in netlist.elements:
        if isinstance(e, _Coil) and e.name in coils:
            plus, minus = e.nodes
            middle = _unused(f"{e.name.lower()}.q", nodes)
            loss = rate * _linear(e) / coils[e.name]
            elements.append(dataclasses.replace(e, nodes=(plus, middle)))
            elements.append(Resistor(f"RQ{e.name}", (middle, minus), loss))
        elif isinstance(e, _Store) and e.name in stores:
            loss = stores[e.name] / (rate * _linear(e))
            elements += [e, Resistor(f"RQ{e.name}", e.nodes, loss)]
        else:
            elements.append(e)
    return dataclasses.replace(netlist, elements=tuple(elements))


def _qualities(netlist: Netlist, what: str, given: Quality, sort) -> dict[str, float]:
    """The finite ones, by element."""
    patterns = given if isinstance(given, Mapping) else {"*": given}
    names = [e.name for e in netlist.elements if isinstance(e, sort)]
    found: dict[str, float] = {}
    for pattern, quality in patterns.items():
        if not quality > 0:
            raise NetlistError(f"{what}: a quality factor has to be positive, got {quality:g}")
        fits = matcher(pattern.lower()).fullmatch
        chosen = [name for name in names if fits(name.lower())]
        if not chosen and isinstance(given, Mapping):
            raise NetlistError(f"{what}: the netlist has none whose name fits {pattern!r}")
        found |= dict.fromkeys(chosen, quality)
    return {name: quality for name, quality in found.items() if quality < math.inf}


def _linear(element: _Coil | _Store) -> float:
    """L or C of small signals."""
    if isinstance(element, Inductor):
        return element.inductance
    if isinstance(element, Capacitor):
        return element.capacitance
    curvature = float(Laws([element]).slope(np.zeros(1))[0])
    if not 0 < curvature < math.inf:
        what = "L" if isinstance(element, NonlinearInductor) else "C"
        raise NetlistError(
            f"{element.name} has no positive {what} at zero, which its quality factor could refer "
            "to: give quality factors by name, without it",
            element.location,
        )
    return 1 / curvature


def _unused(name: str, nodes: set[str]) -> str:
    while name in nodes:
        name += "_"
    nodes.add(name)
    return name
