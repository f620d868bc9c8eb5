"""The Toda lattice as a circuit: a ring of inductors and exponential capacitors."""

import math

import sympy

from .._elements import CHARGE, GROUND, Inductor, NonlinearCapacitor
from .._netlist import Netlist
from ._checks import at_least, node_names, positive

_SCALE, _VOLTAGE = sympy.symbols("q0 v0", real=True)
_ENERGY = _VOLTAGE * _SCALE * (sympy.exp(CHARGE / _SCALE) - 1 - CHARGE / _SCALE)


def toda(
    sections: int,
    *,
    inductance: float = 1e-6,
    capacitance: float = 1e-12,
    voltage: float = 1.0,
    steepness: float = 1.0,
    center: float | None = None,
) -> Netlist:
    """A ring whose capacitors obey v = v0 (exp(charge / q0) - 1), with one soliton in it.

    Inductors (H) from each of n1..nN to the next; `voltage` is v0 and `capacitance` q0 / v0,
    the one of small charges. The soliton of `steepness` kappa starts at the node of number
    `center`, the middle by default, and goes towards higher ones:

        v_n = v0 sinh^2(kappa) / cosh^2(kappa (n - center) - t sinh(kappa) / sqrt(L C))

    so sinh(kappa) / kappa / sqrt(L C) sections a second, faster than every wave. In the ring
    this is exact up to exp(-kappa N), the tails that meet.
    Source: Toda, J. Phys. Soc. Jpn. 22:431 (1967); Hirota & Suzuki, Proc. IEEE 61:1483 (1973).

    Raises `NetlistError` for fewer than 3 sections and for values that are not positive.
    """
    at_least("the number of sections of a Toda ring", sections, 3)
    positive(inductance=inductance, capacitance=capacitance, voltage=voltage, steepness=steepness)
    middle = (sections + 1) / 2 if center is None else center
    names, charge = node_names(sections), capacitance * voltage
    rate = math.sinh(steepness) / math.sqrt(inductance * capacitance)
    phases = [_phase(steepness, i - middle, sections) for i in range(1, sections + 1)]
    capacitors = [
        NonlinearCapacitor(
            f"C{i}", (name, GROUND), _ENERGY, (("q0", charge), ("v0", voltage)), ic=charge * log
        )
        for i, (name, log) in enumerate(
            zip(names, (_log_excess(x, steepness) for x in phases), strict=True), 1
        )
    ]
    inductors = []
    for i, (name, here) in enumerate(zip(names, phases, strict=True)):
        current = charge * rate * (math.tanh(here + steepness) - math.tanh(here))
        ends = (name, names[(i + 1) % sections])
        inductors.append(Inductor(f"L{i + 1}", ends, inductance, ic=current))
    title = f"Toda ring of {sections} sections"
    return Netlist(title, (*capacitors, *inductors))


def _phase(steepness: float, distance: float, sections: int) -> float:
    """kappa times the distance from the soliton, the short way round."""
    return steepness * (distance - sections * round(distance / sections))


def _log_excess(phase: float, steepness: float) -> float:
    """log(1 + v / v0) in the soliton."""
    return math.log1p((math.sinh(steepness) / math.cosh(phase)) ** 2)
