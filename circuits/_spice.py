"""Netlists for ngspice."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ._disjoint_sets import joined
from ._elements import GROUND, CurrentSource, Element, Junction
from ._initial import capacitor_voltages
from ._netlist import Netlist, Tran
from ._spice_cards import Writer, digits
from ._spice_names import SpiceNames

# The truncation error never shortens a step, so that all are max_step once ngspice has started.
_OPTIONS = "method=trap reltol=1e-9 chgtol=1e-30 trtol=1e9 numdgt=15"
# Newton's iteration stops at these; rounding has to stay below, or ngspice shortens steps.
# Junctions live at microvolts, where ngspice's own 1e-6 would spoil them.
_TOLERANCES = "vntol=1e-13 abstol=1e-18"
_JUNCTION_TOLERANCES = "vntol=1e-15 abstol=1e-21"


class Deck(NamedTuple):
    """A deck, the names of nodes and elements in it, and the nodes that hold the phase (rad),
    flux or charge (in units of the step) of each nonlinear element.
    """

    text: str
    names: SpiceNames
    inner: Mapping[str, str]


def to_spice(
    netlist: Netlist, *, max_step: float, stop: float | None = None, step: float | None = None
) -> str:
    """The netlist as a deck for ngspice 39, with the same waveforms.

    Nodes and elements keep their names where ngspice can read them; `SpiceNames` tells the
    others, and what ngspice calls a quantity.

    Times in s: the trapezoidal rule takes steps of `max_step` (shorter ones to start, after
    corners of PULSE, PWL and EXP, and where Newton's iteration fails) until `stop`; `step` is
    the reporting step. They default to the netlist's `.tran` and to `max_step`.

    A junction or nonlinear inductor becomes a behavioural current source of its name and a
    node that integrates its voltage: `phase_<name>` in radians, or `flux_<name>` in units of
    `max_step` volt seconds. A nonlinear capacitor becomes a behavioural voltage source, in
    series with one of 0 V that carries its current, and a node `charge_<name>` that integrates
    it, in units of `max_step` coulombs. Couplings are written pair by pair. The start is
    ngspice's `uic`, with an `ic` on every capacitor and inductor, those that follow from the
    others included. The deck runs the transient analysis only.

    A part without a path to ground (current sources aside) has one node tied to ground by
    1 Ohm, in which no current can flow: ngspice needs a reference. Nothing else is added.

    Raises ValueError where no stop time is known, or for an energy ngspice cannot express.
    """
    return write_deck(netlist, max_step, stop, step).text


def write_deck(
    netlist: Netlist,
    max_step: float,
    stop: float | None = None,
    step: float | None = None,
    sampled: Collection[str] = (),
) -> Deck:
    """`to_spice` with the names it chose.

    The sources named in `sampled` have PWL waveforms at whose corners ngspice does not stop:
    it would start anew at each, with a short and lossy step of implicit Euler.
    """
    analysis = _analysis(netlist.tran, max_step, stop, step)
    names = SpiceNames(netlist, sampled)
    writer = Writer(names, capacitor_voltages(netlist), max_step)
    lines = [f"* {''.join(c if c.isprintable() else ' ' for c in netlist.title)}"]
    for element in netlist.elements:
        lines += writer.element(element)
    for coupling in netlist.couplings:
        lines += writer.coupling(coupling)
    for node in _islands(netlist.elements):
        lines.append(f"{names.new('Rtie')} {names.node(node)} {GROUND} 1")
    quiet = any(isinstance(element, Junction) for element in netlist.elements)
    lines.append(f".options {_OPTIONS} {_JUNCTION_TOLERANCES if quiet else _TOLERANCES}")
    return Deck("\n".join([*lines, analysis, ".end", ""]), names, writer.inner)


def _analysis(tran: Tran | None, max_step: float, stop: float | None, step: float | None) -> str:
    stop = stop if stop is not None else tran and tran.stop
    if stop is None:
        raise ValueError("the netlist has no .tran: give to_spice a stop time in s, stop=...")
    step = step if step is not None else tran.step if tran else max_step
    start = tran.start if tran and tran.start < stop else 0.0
    return f".tran {digits(step, stop, start, max_step)} uic"


def _islands(elements: tuple[Element, ...]) -> list[str]:
    """One node of each part that has no path to ground but through current sources."""
    names = dict.fromkeys([GROUND, *(n for e in elements for n in e.nodes)])
    nodes = {name: k for k, name in enumerate(names)}
    parts = joined(nodes, (e for e in elements if not isinstance(e, CurrentSource)))
    first: dict[int, str] = {}
    for name in sorted(nodes):
        first.setdefault(parts.find(nodes[name]), name)
    del first[parts.find(nodes[GROUND])]
    return sorted(first.values())
