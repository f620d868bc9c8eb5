"""The local energies of circuit elements, in dimensionless units.

One unit of flux, charge, capacitance and inductance is that of the circuit's scales, so
the formulas are those of the textbook; a junction's flux is its phase in radians.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sympy

from physsim import ElementKind

from ._elements import (
    CHARGE,
    FLUX,
    VOLTAGE,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    symbols_of,
)
from ._quantities import Scales

InductiveElement = Inductor | Junction | NonlinearInductor
Grouped = InductiveElement | NonlinearCapacitor | NonlinearResistor

L, IC, ICRIT, PHASE, CURRENT = sympy.symbols("L ic icrit phase i", real=True)

INDUCTOR = ElementKind("inductor", FLUX**2 / (2 * L), (FLUX,), (L,))
CHARGED_INDUCTOR = ElementKind(
    "inductor with initial current", (FLUX + L * IC) ** 2 / (2 * L), (FLUX,), (L, IC)
)
JUNCTION = ElementKind("junction", ICRIT * (1 - sympy.cos(FLUX)), (FLUX,), (ICRIT,))
BIASED_JUNCTION = ElementKind(
    "junction with initial phase", ICRIT * (1 - sympy.cos(FLUX + PHASE)), (FLUX,), (ICRIT, PHASE)
)
CURRENT_SOURCE = ElementKind("current source", FLUX * CURRENT, (FLUX,), (), (CURRENT,))


class Description(NamedTuple):
    """How the elements of one group enter the Hamiltonian."""

    kind: ElementKind
    values: Callable[[Any], tuple[float, ...]]
    """Element -> its parameters in SI, in the order of `kind.parameters`."""
    units: tuple[float, ...]
    """One dimensionless unit of each, in SI."""


def describe(group: Sequence[Grouped], scales: Scales) -> Description:
    """Kind, values and units of elements that have their `shape` in common."""
    return _DESCRIBE[type(group[0])](group, scales)


def _inductor(group, scales):
    if group[0].ic is None:
        return Description(INDUCTOR, lambda e: (e.inductance,), (scales.inductance,))
    units = (scales.inductance, scales.current)
    return Description(CHARGED_INDUCTOR, lambda e: (e.inductance, e.ic), units)


def _junction(group, scales):
    if group[0].phase == 0:
        return Description(JUNCTION, lambda e: (e.critical_current,), (scales.current,))
    units = (scales.current, 1.0)
    return Description(BIASED_JUNCTION, lambda e: (e.critical_current, e.phase), units)


def _nonlinear_inductor(group, scales):
    """The user's energy in dimensionless flux, its parameters in units of their own size."""
    return _expressed(group, "inductor", group[0].energy, FLUX, scales.flux, scales.energy)


def _nonlinear_capacitor(group, scales):
    return _expressed(group, "capacitor", group[0].energy, CHARGE, scales.charge, scales.energy)


def _nonlinear_resistor(group, scales):
    """A kind whose "energy" is the current."""
    return _expressed(group, "resistor", group[0].current, VOLTAGE, scales.voltage, scales.current)


def _expressed(group, what, expression, variable, unit, result_unit):
    """An expression of the user's, in dimensionless variable and parameters.

    Term by term, so that each term's numbers are gathered into one within the range of
    float32; nothing is multiplied out, which would lose digits.
    """
    biased = isinstance(group[0], NonlinearInductor) and group[0].ic is not None
    rows = [tuple(value for _, value in e.parameters) for e in group]
    units = tuple(max(map(abs, column)) or 1.0 for column in zip(*rows, strict=True))
    parameters = symbols_of(group[0])
    scaled = {p: u * p for p, u in zip(parameters, units, strict=True)}
    inside = unit * (variable + IC if biased else variable)
    expression = expression.subs({variable: inside, **scaled}, simultaneous=True)
    terms = sympy.Add.make_args(expression)
    expression = sympy.Add(*(term / result_unit for term in terms))
    if not biased:
        kind = ElementKind(f"nonlinear {what}", expression, (variable,), parameters)
        return Description(kind, lambda e: tuple(v for _, v in e.parameters), units)
    name = f"nonlinear {what} with initial flux"
    kind = ElementKind(name, expression, (variable,), (*parameters, IC))
    values = lambda e: (*(v for _, v in e.parameters), e.ic)  # noqa: E731
    return Description(kind, values, (*units, unit))


_DESCRIBE = {
    Inductor: _inductor,
    Junction: _junction,
    NonlinearInductor: _nonlinear_inductor,
    NonlinearCapacitor: _nonlinear_capacitor,
    NonlinearResistor: _nonlinear_resistor,
}


def shape(element: Grouped) -> tuple:
    """What the elements of one group have in common."""
    if isinstance(element, NonlinearCapacitor | NonlinearResistor):
        names = tuple(name for name, _ in element.parameters)
        law = element.energy if isinstance(element, NonlinearCapacitor) else element.current
        return (type(element), law, names)
    if isinstance(element, NonlinearInductor):
        names = tuple(name for name, _ in element.parameters)
        return (NonlinearInductor, element.energy, names, element.ic is None)
    if isinstance(element, Junction):
        return (Junction, element.phase == 0)
    return (Inductor, element.ic is None)
