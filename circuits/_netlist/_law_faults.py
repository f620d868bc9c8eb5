"""What energies and currents of nonlinear elements may be."""

import sys
from typing import NamedTuple

import sympy

from .._elements import (
    CHARGE,
    FLUX,
    VOLTAGE,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
)
from ._ranges import finite_fault

_NOT_FINITE = (sympy.I, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)


class Law(NamedTuple):
    """An expression in its variable and the element's parameters."""

    word: str
    expression: sympy.Expr
    variable: sympy.Symbol
    parameters: tuple[tuple[str, float], ...]
    linear: str
    """How a linear element is written."""


def law_fault(element: NonlinearInductor | NonlinearCapacitor | NonlinearResistor) -> str | None:
    """What is wrong with the law of an element."""
    law = _law(element)
    faults = (_symbols_fault(law), _expression_fault(law))
    values = (value for _, value in law.parameters)
    return next(filter(None, faults), None) or finite_fault("a parameter", *values)


def _law(element: NonlinearInductor | NonlinearCapacitor | NonlinearResistor) -> Law:
    own = element.parameters
    match element:
        case NonlinearInductor():
            words = "energy={flux**2/(2*1n)} for 1 nH"
            return Law("energy", element.energy, FLUX, own, words)
        case NonlinearCapacitor():
            words = "energy={charge**2/(2*1p)} for 1 pF"
            return Law("energy", element.energy, CHARGE, own, words)
        case NonlinearResistor():
            return Law("current", element.current, VOLTAGE, own, "i={v/1k} for 1 kOhm")


def _symbols_fault(law: Law) -> str | None:
    own = {sympy.Symbol(name, real=True): name for name, _ in law.parameters}
    used = law.expression.free_symbols
    if unknown := sorted(str(s) for s in used - own.keys() - {law.variable}):
        return (
            f"the {law.word} contains {unknown[0]}, which is neither "
            f"Symbol('{law.variable}', real=True) nor a parameter of the element as a real symbol"
        )
    if idle := [name for symbol, name in own.items() if symbol not in used]:
        return f"the {law.word} does not contain the parameter {idle[0]}; remove it"
    if law.variable not in used:
        other = " or charge" if law.variable == FLUX else ""
        return f"the {law.word} does not depend on {law.variable}{other}; write {law.linear}"
    return None


def _expression_fault(law: Law) -> str | None:
    expression = law.expression
    if expression.has(*_NOT_FINITE) or expression.is_extended_real is False:
        return f"the {law.word} is not a finite real number"
    if any(abs(n) > sys.float_info.max for n in expression.atoms(sympy.Number)):
        return f"a number in the {law.word} is too large"
    # A jump of the energy would be an infinite current or voltage.
    jumps = law.word == "energy" and expression.has(sympy.sign, sympy.Heaviside)
    if jumps and expression.diff(law.variable).has(sympy.DiracDelta):
        return "the energy jumps: sign(x) has to be multiplied by what is 0 there, as in abs(x)"
    return None
