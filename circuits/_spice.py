"""Netlists for ngspice."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field

from ._elements import (
    FLUX,
    GROUND,
    Capacitor,
    CurrentSource,
    Element,
    Inductor,
    Junction,
    NonlinearInductor,
)
from ._graph import NormalTree
from ._initial import initial_voltages
from ._netlist import Netlist, Tran
from ._quantities import REDUCED_FLUX_QUANTUM
from ._spice_expression import spice_expression, spice_number
from ._waveforms import DC, PWL, Pulse, Sin, Waveform

# The truncation error never shortens a step, so that all are max_step once ngspice has started.
_OPTIONS = "method=trap reltol=1e-9 chgtol=1e-30 trtol=1e9 numdgt=15"
# Newton's iteration stops at these; rounding has to stay below, or ngspice shortens steps.
# Junctions live at microvolts, where ngspice's own 1e-6 would spoil them.
_TOLERANCES = "vntol=1e-13 abstol=1e-18"
_JUNCTION_TOLERANCES = "vntol=1e-15 abstol=1e-21"
_PAIRS_A_LINE = 20
_NEW_LINE = "\n+ "


def to_spice(
    netlist: Netlist, *, max_step: float, stop: float | None = None, step: float | None = None
) -> str:
    """The netlist as a deck for ngspice 39, with the same nodes and element names.

    Times in s: the trapezoidal rule takes steps of `max_step` (shorter ones to start, after
    corners of PULSE and PWL, and where Newton's iteration fails) until `stop`; `step` is the
    reporting step. They default to the netlist's `.tran` and to `max_step`.

    A junction or nonlinear inductor becomes a behavioural current source of its name and a
    node that integrates its voltage: `phase_<name>` in radians, or `flux_<name>` in units of
    `max_step` volt seconds. The start is ngspice's `uic`, with an `ic` on every capacitor
    and inductor, those that follow from the others included.

    A part without a path to ground (current sources aside) has one node tied to ground by
    1 Ohm, in which no current can flow: ngspice needs a reference. Nothing else is added.

    Raises ValueError where no stop time is known, or for an energy ngspice cannot express.
    """
    analysis = _analysis(netlist.tran, max_step, stop, step)
    voltages = _initial(netlist)
    names = _Names.of(netlist)
    lines = [f"* {''.join(c if c.isprintable() else ' ' for c in netlist.title)}"]
    for element in netlist.elements:
        lines += _element(element, voltages, names, max_step)
    for node in _islands(netlist.elements):
        lines.append(f"{names.new('Rtie')} {node} {GROUND} 1")
    quiet = any(isinstance(element, Junction) for element in netlist.elements)
    lines.append(f".options {_OPTIONS} {_JUNCTION_TOLERANCES if quiet else _TOLERANCES}")
    return "\n".join([*lines, analysis, ".end", ""])


def _initial(netlist: Netlist) -> dict[str, float]:
    """The voltage of every capacitor at t = 0, by name."""
    tree = NormalTree(netlist.elements, spanning=False)
    volts = initial_voltages(netlist, tree)
    return {
        c.name: float(sum(sign * volts[i] for i, sign in tree.path(*c.nodes)))
        for c in (*tree.tree, *tree.cotree)
    }


def _analysis(tran: Tran | None, max_step: float, stop: float | None, step: float | None) -> str:
    stop = stop if stop is not None else tran and tran.stop
    if stop is None:
        raise ValueError("the netlist has no .tran: give to_spice a stop time in s, stop=...")
    step = step if step is not None else tran.step if tran else max_step
    start = tran.start if tran and tran.start < stop else 0.0
    return f".tran {_digits(step, stop, start, max_step)} uic"


@dataclass(frozen=True)
class _Names:
    """Names in use, of nodes and elements, in lower case."""

    taken: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, netlist: Netlist) -> "_Names":
        nodes = {node for element in netlist.elements for node in element.nodes}
        return cls(nodes | {element.name.lower() for element in netlist.elements})

    def new(self, wish: str) -> str:
        """A name not yet in use that starts like `wish`, fit for ngspice's expressions."""
        name = re.sub(r"\W", "_", wish, flags=re.ASCII)
        while name.lower() in self.taken:
            name += "_"
        self.taken.add(name.lower())
        return name


def _element(
    element: Element, voltages: Mapping[str, float], names: _Names, unit: float
) -> Iterator[str]:
    plus, minus = element.nodes
    head = f"{element.name} {plus} {minus}"
    match element:
        case Capacitor():
            ic = voltages[element.name]
            yield f"{head} {_digits(element.capacitance)} ic={_digits(ic)}"
        case Inductor():
            yield f"{head} {_digits(element.inductance)} ic={_digits(element.ic or 0.0)}"
        case CurrentSource():
            yield f"{head} {_waveform(element.waveform)}"
        case Junction():
            # v integrated by a capacitor of Phi0 / 2 pi is the phase, in radians.
            node = names.new(f"phase_{element.name}")
            yield f"{head} i={spice_number(element.critical_current)}*sin(v({node}))"
            yield from _integrator(element, node, REDUCED_FLUX_QUANTUM, element.phase, names)
        case NonlinearInductor():
            # The scale keeps the companion conductance of the capacitor, scale / step, at 1.
            node = names.new(f"flux_{element.name}")
            yield f"{head} i={_current(element, f'({spice_number(unit)}*v({node}))')}"
            yield from _integrator(element, node, unit, (element.ic or 0.0) / unit, names)


def _integrator(
    element: Element, node: str, unit: float, start: float, names: _Names
) -> Iterator[str]:
    plus, minus = element.nodes
    yield f"{names.new(f'G{node}')} {GROUND} {node} {plus} {minus} 1"
    yield f"{names.new(f'C{node}')} {node} {GROUND} {_digits(unit)} ic={_digits(start)}"


def _current(element: NonlinearInductor, flux: str) -> str:
    values = dict(element.parameters)
    energy = element.energy
    symbols = {s: spice_number(values[str(s)]) for s in energy.free_symbols if s != FLUX}
    return spice_expression(energy.diff(FLUX), {**symbols, FLUX: flux})


def _waveform(waveform: Waveform) -> str:
    match waveform:
        case DC(value):
            return f"DC {_digits(value)}"
        case Sin():
            return f"SIN({_digits(*astuple(waveform))})"
        case Pulse():
            return f"PULSE({_digits(*(x for x in astuple(waveform) if x is not None))})"
        case PWL(times, values):
            pairs = [_digits(t, i) for t, i in zip(times, values, strict=True)]
            rows = (pairs[k : k + _PAIRS_A_LINE] for k in range(0, len(pairs), _PAIRS_A_LINE))
            return f"PWL({_NEW_LINE.join(map(' '.join, rows))})"


def _digits(*values: float) -> str:
    # float(): the repr of a NumPy number names its type.
    return " ".join(repr(float(value)) for value in values)


def _islands(elements: tuple[Element, ...]) -> list[str]:
    """One node of each part that has no path to ground but through current sources."""
    parent: dict[str, str] = {GROUND: GROUND}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent[parent[node]]
        return node

    for element in elements:
        plus, minus = (root(node) for node in element.nodes)
        if not isinstance(element, CurrentSource):
            parent[max(plus, minus)] = min(plus, minus)
    return sorted({root(node) for node in parent} - {root(GROUND)})
