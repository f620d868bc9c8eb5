"""The ``name=value`` parts of a card."""

from collections.abc import Mapping, Sequence

from lark import Token

from ._lines import Fault
from ._syntax import Node, named, offset_of
from ._words import quote, suggest

# By name: the token of the name, for errors, and the value.
Settings = Mapping[str, tuple[Token, Node]]


def settings(parts: Sequence[Node]) -> dict[str, tuple[Token, Node]]:
    """The ``name=value`` parts by name. Raises `Fault` for one given twice."""
    given: dict[str, tuple[Token, Node]] = {}
    for part in parts:
        key, value = named(part)
        if key in given:
            raise Fault(f"{quote(key)} is given twice", offset_of(key))
        given[str(key)] = key, value
    return given


def refuse_others(given: Settings, known: Sequence[str], what: str) -> None:
    """Raise `Fault` at the first setting that is none of `known`: "`what`, not 'x'"."""
    for key, (token, _) in given.items():
        if key not in known:
            raise Fault(f"{what}, not {quote(key)}{suggest(key, known)}", offset_of(token))
