"""SymPy expressions in the words of the netlist language."""

import sympy

from ._expression import FUNCTIONS, OF_TWO

_WORDS = {symbolic: word for word, (_, symbolic) in FUNCTIONS.items()}


def expression_text(expr: sympy.Basic) -> str:
    """The expression, without its braces; raises ValueError where the language has no word."""
    if isinstance(expr, sympy.Symbol):
        return expr.name
    if isinstance(expr, sympy.Number | sympy.NumberSymbol):
        return _number(float(expr))
    if expr.func in (sympy.Add, sympy.Mul):
        sign = "+" if expr.is_Add else "*"
        return f"({sign.join(map(expression_text, expr.args))})"
    if isinstance(expr, sympy.Pow):
        return _power(expr)
    if expr.func not in _WORDS:
        raise ValueError(f"the netlist language has no word for {expr.func}")
    word = _WORDS[expr.func]
    first, *rest = map(expression_text, expr.args)
    if word not in OF_TWO:
        return f"{word}({', '.join([first, *rest])})"
    for part in rest:
        first = f"{word}({first}, {part})"
    return first


def _power(power: sympy.Pow) -> str:
    base, exponent = expression_text(power.base), power.exp
    # SymPy's root is a power of 1/2, a fraction that no decimal number equals to it.
    if isinstance(exponent, sympy.Rational) and exponent.q == 2:
        root = f"sqrt({base})"
        return root if exponent.p == 1 else f"({root}**{_whole(exponent.p)})"
    if isinstance(exponent, sympy.Integer):
        return f"({base}**{_whole(int(exponent))})"
    return f"({base}**{expression_text(exponent)})"


def _whole(value: int) -> str:
    return str(value) if value >= 0 else f"({value})"


def _number(value: float) -> str:
    return f"({value!r})" if value < 0 else repr(value)
