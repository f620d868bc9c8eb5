"""From the parts of the cards C, L and I to their elements.

Each reader takes the card, its parts as the grammar gives them, and the values of the
netlist's parameters; it raises `Fault` at the part to blame.
"""

from collections.abc import Mapping, Sequence

from lark import Token, Tree

from .._elements import Capacitor, CurrentSource, Inductor
from ._expression import value_of
from ._lines import Card, Fault
from ._sources import waveform
from ._syntax import Node, offset_of, written

Names = Mapping[str, float]


def capacitor(card: Card, parts: Sequence[Node], names: Names) -> Capacitor:
    """``Cname n+ n- value [ic=volts]``."""
    name, nodes, rest = ends(card, parts)
    value, ic = _value_and_ic(rest, names, "F", "V")
    return Capacitor(name, nodes, value, ic, card.locate(0))


def inductor(card: Card, parts: Sequence[Node], names: Names) -> Inductor:
    """``Lname n+ n- value [ic=amps]``."""
    name, nodes, rest = ends(card, parts)
    value, ic = _value_and_ic(rest, names, "H", "A")
    return Inductor(name, nodes, value, ic, card.locate(0))


def current_source(card: Card, parts: Sequence[Node], names: Names) -> CurrentSource:
    """``Iname n+ n- waveform``, one waveform."""
    name, nodes, waveforms = ends(card, parts)
    if len(waveforms) > 1:
        raise Fault(
            "a source has one waveform, and here is a second: only one applies in a transient "
            "analysis, put a constant into the waveform's own offset",
            offset_of(waveforms[1]),
        )
    return CurrentSource(name, nodes, waveform(waveforms[0], names), card.locate(0))


def ends(card: Card, parts: Sequence[Node]) -> tuple[str, tuple[str, str], Sequence[Node]]:
    """The name as written, the nodes, and the other parts of an element's card."""
    name, plus, minus, *rest = parts
    assert isinstance(name, Token)
    return written(name, card), (str(plus), str(minus)), rest


def _value_and_ic(
    rest: Sequence[Node], names: Names, unit: str, ic_unit: str
) -> tuple[float, float | None]:
    value, *ic = rest
    first = value_of(value, names, unit)
    if not ic:
        return first, None
    assert isinstance(ic[0], Tree)
    return first, value_of(ic[0].children[0], names, ic_unit)
