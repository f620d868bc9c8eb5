"""``.tolerance`` cards: how values spread."""

import functools
import re
from collections.abc import Iterable, Mapping

from lark import Token

from ._expression import value_of
from ._kinds import Line
from ._lines import Card, Fault, faults_of
from ._numbers import number
from ._settings import settings
from ._syntax import Node, offset_of
from ._tran import Tolerance
from ._words import quote, suggest

DISTRIBUTIONS = ("gauss", "uniform")


def tolerances(lines: Iterable[Line], names: Mapping[str, float]) -> tuple[Tolerance, ...]:
    """The tolerances in their order. Raises `NetlistError` for an unknown distribution."""
    found: list[Tolerance] = []
    for line in lines:
        with faults_of(line.card):
            found += _read(line, names)
    return tuple(found)


@functools.lru_cache(maxsize=64)
def matcher(pattern: str) -> re.Pattern[str]:
    """What matches the names (in lower case) that a pattern with `*` and `?` stands for."""
    words = {"*": ".*", "?": "."}
    return re.compile("".join(words.get(c) or re.escape(c) for c in pattern), re.DOTALL)


def _read(line: Line, names: Mapping[str, float]) -> list[Tolerance]:
    given = settings(line.parts())
    dist = "gauss"
    if "dist" in given:
        _, value = given.pop("dist")
        dist = str(value)
        if dist not in DISTRIBUTIONS:
            hint = suggest(dist, DISTRIBUTIONS)
            raise Fault(f"a distribution is gauss or uniform, not {quote(dist)}{hint}",
                        offset_of(value))  # fmt: skip
    if not given:
        raise Fault("expected pattern=5%, for example C*=5%", 0)
    return [
        Tolerance(pattern, _part(value, names), dist, _locate(line.card, token))
        for pattern, (token, value) in given.items()
    ]


def _locate(card: Card, token: Token):
    return card.locate(offset_of(token))


def _part(value: Node, names: Mapping[str, float]) -> float:
    if isinstance(value, Token) and value.type == "VALUE" and value[-1] == "%":
        return number(value[:-1], offset_of(value), "") / 100
    return value_of(value, names, "")
