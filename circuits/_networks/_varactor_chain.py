"""Chains of resonators with varactors."""

import itertools

import sympy

from .._elements import CHARGE, GROUND, Inductor, NonlinearCapacitor
from .._errors import NetlistError
from .._netlist import Netlist
from ._checks import Values, at_least, node_names, one_a_node, positive

_C, _V, _M = sympy.symbols("c0 vj m", real=True)


def varactor_chain(
    count: int,
    *,
    inductance: float = 1e-6,
    capacitance: float = 1e-12,
    junction_voltage: float = 0.7,
    grading: float = 0.5,
    coupling_inductance: float = 10e-6,
    charges: Values | None = None,
) -> Netlist:
    """LC resonators from n1..nN to ground with varactors, coupled by inductors.

    The varactors have C(v) = C0 / (1 + v / vj)^m with C0 = `capacitance` (F), vj =
    `junction_voltage` (V) and m = `grading` (1/2 for an abrupt junction), stored as a function of
    the charge Q:

        v = vj ((1 + (1 - m) Q / (C0 vj))^(1 / (1 - m)) - 1)

    for Q > -C0 vj / (1 - m), where the depleted layer ends. For m = 1/2 a single
    resonator swinging with the charge amplitude a has the frequency
    omega0 (1 - 5 e^2 / 12) and the second harmonic e a / 6, with e = a / (4 C0 vj).
    Source: Landau & Lifshitz, Mechanics, section 28, for x'' + x + x^2 = 0.

    `charges` (C) are the initial ones of n1..nN, by default 0.1 C0 vj at n1. Raises `NetlistError`
    for values that are not positive, a grading of 1 or more and a charge beyond depletion.
    """
    at_least("the number of resonators of a varactor chain", count, 1)
    positive(capacitance=capacitance, junction_voltage=junction_voltage, grading=grading)
    if grading >= 1:
        raise NetlistError(f"grading has to be below 1, got {grading:g}")
    names, size = node_names(count), capacitance * junction_voltage
    if charges is None:
        charges = [0.1 * size] + [0.0] * (count - 1)
    given = one_a_node("charges", charges, names)
    _check_depletion(given, names, -size / (1 - grading))
    energy, parameters = _varactor(capacitance, junction_voltage, grading)
    varactors = [
        NonlinearCapacitor(f"C{i}", (name, GROUND), energy, parameters, ic=charge)
        for i, (name, charge) in enumerate(zip(names, given, strict=True), 1)
    ]
    tanks = [Inductor(f"L{i}", (name, GROUND), inductance) for i, name in enumerate(names, 1)]
    links = [
        Inductor(f"LC{i}", pair, coupling_inductance)
        for i, pair in enumerate(itertools.pairwise(names), 1)
    ]
    return Netlist(f"chain of {count} varactor resonators", (*varactors, *tanks, *links))


def _check_depletion(charges, names, limit) -> None:
    for name, charge in zip(names, charges, strict=True):
        if charge <= limit:
            raise NetlistError(
                f"the charge at {name} is {charge:g} C, at which no voltage is defined: keep it "
                f"above {limit:g} C"
            )


def _varactor(capacitance, voltage, grading):
    """The energy of a charge; a polynomial for the abrupt junction."""
    parameters = (("c0", capacitance), ("vj", voltage))
    if grading == 0.5:
        return CHARGE**2 / (2 * _C) + CHARGE**3 / (12 * _C**2 * _V), parameters
    base = 1 + (1 - _M) * CHARGE / (_C * _V)
    power = base ** ((2 - _M) / (1 - _M))
    energy = _V * (_C * _V / (2 - _M) * (power - 1) - CHARGE)
    return energy, (*parameters, ("m", grading))
