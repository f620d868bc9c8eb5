"""Elements as cards of ngspice."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field
from itertools import combinations
from typing import final

import sympy

from ._elements import (
    CHARGE,
    FLUX,
    GROUND,
    VOLTAGE,
    Capacitor,
    Coupling,
    CurrentSource,
    Element,
    Gyrator,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    Transformer,
    VoltageSource,
)
from ._quantities import REDUCED_FLUX_QUANTUM
from ._spice_expression import spice_expression, spice_number
from ._spice_names import SpiceNames
from ._waveforms import DC, PWL, Exp, Pulse, Sin, Waveform

_PAIRS_A_LINE = 20
_NEW_LINE = "\n+ "


@final
@dataclass(frozen=True)
class Writer:
    """Writes elements; ``voltages`` are those of capacitors at t = 0, by name.

    ``unit`` is the scale of integrators: with the step it makes the conductance of their
    capacitors in ngspice's companion model 1. ``inner`` collects the nodes whose voltages are
    the phases (rad), fluxes and charges (in ``unit``) of the nonlinear elements written.
    """

    names: SpiceNames
    voltages: Mapping[str, float]
    unit: float
    inner: dict[str, str] = field(default_factory=dict)

    def element(self, element: Element) -> Iterator[str]:
        """The cards that stand for an element."""
        name = self.names.element(element.name)
        nodes = [self.names.node(node) for node in element.nodes]
        head = " ".join([name, *nodes])
        match element:
            case Capacitor():
                ic = self.voltages[element.name]
                yield f"{head} {digits(element.capacitance)} ic={digits(ic)}"
            case Inductor():
                yield f"{head} {digits(element.inductance)} ic={digits(element.ic or 0.0)}"
            case Resistor():
                yield f"{head} {digits(element.resistance)}"
            case CurrentSource(waveform=PWL() as pwl) | VoltageSource(waveform=PWL() as pwl) if (
                name[0] in "Bb"
            ):
                quantity = "i" if isinstance(element, CurrentSource) else "v"
                yield f"{head} {quantity}=pwl(time, {_corners(pwl, ', ')})"
            case CurrentSource() | VoltageSource():
                amplitude = f" AC {digits(*element.ac)}" if element.ac != (0.0, 0.0) else ""
                yield f"{head} {_waveform(element.waveform)}{amplitude}"
            case NonlinearResistor():
                voltage = f"(v({nodes[0]})-v({nodes[1]}))"
                current = _law(element.current, element.parameters, {VOLTAGE: voltage})
                yield f"{head} i={current}"
            case Junction() | NonlinearInductor():
                yield from self._flux(element, head, nodes)
            case NonlinearCapacitor():
                yield from self._charge(element, name, nodes)
            case Gyrator():
                yield from self._gyrator(element, head, nodes)
            case Transformer():
                yield from self._transformer(element, name, nodes)

    def coupling(self, coupling: Coupling) -> Iterator[str]:
        """One card for each two coils: ngspice couples no more."""
        coils = [self.names.element(name) for name in coupling.inductors]
        for first, second in combinations(coils, 2):
            wish = coupling.name if len(coils) == 2 else f"{coupling.name}_{first}_{second}"
            name = self.names.new(wish if wish[:1] in "kK" else f"K_{wish}")
            yield f"{name} {first} {second} {digits(coupling.coefficient)}"

    def _flux(
        self, element: Junction | NonlinearInductor, head: str, nodes: list[str]
    ) -> Iterator[str]:
        # v integrated by a capacitor of Phi0 / 2 pi is a junction's phase, in radians.
        if isinstance(element, Junction):
            node = self.names.new(f"phase_{element.name}")
            yield f"{head} i={spice_number(element.critical_current)}*sin(v({node}))"
            unit, start = REDUCED_FLUX_QUANTUM, element.phase
        else:
            node = self.names.new(f"flux_{element.name}")
            flux = f"({spice_number(self.unit)}*v({node}))"
            slope = element.energy.diff(FLUX)
            yield f"{head} i={_law(slope, element.parameters, {FLUX: flux})}"
            unit, start = self.unit, (element.ic or 0.0) / self.unit
        self.inner[element.name] = node
        yield f"{self.names.new(f'G{node}')} {GROUND} {node} {nodes[0]} {nodes[1]} 1"
        yield f"{self.names.new(f'C{node}')} {node} {GROUND} {digits(unit)} ic={digits(start)}"

    def _charge(self, element: NonlinearCapacitor, name: str, nodes: list[str]) -> Iterator[str]:
        node = self.names.new(f"charge_{element.name}")
        middle = self.names.new(f"{node}_v")
        slope = element.energy.diff(CHARGE)
        charge = f"({spice_number(self.unit)}*v({node}))"
        voltage = _law(slope, element.parameters, {CHARGE: charge})
        start = digits((element.ic or 0.0) / self.unit)
        self.inner[element.name] = node
        yield f"{name} {nodes[0]} {middle} DC 0"
        yield f"{self.names.new(f'B{node}')} {middle} {nodes[1]} v={voltage}"
        yield f"{self.names.new(f'F{node}')} {GROUND} {node} {name} 1"
        yield f"{self.names.new(f'C{node}')} {node} {GROUND} {digits(self.unit)} ic={start}"

    def _gyrator(self, element: Gyrator, head: str, nodes: list[str]) -> Iterator[str]:
        a, b, c, d = nodes
        back = self.names.new(f"G_{element.name}_back")
        yield f"{head} {digits(element.conductance)}"
        yield f"{back} {c} {d} {a} {b} {digits(-element.conductance)}"

    def _transformer(self, element: Transformer, name: str, nodes: list[str]) -> Iterator[str]:
        a, b, c, d = nodes
        middle = self.names.new(f"{element.name}_v")
        yield f"{name} {a} {middle} DC 0"
        yield f"{self.names.new(f'E_{element.name}')} {middle} {b} {c} {d} {digits(element.ratio)}"
        yield f"{self.names.new(f'F_{element.name}')} {c} {d} {name} {digits(-element.ratio)}"


def digits(*values: float) -> str:
    """All digits of the numbers."""
    # float(): the repr of a NumPy number names its type.
    return " ".join(repr(float(value)) for value in values)


def _law(
    expression: sympy.Basic,
    parameters: tuple[tuple[str, float], ...],
    variable: Mapping[sympy.Basic, str],
) -> str:
    numbers = {sympy.Symbol(name, real=True): spice_number(value) for name, value in parameters}
    return spice_expression(expression, {**numbers, **variable})


def _waveform(waveform: Waveform) -> str:
    match waveform:
        case DC(value):
            return f"DC {digits(value)}"
        case Sin() | Exp():
            return f"{type(waveform).__name__.upper()}({digits(*astuple(waveform))})"
        case Pulse():
            return f"PULSE({digits(*(x for x in astuple(waveform) if x is not None))})"
        case PWL():
            return f"PWL({_corners(waveform, ' ')})"


def _corners(waveform: PWL, between: str) -> str:
    """All numbers of a PWL, over as many lines as it takes."""
    pairs = [
        between.join((digits(t), digits(x)))
        for t, x in zip(waveform.times, waveform.values, strict=True)
    ]
    rows = (pairs[k : k + _PAIRS_A_LINE] for k in range(0, len(pairs), _PAIRS_A_LINE))
    return f"{between.rstrip()}{_NEW_LINE}".join(map(between.join, rows))
