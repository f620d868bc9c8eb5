"""Expressions: the grammar's trees to numbers and SymPy. No text is ever evaluated."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import sympy
from lark import Token, Tree

from .._elements import CHARGE, FLUX, VOLTAGE
from ._lines import Fault
from ._numbers import number
from ._syntax import Node, offset_of
from ._words import quote, suggest

Quantity = float | sympy.Expr

FUNCTIONS: dict[str, tuple[Callable[..., float], Any]] = {
    "sin": (math.sin, sympy.sin),
    "cos": (math.cos, sympy.cos),
    "tan": (math.tan, sympy.tan),
    "exp": (math.exp, sympy.exp),
    "log": (math.log, sympy.log),
    "sqrt": (math.sqrt, sympy.sqrt),
    "abs": (math.fabs, sympy.Abs),
    "tanh": (math.tanh, sympy.tanh),
    "sinh": (math.sinh, sympy.sinh),
    "cosh": (math.cosh, sympy.cosh),
    "atan": (math.atan, sympy.atan),
    "asinh": (math.asinh, sympy.asinh),
    "sign": (lambda x: float((x > 0) - (x < 0)), sympy.sign),
    "min": (min, sympy.Min),
    "max": (max, sympy.Max),
}
OF_TWO = ("min", "max")
_CONSTANTS = {"pi": math.pi}
# What the variables of energies and currents are good for.
_VARIABLES = {
    FLUX.name: "energy={...}",
    CHARGE.name: "energy={...}",
    VOLTAGE.name: "i={...}",
}
RESERVED = frozenset([*FUNCTIONS, *_CONSTANTS, *_VARIABLES])

_DEEPEST = 50
# SymPy keeps powers of numbers to any size: a bound on exponents keeps them small.
_LARGEST_EXPONENT = 1000.0


def variables(node: Node) -> Iterator[str]:
    """The names that an expression uses."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, Tree):
            stack.extend(part.children)
        elif part.type == "VARIABLE":
            yield str(part)


def evaluate(node: Node, names: Mapping[str, Quantity], depth: int = 0) -> Quantity:
    """The value of an expression: SymPy where `names` gives symbols, else a float.

    Raises `Fault`, at the part to blame, for an undefined name or function, a result
    that is not a finite real number, and an expression nested too deeply.
    """
    if isinstance(node, Token):
        return number(node, offset_of(node)) if node.type == "NUMBER" else _look_up(node, names)
    if depth > _DEEPEST:
        raise Fault(f"nested more than {_DEEPEST} deep; split it with .param", offset_of(node))
    marks, values = [], []
    for part in node.children:
        if isinstance(part, Tree) or part.type in ("NUMBER", "VARIABLE"):
            values.append(evaluate(part, names, depth + 1))
        else:
            marks.append(part)
    try:
        return _settle(_COMBINE[node.data](marks, values))
    except ZeroDivisionError:
        raise Fault("this expression divides by zero", offset_of(node)) from None
    except (ArithmeticError, ValueError, TypeError):
        raise Fault("this expression has no finite real value", offset_of(node)) from None


def _look_up(name: Token, names: Mapping[str, Quantity]) -> Quantity:
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in names:
        return names[name]
    hint = suggest(name, [*names, *_CONSTANTS])
    if name in _VARIABLES and not hint:
        hint = f"; {name} has a meaning only in {_VARIABLES[name]}"
    raise Fault(f"undefined name {quote(name)}{hint or '; define it with .param'}", offset_of(name))


def _settle(value: Quantity) -> Quantity:
    """The value as a finite float where no symbol is left in it."""
    if not isinstance(value, sympy.Expr) or value.is_number:
        value = float(value)
        if not math.isfinite(value):
            raise OverflowError
    return value


def _sum(signs: Sequence[str], terms: Sequence[Quantity]) -> Quantity:
    constant, symbolic = 0.0, []
    for sign, term in zip(["+", *signs], terms, strict=True):
        if isinstance(term, float):
            constant += term if sign == "+" else -term
        else:
            symbolic.append(term if sign == "+" else -term)
    return sympy.Add(*symbolic, _symbolic(constant)) if symbolic else constant


