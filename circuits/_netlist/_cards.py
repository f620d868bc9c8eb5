"""From the parts of the cards C, L, R, I, V, P and K to what they describe.

Each reader takes the card, its parts as the grammar gives them, and the values of the
parameters in scope; it raises `Fault` at the part to blame.
"""

from collections.abc import Mapping, Sequence

from lark import Token, Tree

from .._elements import (
    Capacitor,
    Coupling,
    CurrentSource,
    Gyrator,
    Inductor,
    Resistor,
    Transformer,
    VoltageSource,
)
from ._expression import value_of
from ._lines import Card, Fault
from ._milli import warn_of_milli
from ._settings import refuse_others, settings
from ._sources import sine_frequencies, source
from ._syntax import Node, offset_of, written
from ._words import quote

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


def resistor(card: Card, parts: Sequence[Node], names: Names) -> Resistor:
    """``Rname n+ n- value``. Warns (`NetlistWarning`) of ``50M``, which often means megohms."""
    name, nodes, rest = ends(card, parts)
    value, *ic = rest
    if ic:
        raise Fault(
            "a resistor has no state that could start somewhere: remove ic=", offset_of(ic[0])
        )
    warn_of_milli(value, card, "ohm")
    return Resistor(name, nodes, value_of(value, names, "Ohm"), card.locate(0))


def current_source(card: Card, parts: Sequence[Node], names: Names) -> CurrentSource:
    """``Iname n+ n- waveform [AC magnitude [phase]]``."""
    name, nodes, rest = ends(card, parts)
    _warn_of_frequency(rest, card)
    waveform, ac = source(rest, names, "A")
    return CurrentSource(name, nodes, waveform, ac, card.locate(0))


def voltage_source(card: Card, parts: Sequence[Node], names: Names) -> VoltageSource:
    """``Vname n+ n- waveform [AC magnitude [phase]]``."""
    name, nodes, rest = ends(card, parts)
    _warn_of_frequency(rest, card)
    waveform, ac = source(rest, names, "V")
    return VoltageSource(name, nodes, waveform, ac, card.locate(0))


def two_port(card: Card, parts: Sequence[Node], names: Names) -> Gyrator | Transformer:
    """``Pname a+ a- b+ b- gyrator=siemens | ratio=n``."""
    token, a, b, c, d, *rest = parts
    assert isinstance(token, Token)
    name, nodes = element_name(token, card), (str(a), str(b), str(c), str(d))
    given = settings(rest)
    refuse_others(given, ("gyrator", "ratio"), "a two-port takes gyrator=siemens or ratio=n")
    if len(given) > 1:
        raise Fault("gyrator= and ratio= exclude each other", offset_of(given["ratio"][0]))
    if "gyrator" in given:
        return Gyrator(name, nodes, value_of(given["gyrator"][1], names, "S"), card.locate(0))
    return Transformer(name, nodes, value_of(given["ratio"][1], names, ""), card.locate(0))


def coupling(card: Card, parts: Sequence[Node], names: Names) -> Coupling:
    """``Kname L1 L2 [L3 ...] coefficient``."""
    token, *coils, value = parts
    assert isinstance(token, Token)
    coefficient = value_of(value, names, "")
    if len(coils) < 2:
        raise Fault("a coupling is between two inductors at least: K1 L1 L2 0.9", offset_of(value))
    inductors = tuple(written(coil, card) for coil in coils if isinstance(coil, Token))
    return Coupling(element_name(token, card), inductors, coefficient, card.locate(0))


def ends(card: Card, parts: Sequence[Node]) -> tuple[str, tuple[str, str], Sequence[Node]]:
    """The name as written, the nodes, and the other parts of an element's card."""
    name, plus, minus, *rest = parts
    assert isinstance(name, Token)
    return element_name(name, card), (str(plus), str(minus)), rest


def element_name(token: Token, card: Card) -> str:
    """The name as written; after a letter and a colon, as in ``C:B1.cap``, only what follows."""
    name = written(token, card)
    if name[1:2] != ":":
        return name
    if len(name) == 2:
        raise Fault(f"a name has to follow the colon of {quote(name)}", offset_of(token))
    return name[2:]


def _warn_of_frequency(parts: Sequence[Node], card: Card) -> None:
    for node in sine_frequencies(parts):
        warn_of_milli(node, card, "hertz")


def _value_and_ic(
    rest: Sequence[Node], names: Names, unit: str, ic_unit: str
) -> tuple[float, float | None]:
    value, *ic = rest
    first = value_of(value, names, unit)
    if not ic:
        return first, None
    assert isinstance(ic[0], Tree)
    return first, value_of(ic[0].children[0], names, ic_unit)
