"""SymPy expressions in the words of ngspice's behavioural sources."""

from collections.abc import Mapping

import sympy

# ngspice's `log` and the power of a negative number depend on its compatibility mode: `ln`
# does not, and integer powers are products or powers of absolute values.
_FUNCTIONS = {
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.exp: "exp",
    sympy.log: "ln",
    sympy.Abs: "abs",
    sympy.sign: "sgn",
    sympy.tanh: "tanh",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.atan: "atan",
    sympy.asinh: "asinh",
}
_OF_TWO = {sympy.Min: "min", sympy.Max: "max"}
_LARGEST_PRODUCT = 4


def spice_expression(expr: sympy.Basic, names: Mapping[sympy.Basic, str]) -> str:
    """The expression with each symbol spelled as `names` says; raises ValueError for a function
    that ngspice has no word for.
    """
    if expr in names:
        return names[expr]
    if isinstance(expr, sympy.Expr) and expr.is_number:
        return spice_number(float(expr))
    parts = [spice_expression(part, names) for part in expr.args]
    if expr.is_Add:
        return f"({'+'.join(parts)})"
    if expr.is_Mul:
        return f"({'*'.join(parts)})"
    if isinstance(expr, sympy.Pow):
        return _power(parts[0], expr.exp, parts[1])
    return _call(expr, parts)


def _call(expr: sympy.Basic, parts: list[str]) -> str:
    if expr.func in _FUNCTIONS:
        return f"{_FUNCTIONS[expr.func]}({','.join(parts)})"
    if isinstance(expr, sympy.Heaviside):
        # SymPy's second argument, the value at 0, is what ngspice has there too: a half.
        return f"u({parts[0]})"
    if expr.func in _OF_TWO:
        first, *rest = parts
        for part in rest:
            first = f"{_OF_TWO[expr.func]}({first},{part})"
        return first
    raise ValueError(f"ngspice has no word for {expr.func}")


def spice_number(value: float) -> str:
    """The number with all its digits, between parentheses where it is negative."""
    return f"({float(value)!r})" if value < 0 else repr(float(value))


def _power(base: str, exponent: sympy.Expr, written: str) -> str:
    if not exponent.is_Integer:
        return f"sqrt({base})" if exponent == sympy.Rational(1, 2) else f"pow({base},{written})"
    count = abs(int(exponent))
    if count <= _LARGEST_PRODUCT:
        power = f"({'*'.join([base] * count)})"
    else:
        even = f"pow(abs({base}),{count - count % 2})"
        power = f"({base}*{even})" if count % 2 else even
    return power if exponent > 0 else f"(1/{power})"
