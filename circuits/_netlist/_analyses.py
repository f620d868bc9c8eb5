"""From ``.ic``, ``.tran``, ``.ac`` and ``.op`` cards to initial voltages and analyses."""

from collections.abc import Iterable, Mapping, Sequence

from lark import Token

from .._errors import Location
from ._expression import value_of
from ._kinds import Line
from ._lines import Card, Fault, faults_of
from ._milli import warn_of_milli
from ._scope import Scope
from ._syntax import Node, named, offset_of
from ._tran import Ac, Tran
from ._words import place_of, quote

Voltages = dict[str, tuple[float, Location | None]]


def initial_voltages(lines: Iterable[tuple[Line, Scope]]) -> Voltages:
    """Each node's voltage (V) and its place. Raises `NetlistError` for a node given twice."""
    voltages: Voltages = {}
    for line, scope in lines:
        for part in line.parts():
            with faults_of(line.card, scope.note):
                _add(part, line.card, scope, voltages)
    return voltages


def only(lines: Sequence[Line]) -> Line | None:
    """The one card of its sort, None where there is none. Raises `NetlistError` for a second."""
    if len(lines) > 1:
        first, second = (line.card for line in lines[:2])
        place = place_of(first.locate(0), second.file)
        raise second.error(f"there is already a {lines[0].kind} {place}; keep one of them")
    return lines[0] if lines else None


def tran(line: Line | None, names: Mapping[str, float]) -> Tran | None:
    """The transient analysis. Raises `NetlistError` for what are no times."""
    if line is None:
        return None
    # The grammar has it that `uic` may stand at the end; physsim always starts so.
    times = [node for node in line.parts() if not _is(node, "UIC")]
    with faults_of(line.card):
        values = (value_of(node, names, "s") for node in times)
        return Tran(*values, location=line.card.locate(0))


def ac(line: Line | None, names: Mapping[str, float]) -> Ac | None:
    """The AC analysis. Raises `NetlistError` for what are no frequencies or number of points."""
    if line is None:
        return None
    spacing, points, start, stop = line.parts()
    with faults_of(line.card):
        count = value_of(points, names, "")
        if not count.is_integer():
            raise Fault(f"the number of points has to be whole, not {count:g}", offset_of(points))
        for node in (start, stop):
            warn_of_milli(node, line.card, "hertz")
        ends = (value_of(node, names, "Hz") for node in (start, stop))
        return Ac(str(spacing), int(count), *ends, location=line.card.locate(0))


def op(line: Line | None) -> bool:
    """Whether an operating point is asked for. Raises `NetlistError` for text after ``.op``."""
    return line is not None and line.parts() == []


def _add(part: Node, card: Card, scope: Scope, voltages: Voltages) -> None:
    token, value = named(part)
    node, offset = scope.node(str(token)), offset_of(token)
    if node in voltages:
        _, place = voltages[node]
        where = f" {place_of(place, card.file)}" if place else ""
        raise Fault(f"the voltage of {quote(node)} is already given{where}; keep one", offset)
    voltages[node] = value_of(value, scope.values, "V"), card.locate(offset)


def _is(node: Node, kind: str) -> bool:
    return isinstance(node, Token) and node.type == kind