def _product(signs: Sequence[str], factors: Sequence[Quantity]) -> Quantity:
    coefficient, symbolic = 1.0, []
    for sign, factor in zip(["*", *signs], factors, strict=True):
        if isinstance(factor, float):
            coefficient = coefficient * factor if sign == "*" else coefficient / factor
        else:
            symbolic.append(factor if sign == "*" else 1 / factor)
    return sympy.Mul(_symbolic(_settle(coefficient)), *symbolic) if symbolic else coefficient


def _sign(signs: Sequence[str], values: Sequence[Quantity]) -> Quantity:
    return values[0] if signs[0] == "+" else -values[0]


def _power(_: Sequence[str], values: Sequence[Quantity]) -> Quantity:
    base, exponent = values
    if isinstance(base, float) and isinstance(exponent, float):
        return math.pow(base, exponent)
    if isinstance(exponent, float):
        if abs(exponent) > _LARGEST_EXPONENT:
            raise OverflowError
        # flux**2 rather than flux**2.0, whose derivative SymPy does not simplify.
        exponent = sympy.Integer(int(exponent)) if exponent.is_integer() else exponent
    return sympy.Pow(_symbolic(base), _symbolic(exponent))


def _call(marks: Sequence[Token], values: Sequence[Quantity]) -> Quantity:
    name = marks[0]
    if name not in FUNCTIONS:
        known = ", ".join(FUNCTIONS)
        raise Fault(f"unknown function {quote(name)}; there are {known}", offset_of(name))
    wanted = 2 if name in OF_TWO else 1
    if len(values) != wanted:
        count = f"{wanted} value{'s' if wanted > 1 else ''}, not {len(values)}"
        raise Fault(f"{name} takes {count}", offset_of(name))
    numeric, symbolic = FUNCTIONS[name]
    if all(isinstance(value, float) for value in values):
        return numeric(*values)
    return symbolic(*map(_symbolic, values))


def _symbolic(value: Quantity) -> sympy.Expr:
    if isinstance(value, sympy.Expr):
        return value
    # 1 and 0 as integers, so that they vanish from products and sums.
    return sympy.Integer(value) if value in (0.0, 1.0, -1.0) else sympy.Float(value)


def decimal(expr: sympy.Basic) -> sympy.Expr:
    """The expression with its numbers as the language writes them: decimal, but for exponents.

    SymPy makes fractions and whole numbers of its own (flux + flux is 2 flux); without them
    the expression is the same however often it is written out and read again.
    """
    if isinstance(expr, sympy.Number):
        return _symbolic(float(expr)) if _in_range(expr) else expr
    if isinstance(expr, sympy.Pow) and isinstance(expr.exp, sympy.Number):
        return sympy.Pow(decimal(expr.base), _exponent(expr.exp))
    if not expr.args:
        return cast(sympy.Expr, expr)
    return cast(sympy.Expr, expr.func(*map(decimal, expr.args)))


def _exponent(exponent: sympy.Number) -> sympy.Expr:
    """Whole and half exponents (of roots) as fractions, others decimal."""
    if not _in_range(exponent):
        return exponent
    value = float(exponent)
    return sympy.Rational(int(2 * value), 2) if (2 * value).is_integer() else sympy.Float(value)


def _in_range(number: sympy.Number) -> bool:
    return bool(number.is_finite) and bool(abs(number) <= sys.float_info.max)


_COMBINE: dict[str, Callable[..., Quantity]] = {
    "sum": _sum,
    "product": _product,
    "sign": _sign,
    "power": _power,
    "apply": _call,
}


def value_of(node: Node, names: Mapping[str, float], unit: str | None) -> float:
    """A value in SI units: a number with an optional `unit`, or an expression of `names`."""
    if isinstance(node, Token) and node.type == "VALUE":
        return number(node, offset_of(node), unit)
    return float(evaluate(node, names))


def new_name(token: Token) -> str:
    """The name that `token` introduces. Raises `Fault` where it is no name, or reserved."""
    if not token.isidentifier():
        raise Fault(
            f"{quote(token)} is not a name of letters, digits and underscores", offset_of(token)
        )
    if token in RESERVED:
        raise Fault(f"{quote(token)} has a meaning of its own; choose another", offset_of(token))
    return str(token)
