"""Kerr parametric oscillators, pumped through their inductors: simulated bifurcation."""

import math
from collections.abc import Mapping

import numpy as np
import scipy.linalg
import sympy

from .._elements import (
    FLUX,
    GROUND,
    Capacitor,
    Element,
    Inductor,
    NonlinearInductor,
    Resistor,
    VoltageSource,
)
from .._errors import NetlistError
from .._netlist import Netlist
from .._waveforms import Sin
from ._checks import Values, at_least, node_names, not_negative, positive, starts

Couplings = Mapping[tuple[int, int], float]

_L, _UNIT, _KERR, _BEND = sympy.symbols("l0 flux0 kerr bend", real=True)


def kerr_oscillators(
    count: int,
    *,
    inductance: float = 1e-6,
    capacitance: float = 1e-12,
    quality: float = 50.0,
    kerr: float = 0.1,
    flux: float = 1e-9,
    pump: float = 0.08,
    pump_growth: float = 0.0,
    pump_frequency: float | None = None,
    couplings: Couplings | None = None,
    voltages: Values | None = None,
) -> Netlist:
    """LC resonators whose stiffness is pumped at twice their frequency: a bifurcation machine.

    With x the flux of n1..nN in units of `flux` (Wb) and omega0 = 1 / sqrt(L C), each obeys

        x'' + omega0 / Q x' + omega0^2 ((1 - h sin(2 pi pump_frequency t)) x + kerr x^3) = 0

    with h = pump exp(pump_growth t), `pump_growth` in 1/s. The pump is a flux: between each node
    and the two pump nodes, at fluxes +-flux exp(...) sin(...), sit two inductors whose energies
    have a term FLUX^3, the second reversed, so that the pump's own force cancels and its
    product with x stays. With the pump at 2 f0 motion grows at the rate omega0 (h / 4 - 1 / 2 Q):
    from the threshold h = 2 / Q on. It settles at half the pump's frequency, with phase 0 or pi and

        amplitude^2 = 8 / (3 kerr) sqrt((h / 4)^2 - (1 / 2 Q)^2)

    for small h and 1 / Q. `couplings` maps pairs (i, j), counted from 1, to J: an inductor L / J
    where J > 0, a capacitor |J| C where J < 0, taken off the oscillators' own, so that for
    small J all keep omega0 and their energy is that of an Ising problem, -sum J x_i x_j.
    A slowly growing pump (h from 2 / Q, pump_growth far below omega0 / Q) then leads most starts
    to its ground state, in the signs of x. The default `pump_frequency` (Hz) is twice that of the
    lowest mode. `voltages` (V) are the initial ones, by default 1 mV at n1.
    Sources: Landau & Lifshitz, Mechanics, section 27; Goto, Sci. Rep. 6:21686 (2016); Goto,
    Tatsumura & Dixon, Sci. Adv. 5:eaav2372 (2019).

    Raises `NetlistError` for values that are not positive, pairs that are none, and couplings that
    leave an oscillator nothing of its own.
    """
    at_least("the number of Kerr oscillators", count, 1)
    positive(inductance=inductance, capacitance=capacitance, quality=quality, kerr=kerr, flux=flux)
    not_negative(pump=pump, pump_growth=pump_growth)
    names, rate = node_names(count), 1 / math.sqrt(inductance * capacitance)
    matrix = _matrix(couplings or {}, count)
    by_coil, by_charge = np.maximum(matrix, 0), np.maximum(-matrix, 0)
    own_coil, own_charge = 1 - by_coil.sum(axis=1), 1 - by_charge.sum(axis=1)
    _check_own(names, own_coil, own_charge)
    if pump_frequency is None:
        lowest = scipy.linalg.eigvalsh(np.eye(count) - by_coil, np.eye(count) - by_charge)[0]
        pump_frequency = rate * math.sqrt(lowest) / math.pi
    positive(pump_frequency=pump_frequency)
    elements: list[Element] = [*_pump(flux, pump_frequency, pump_growth)]
    for i, name in enumerate(names):
        elements += [
            Capacitor(f"C{i + 1}", (name, GROUND), capacitance * float(own_charge[i])),
            Resistor(f"R{i + 1}", (name, GROUND), quality / (rate * capacitance)),
            *_inductors(i + 1, name, inductance, float(own_coil[i]), kerr, flux, pump),
        ]
    for i, j in zip(*np.nonzero(np.triu(matrix)), strict=True):
        ends, strength = (names[i], names[j]), float(abs(matrix[i, j]))
        name = f"{i + 1}_{j + 1}"
        if matrix[i, j] > 0:
            elements.append(Inductor(f"L{name}", ends, inductance / strength))
        else:
            elements.append(Capacitor(f"C{name}", ends, capacitance * strength))
    first = [1e-3] + [0.0] * (count - 1)
    given = starts(names, first if voltages is None else voltages)
    return Netlist(f"{count} Kerr parametric oscillators", tuple(elements), given)


def _matrix(couplings: Couplings, count: int) -> np.ndarray:
    matrix = np.zeros((count, count))
    for (i, j), strength in couplings.items():
        if i == j or not (1 <= i <= count and 1 <= j <= count):
            raise NetlistError(
                f"couplings: ({i}, {j}) is no pair of two of the oscillators 1 to {count}"
            )
        if matrix[i - 1, j - 1]:
            raise NetlistError(f"couplings: the pair ({i}, {j}) is there twice")
        if not math.isfinite(strength):
            raise NetlistError(f"couplings: that of ({i}, {j}) has to be finite, got {strength:g}")
        matrix[i - 1, j - 1] = matrix[j - 1, i - 1] = strength
    return matrix


def _check_own(names, own_coil, own_charge) -> None:
    for name, coil, charge in zip(names, own_coil, own_charge, strict=True):
        if coil <= 0 or charge <= 0:
            raise NetlistError(
                f"couplings: those of {name} leave it no inductance or capacitance of its own: the "
                "positive ones at a node, and the negative ones, have to add up to less than 1"
            )


def _pump(flux: float, frequency: float, growth: float) -> list[VoltageSource]:
    """Sources whose voltages integrate to -+flux exp(growth t) sin(2 pi f t)."""
    rate = 2 * math.pi * frequency * flux
    return [
        VoltageSource(
            name, (node, GROUND), Sin(0.0, sign * rate, frequency, damping=-growth, phase=90.0)
        )
        for name, node, sign in (("VP", "plus", -1.0), ("VM", "minus", 1.0))
    ]


def _inductors(i: int, name: str, inductance, own, kerr, flux, pump) -> list[NonlinearInductor]:
    """The pair between node and pump, and the one to ground that bends the frequency."""
    parameters = [("l0", inductance / own)]
    pair, bent = FLUX**2 / (4 * _L), _KERR * FLUX**4 / (4 * _L * _UNIT**2)
    if pump:
        # (flux + x)^3 + (flux - x)^3 = 6 flux x^2 + ...
        pair += _BEND * FLUX**3 / (12 * _L * _UNIT)
        parameters += [("bend", pump / own), ("flux0", flux)]
    law = (("l0", inductance), ("kerr", kerr), ("flux0", flux))
    return [
        NonlinearInductor(f"BP{i}", ("plus", name), pair, tuple(parameters)),
        NonlinearInductor(f"BM{i}", (name, "minus"), pair, tuple(parameters)),
        NonlinearInductor(f"BK{i}", (name, GROUND), bent, law),
    ]
