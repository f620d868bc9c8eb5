"""Transmission lines in sections."""

import math

from .._elements import GROUND, Capacitor, Element, Inductor, Resistor, VoltageSource
from .._errors import NetlistError
from .._netlist import Netlist
from .._waveforms import Waveform
from ._checks import at_least, positive


def transmission_line(
    sections: int,
    *,
    impedance: float = 50.0,
    delay: float = 10e-9,
    source: Waveform | None = None,
    source_resistance: float | None = None,
    load_resistance: float | None = None,
) -> Netlist:
    """A line of LC sections, driven at one end and loaded at the other.

    N = `sections` inductors Z0 T / N join n0..nN; capacitors T / Z0 N to ground, half of that at
    both ends, with T = `delay` (s) and Z0 = `impedance` (Ohm). `source` (a waveform, V) drives `in`
    and through `source_resistance` n0; `load_resistance` ends nN. Both are Z0 where None;
    infinity leaves the end open, and without a source the n0 end has its resistor to ground.

    Below the cutoff omega_c = 2 N / T a wave takes 2 N asin(omega / omega_c) / omega, which is
    T (1 + (omega / omega_c)^2 / 6) at first, and sees Z0 / sqrt(1 - (omega / omega_c)^2): an
    end of Z0 reflects (omega / omega_c)^2 / 4, which falls with the square of N.
    Source: Pozar, Microwave Engineering, section 8.2 (constant-k filters).

    Raises `NetlistError` for values that are not positive.
    """
    at_least("the number of sections of a transmission line", sections, 1)
    positive(impedance=impedance, delay=delay)
    names = [f"n{i}" for i in range(sections + 1)]
    inductance, capacitance = impedance * delay / sections, delay / impedance / sections
    elements: list[Element] = []
    if source is not None:
        elements.append(VoltageSource("VS", ("in", GROUND), source))
    start = GROUND if source is None else "in"
    elements += _end("RS", (start, names[0]), source_resistance, impedance)
    for i, name in enumerate(names):
        share = 0.5 if i in (0, sections) else 1.0
        elements.append(Capacitor(f"C{i}", (name, GROUND), share * capacitance))
    for i in range(1, sections + 1):
        elements.append(Inductor(f"L{i}", (names[i - 1], names[i]), inductance))
    elements += _end("RL", (names[-1], GROUND), load_resistance, impedance)
    return Netlist(f"transmission line of {sections} sections", tuple(elements))


def _end(name, nodes, resistance: float | None, impedance: float) -> list[Element]:
    value = impedance if resistance is None else resistance
    if not value > 0:
        raise NetlistError(f"the resistance of {name} has to be positive, got {value:g}")
    return [] if value == math.inf else [Resistor(name, nodes, value)]
