"""Formulas for a browser, as MathML."""

import html
import re
from collections.abc import Iterable
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.printing.mathml import MathMLPresentationPrinter

# A power stands above the subscript, not behind it.
_POWER = re.compile(r"<msup><msub>(<mi>[^<]*</mi>)(<mi>[^<]*</mi>)</msub>(<mn>[^<]*</mn>)</msup>")


def equation(left: sympy.Symbol | str, right: sympy.Expr, *, rate: bool = False) -> str:
    """left = right, or dleft/dt = right; broken between terms where a line is too short."""
    start = f"<mi>{html.escape(left)}</mi>" if isinstance(left, str) else _printed(left)
    if rate:
        start = f"<mfrac><mrow><mi>d</mi>{start}</mrow><mrow><mi>d</mi><mi>t</mi></mrow></mfrac>"
    terms: Any = right.as_ordered_terms()
    return _line([f"{start}<mo>=</mo>", *_signed(map(_tidy, terms))])


def matrix(entries: sympy.Matrix) -> str:
    """A matrix on its own."""
    return _line([_printed(entries)])


def _line(parts: Iterable[str]) -> str:
    return " ".join(f'<math displaystyle="true"><mrow>{part}</mrow></math>' for part in parts)


def _tidy(term: Any) -> Any:
    """Without common factors, and without a minus before brackets."""
    term = sympy.factor_terms(term)
    number, factors = term.as_coeff_mul()
    brackets = [k for k, factor in enumerate(factors) if factor.is_Add]
    if not (number.is_negative and brackets):
        return term
    k = brackets[0]
    return sympy.Mul(-number, *factors[:k], -factors[k], *factors[k + 1 :])


def _signed(terms: Iterable[sympy.Expr]) -> Iterable[str]:
    for k, term in enumerate(terms):
        negative = term.as_coeff_mul()[0].is_negative
        sign = "−" if negative else "+" if k else ""
        mark = f'<mo form="infix">{sign}</mo>' if sign and k else f"<mo>{sign}</mo>" if sign else ""
        yield mark + _printed(-term if negative else term)


def _printed(x: Any) -> str:
    # SymPy writes names as they are, and a netlist's may look like tags.
    text = MathMLPresentationPrinter().doprint(_with_escaped_names(x))
    return _POWER.sub(r"<msubsup>\1\2\3</msubsup>", text.replace("<mo>-</mo>", "<mo>−</mo>"))


def _with_escaped_names(x: Any) -> Any:
    symbols = {
        s: sympy.Symbol(html.escape(s.name), **s.assumptions0) for s in x.atoms(sympy.Symbol)
    }
    x = x.xreplace({s: t for s, t in symbols.items() if s != t})
    for f in x.atoms(AppliedUndef):
        name = html.escape(f.func.__name__)
        if name != f.func.__name__:
            x = x.xreplace({f: sympy.Function(name)(*f.args)})
    return x
