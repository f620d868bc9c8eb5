"""``.temp`` and ``.options``: a temperature, and settings that have no meaning here."""

import warnings
from collections.abc import Iterable, Mapping
from decimal import Decimal

from lark import Token, Tree

from .._errors import Location, NetlistError, NetlistWarning
from ._expression import value_of
from ._kinds import Line
from ._lines import Card, Fault, faults_of
from ._syntax import Node, named, offset_of
from ._words import place_of, quote, suggest

ZERO_CELSIUS = Decimal("273.15")
_TEMPERATURE = "temp"
# SPICE's own, about methods and printing that are not used here.
_WITHOUT_MEANING = frozenset([
    "abstol", "acct", "altinit", "autostop", "badmos3", "chgtol", "cminsteps", "convstep",
    "convlimit", "defad", "defas", "defl", "defw", "gmin", "gminsteps", "gshunt", "interp", "itl1",
    "itl2", "itl3", "itl4", "itl5", "itl6", "keepopinfo", "klu", "list", "lvltim", "maxord",
    "maxwarns", "method", "minbreak", "mindvdt", "ngbehavior", "noacct", "noinit", "node", "nomod",
    "noopac", "noopiter", "nopage", "numdgt", "opts", "oldlimit", "pivrel", "pivtol", "plotwinsize",
    "post", "ramptime", "reltol", "rseed", "rshunt", "savecurrents", "scale", "seed", "seedinfo",
    "sparse", "srcsteps", "tnom", "trtol", "trytocompact", "vntol", "warn", "width", "xmu",
])  # fmt: skip


def temperature(
    temps: Iterable[Line], options: Iterable[Line], names: Mapping[str, float]
) -> float | None:
    """The temperature in K from ``.temp`` and ``.options temp=``, None where neither gives it.

    Warns (`NetlistWarning`) of every other option. Raises `NetlistError` for a second
    temperature, or one below absolute zero.
    """
    found: list[tuple[float, Location]] = []
    for line in temps:
        (value,) = line.parts()
        _add(line.card, value, value, names, found)
    for line in options:
        for part in line.parts():
            assert isinstance(part, Tree)
            if part.data == "setting" and named(part)[0] == _TEMPERATURE:
                _add(line.card, *named(part), names, found)
            else:
                _warn(line.card, part)
    return found[0][0] if found else None


def _add(
    card: Card,
    place: Node,
    value: Node,
    names: Mapping[str, float],
    found: list[tuple[float, Location]],
) -> None:
    with faults_of(card):
        if found:
            where = place_of(found[0][1], card.file)
            raise Fault(f"the temperature is already given {where}; keep one", offset_of(place))
        # As decimals, so that -268.95 degrees are 4.2 K to the last digit.
        kelvin = float(Decimal(repr(value_of(value, names, ""))) + ZERO_CELSIUS)
        if kelvin < 0:
            raise Fault("this is below absolute zero, -273.15 degrees", offset_of(value))
    found.append((kelvin, card.locate(offset_of(place))))


def _warn(card: Card, part: Tree) -> None:
    token = part.children[0]
    assert isinstance(token, Token)
    if token == _TEMPERATURE:
        raise card.error("expected temp=celsius", offset_of(token))
    if token in _WITHOUT_MEANING:
        words = f"the option {quote(token)} of SPICE has no meaning here and is left out"
    else:
        hint = suggest(token, [_TEMPERATURE, *sorted(_WITHOUT_MEANING)])
        words = f"there is no option {quote(token)}: it is left out{hint}"
    warnings.warn(str(NetlistError(words, card.locate(offset_of(token)))), NetlistWarning, 2)
