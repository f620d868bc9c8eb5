"""The values of ``.param`` definitions, in whatever order they stand."""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import cast

from lark import Token

from .._errors import NetlistError
from ._expression import new_name, value_of, variables
from ._lines import Card, faults_of
from ._syntax import Node, named, offset_of
from ._words import chain, place_of, quote

_Definitions = dict[str, tuple[Card, Token, Node]]


def parameters(
    cards: Iterable[tuple[Card, Sequence[Node]]],
    outer: Mapping[str, float],
    given: Mapping[str, float],
    note: str = "",
) -> dict[str, float]:
    """The value of each name that the settings of the `cards` define.

    `outer` holds the values of names from around, `given` values that replace definitions;
    `note` is added to errors. Raises `NetlistError` for a name defined twice or reserved, a
    value that is not a finite number, an undefined name, and names defined by one another in
    a cycle.
    """
    definitions: _Definitions = {}
    for card, parts in cards:
        _define(card, parts, definitions)
    values = dict(given)
    known = ChainMap(values, cast(dict, outer))
    for name in _order({k: d for k, d in definitions.items() if k not in given}):
        card, _, value = definitions[name]
        with faults_of(card, note):
            values[name] = value_of(value, known, None)
    return {name: values[name] for name in definitions}


def _define(card: Card, parts: Sequence[Node], definitions: _Definitions) -> None:
    for part in parts:
        name, value = named(part)
        if name in definitions:
            place = place_of(definitions[name][0].locate(0), card.file)
            raise card.error(f"{quote(name)} is already defined {place}", offset_of(name))
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
    return card.error(
        f"these parameters are defined by one another: {chain(names)}; give one of them a number",
        offset_of(token),
    )
