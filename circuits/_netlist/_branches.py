"""From the parts of a B card to a Josephson junction or a nonlinear inductor."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import cast

import sympy
from lark import Token

from .._elements import FLUX, Junction, NonlinearInductor
from ._cards import Names, ends
from ._expression import Quantity, evaluate, new_name, value_of
from ._lines import Card, Fault
from ._syntax import Node, named, offset_of
from ._words import quote

# By name: the token of the name, for errors, and the value.
_Settings = Mapping[str, tuple[Token, Node]]


def branch(card: Card, parts: Sequence[Node], names: Names) -> Junction | NonlinearInductor:
    """A junction (``icrit=``) or a nonlinear inductor (``energy=``). Raises `Fault`."""
    name, nodes, rest = ends(card, parts)
    given = settings(rest)
    if "icrit" in given and "energy" in given:
        raise Fault("icrit= and energy= exclude each other", offset_of(given["energy"][0]))
    if "icrit" in given:
        critical, phase = _junction(given, names)
        return Junction(name, nodes, critical, phase, card.locate(0))
    if "energy" in given:
        energy, parameters, ic = _nonlinear(given, names)
        return NonlinearInductor(name, nodes, energy, parameters, ic, card.locate(0))
    raise Fault(
        f"{quote(name)} needs icrit=amps (a Josephson junction) or energy={{U(flux)}} (a nonlinear "
        "inductor)",
        0,
    )


def settings(parts: Sequence[Node]) -> dict[str, tuple[Token, Node]]:
    """The ``name=value`` parts by name. Raises `Fault` for one given twice."""
    given: dict[str, tuple[Token, Node]] = {}
    for part in parts:
        key, value = named(part)
        if key in given:
            raise Fault(f"{quote(key)} is given twice", offset_of(key))
        given[str(key)] = key, value
    return given


def _junction(given: _Settings, names: Names) -> tuple[float, float]:
    for key, (token, _) in given.items():
        if key not in ("icrit", "phase"):
            raise Fault(
                f"a junction takes icrit=amps and phase=radians, not {quote(key)}",
                offset_of(token),
            )
    phase = value_of(given["phase"][1], names, "rad") if "phase" in given else 0.0
    return value_of(given["icrit"][1], names, "A"), phase


def _nonlinear(
    given: _Settings, names: Names
) -> tuple[sympy.Expr, tuple[tuple[str, float], ...], float | None]:
    _, energy = given["energy"]
    if isinstance(energy, Token) and energy.type == "VALUE":
        raise Fault("an energy is an expression of flux in braces: {flux**2/2u}", offset_of(energy))
    own = {key: part for key, part in given.items() if key not in ("energy", "ic")}
    if "phase" in own:
        raise Fault("phase= is a junction's; the initial flux is ic=", offset_of(own["phase"][0]))
    parameters = {new_name(key): value_of(value, names, None) for key, value in own.values()}
    own_names = {name: sympy.Symbol(name, real=True) for name in parameters}
    known = ChainMap[str, Quantity]({FLUX.name: FLUX, **own_names}, cast(dict, names))
    value = evaluate(energy, known)
    ic = value_of(given["ic"][1], names, "Wb") if "ic" in given else None
    expression = value if isinstance(value, sympy.Expr) else sympy.Float(value)
    return expression, tuple(parameters.items()), ic
