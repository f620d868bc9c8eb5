"""From ``energy=`` and ``i=`` of a B card to elements with laws of their own."""

from collections import ChainMap
from collections.abc import Mapping
from typing import cast

import sympy
from lark import Token

from .._elements import (
    CHARGE,
    FLUX,
    VOLTAGE,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
)
from .._errors import Location
from ._expression import Quantity, decimal, evaluate, new_name, value_of, variables
from ._lines import Fault
from ._settings import Settings
from ._syntax import Node, offset_of

NonlinearElement = NonlinearInductor | NonlinearCapacitor | NonlinearResistor
LAWS = ("energy", "i")
_NOT_PARAMETERS = (*LAWS, "ic")


def law(
    name: str,
    nodes: tuple[str, str],
    given: Settings,
    names: Mapping[str, float],
    location: Location,
) -> NonlinearElement:
    """A nonlinear inductor, capacitor or resistor, by the variable of its law. Raises `Fault`."""
    key = next(key for key in LAWS if key in given)
    node = given[key][1]
    if isinstance(node, Token) and node.type == "VALUE":
        wanted = "an energy is an expression of flux or charge in braces: {flux**2/2u}"
        if key == "i":
            wanted = "a current is an expression of v in braces: {v**3/1k}"
        raise Fault(wanted, offset_of(node))
    _refuse_strangers(given, key)
    own = [part for key, part in given.items() if key not in _NOT_PARAMETERS]
    parameters = {new_name(token): value_of(value, names, None) for token, value in own}
    variable = VOLTAGE if key == "i" else _variable(node)
    expression = _expression(node, variable, parameters, names)
    values = tuple(parameters.items())
    if key == "i":
        return NonlinearResistor(name, nodes, expression, values, location)
    make, unit = (NonlinearCapacitor, "C") if variable is CHARGE else (NonlinearInductor, "Wb")
    ic = value_of(given["ic"][1], names, unit) if "ic" in given else None
    return make(name, nodes, expression, values, ic, location)


def _refuse_strangers(given: Settings, key: str) -> None:
    if "ic" in given and key == "i":
        raise Fault(
            "a resistor has no state that could start somewhere: remove ic=",
            offset_of(given["ic"][0]),
        )
    if "phase" in given:
        words = (
            "phase= is a junction's; the initial flux is ic="
            if key == "energy"
            else ("phase= is a junction's; a resistor has no state")
        )
        raise Fault(words, offset_of(given["phase"][0]))
    if "area" in given:
        raise Fault("area= scales a junction's model; there is none", offset_of(given["area"][0]))


def _variable(energy: Node) -> sympy.Symbol:
    used = set(variables(energy))
    if {FLUX.name, CHARGE.name} <= used:
        raise Fault(
            "an energy is of flux (a nonlinear inductor) or of charge (a nonlinear capacitor), not "
            "of both: make two elements of it",
            offset_of(energy),
        )
    return CHARGE if CHARGE.name in used else FLUX


def _expression(
    node: Node,
    variable: sympy.Symbol,
    parameters: Mapping[str, float],
    names: Mapping[str, float],
) -> sympy.Expr:
    own = {name: sympy.Symbol(name, real=True) for name in parameters}
    known = ChainMap[str, Quantity]({variable.name: variable, **own}, cast(dict, names))
    value = evaluate(node, known)
    return decimal(value) if isinstance(value, sympy.Expr) else sympy.Float(value)
