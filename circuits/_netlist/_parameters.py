"""The values of ``.param`` definitions, in whatever order they stand."""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from lark import Token

from .._errors import NetlistError
from ._expression import new_name, value_of, variables
from ._lines import Card, faults_of
from ._syntax import Node, named, offset_of, parse_card
from ._words import quote

_Definitions = dict[str, tuple[Card, Token, Node]]


def parameters(cards: Iterable[Card]) -> dict[str, float]:
    """The value of each name that the ``.param`` `cards` define.

    Raises `NetlistError` for a name defined twice or reserved, a value that is not a
    finite number, an undefined name, and names defined by one another in a cycle.
    """
    definitions: _Definitions = {}
    for card in cards:
        _define(card, definitions)
    values: dict[str, float] = {}
    for name in _order(definitions):
        card, _, value = definitions[name]
        with faults_of(card):
            values[name] = value_of(value, values, None)
    return {name: values[name] for name in definitions}


def _define(card: Card, definitions: _Definitions) -> None:
    for part in parse_card("param", card)[1:]:
        name, value = named(part)
        if name in definitions:
            line = definitions[name][0].locate(0).line
            raise card.error(f"{quote(name)} is already defined on line {line}", offset_of(name))
        with faults_of(card):
            definitions[new_name(name)] = card, name, value


def _order(definitions: _Definitions) -> Iterable[str]:
    uses = {
        name: [used for used in variables(value) if used in definitions]
        for name, (_, _, value) in definitions.items()
    }
    try:
        return tuple(TopologicalSorter(uses).static_order())
    except CycleError as error:
        raise _cycle(error.args[1][::-1], definitions) from None


def _cycle(names: list[str], definitions: _Definitions) -> NetlistError:
    card, token, _ = definitions[names[0]]
    shown = names if len(names) <= 8 else [*names[:4], "...", *names[-3:]]
    return card.error(
        f"these parameters are defined by one another: {' -> '.join(shown)}; give one of them a "
        "number",
        offset_of(token),
    )
