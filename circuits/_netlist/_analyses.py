"""From ``.ic`` and ``.tran`` cards to initial node voltages and the analysis."""

from collections.abc import Iterable, Mapping, Sequence

from lark import Token

from .._elements import node_name
from .._errors import Location
from ._expression import value_of
from ._lines import Card, Fault, faults_of
from ._syntax import Node, named, offset_of, parse_card
from ._tran import Tran
from ._words import quote

Voltages = dict[str, tuple[float, Location | None]]


def initial_voltages(cards: Iterable[Card], names: Mapping[str, float]) -> Voltages:
    """Each node's voltage (V) and its place. Raises `NetlistError` for a node given twice."""
    voltages: Voltages = {}
    for card in cards:
        for part in parse_card("initial", card)[1:]:
            with faults_of(card):
                _add(part, card, names, voltages)
    return voltages


def tran(cards: Sequence[Card], names: Mapping[str, float]) -> Tran | None:
    """The analysis, None where there is no card. Raises `NetlistError` for a second card."""
    if not cards:
        return None
    card, *more = cards
    if more:
        first = card.locate(0).line
        raise more[0].error(f"there is already a .tran on line {first}; keep one of them")
    # The grammar has it that `uic` may stand at the end; physsim always starts so.
    times = [node for node in parse_card("tran", card)[1:] if not _is(node, "UIC")]
    with faults_of(card):
        return Tran(*(value_of(node, names, "s") for node in times), location=card.locate(0))


def _add(part: Node, card: Card, names: Mapping[str, float], voltages: Voltages) -> None:
    token, value = named(part)
    node, offset = node_name(str(token)), offset_of(token)
    if node in voltages:
        _, place = voltages[node]
        where = f" on line {place.line}" if place else ""
        raise Fault(f"the voltage of {quote(node)} is already given{where}; keep one", offset)
    voltages[node] = value_of(value, names, "V"), card.locate(offset)


def _is(node: Node, kind: str) -> bool:
    return isinstance(node, Token) and node.type == kind
