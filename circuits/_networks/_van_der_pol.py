"""Rings of van der Pol oscillators."""

import math

import sympy

from .._elements import (
    GROUND,
    VOLTAGE,
    Capacitor,
    Element,
    Inductor,
    NonlinearResistor,
    Resistor,
)
from .._errors import NetlistError
from .._netlist import Netlist
from ._checks import Values, at_least, node_names, one_a_node, positive, starts

_G, _UNIT = sympy.symbols("g0 v0", real=True)
_CURRENT = _G * (VOLTAGE**3 / (3 * _UNIT**2) - VOLTAGE)


def van_der_pol_ring(
    count: int,
    *,
    inductance: float = 1e-6,
    capacitance: float = 1e-12,
    stiffness: float = 0.1,
    voltage: float = 1.0,
    coupling_resistance: float | None = None,
    coupling_capacitance: float | None = None,
    detuning: Values | None = None,
    voltages: Values | None = None,
) -> Netlist:
    """LC resonators with negative resistance, each coupled to the next: a ring of oscillators.

    Across each of n1..nN lie `capacitance`, `inductance` and a branch of the current
    g (v^3 / 3 v0^2 - v), with v0 = `voltage` and g = `stiffness` sqrt(C / L), so that alone

        v'' - mu omega0 (1 - v^2 / v0^2) v' + omega0^2 v = 0,    mu = stiffness

    For small mu it swings with amplitude 2 v0 and frequency omega0 (1 - mu^2 / 16).
    Neighbours are joined by a resistor, a capacitor, both or neither (Ohm, F); 2 oscillators by
    one. `detuning` gives relative shifts of the frequencies (one a node, made by the
    inductances), `voltages` (V) the initial ones, by default v0 / 10 at every node.
    Sources: van der Pol, Phil. Mag. 2:978 (1926); Strogatz, Nonlinear Dynamics and Chaos,
    section 7.6. `kuramoto` gives the phase model of such a network.

    Raises `NetlistError` for values that are not positive, and detunings of -1 or less.
    """
    at_least("the number of oscillators", count, 1)
    positive(inductance=inductance, capacitance=capacitance)
    positive(stiffness=stiffness, voltage=voltage)
    names = node_names(count)
    shifts = one_a_node("detuning", detuning, names)
    if min(shifts) <= -1:
        raise NetlistError(f"detuning: a shift has to be above -1, got {min(shifts):g}")
    law = (("g0", stiffness * math.sqrt(capacitance / inductance)), ("v0", voltage))
    elements: list[Element] = []
    for i, (name, shift) in enumerate(zip(names, shifts, strict=True), 1):
        elements += [
            Capacitor(f"C{i}", (name, GROUND), capacitance),
            Inductor(f"L{i}", (name, GROUND), inductance / (1 + shift) ** 2),
            NonlinearResistor(f"B{i}", (name, GROUND), _CURRENT, law),
        ]
    elements += _couplers(names, coupling_resistance, coupling_capacitance)
    given = starts(names, [voltage / 10] * count if voltages is None else voltages)
    return Netlist(f"ring of {count} van der Pol oscillators", tuple(elements), given)


def _couplers(names, resistance, capacitance) -> list[Element]:
    pairs = list(zip(names, [*names[1:], names[0]], strict=True))
    if len(names) < 3:
        pairs = pairs[: len(names) - 1]
    found: list[Element] = []
    for i, pair in enumerate(pairs, 1):
        if resistance is not None:
            found.append(Resistor(f"RC{i}", pair, resistance))
        if capacitance is not None:
            found.append(Capacitor(f"CC{i}", pair, capacitance))
    return found
