"""From a SymPy energy to a Hamiltonian."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import sympy
from jaxtyping import Array, Float
from sympy.printing.codeprinter import PrintMethodNotImplementedError

from ._symbolic import SymbolicHamiltonian, SymbolicSeparableHamiltonian, SymbolRoles


def symbolic(
    energy: sympy.Expr,
    *,
    q: Sequence[sympy.Symbol],
    p: Sequence[sympy.Symbol],
    u: Sequence[sympy.Symbol] = (),
    params: Mapping[sympy.Symbol, Any] | None = None,
    t: sympy.Symbol | None = None,
) -> SymbolicSeparableHamiltonian | SymbolicHamiltonian:
    """Compile a SymPy energy H(q, p, u; params) into a Hamiltonian.

    The result is separable, and fit for explicit splitting methods, when no term of the
    energy mixes p with q, u or the time `t`. `params` maps each parameter symbol to its
    number. A run feeds the time by itself, as the last input.

    >>> q, p, k = sympy.symbols("q p k")
    >>> H = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: 4.0})
    >>> H.parameter_names(), H.is_lossless
    (('k',), True)

    Raises `ValueError` if q and p differ in length, if a symbol has two roles or none, if
    the energy is not real, or if a parameter is not a finite real number.
    """
    _require_expression(energy)
    _require_plain_symbols(energy, q, p)
    params = dict(params or {})
    ordered = sorted(params, key=lambda s: s.name)
    roles = SymbolRoles(tuple(q), tuple(p), tuple(u), tuple(ordered), t)
    _check_roles(energy, roles)
    values = {s.name: _finite_scalar(s.name, params[s]) for s in ordered}
    parts = _separate(energy, roles)
    if parts is None:
        return _compiled(SymbolicHamiltonian(values, energy, roles))
    return _compiled(SymbolicSeparableHamiltonian(values, *parts, roles))


# What SymPy's printer and JAX's tracing raise at functions they do not know.
_UNTRANSLATABLE = (
    NameError,
    TypeError,
    ValueError,
    OverflowError,
    AttributeError,
    NotImplementedError,
    PrintMethodNotImplementedError,
)


def _compiled(H):
    """`H`, once it is clear that JAX can express it."""
    x, u = jnp.zeros(len(H.coordinates)), jnp.zeros(len(H.input_names))
    try:
        eqx.filter_eval_shape(lambda H: (H(x, x, u), H.vector_field(x, x, u)), H)
    except _UNTRANSLATABLE as error:
        raise ValueError(
            f"the energy {_short(H.expr)} or its derivative can't be expressed in JAX "
            f"({type(error).__name__}: {str(error).splitlines()[0]}): use functions with a "
            "derivative everywhere, and real=True symbols inside Abs and sign"
        ) from error
    return H


def _short(expr) -> str:
    text = str(expr)
    return text if len(text) <= 80 else text[:77] + "..."


def _require_expression(energy):
    if not isinstance(energy, sympy.Expr):
        raise ValueError(
            f"the energy must be a SymPy expression, not {type(energy).__name__}; "
            "build it from sympy.symbols (text is never evaluated)"
        )
    if energy.has(sympy.I, sympy.zoo, sympy.nan, sympy.oo):
        raise ValueError(f"the energy must be real and finite, but it contains {_odd(energy)}")


def _require_plain_symbols(energy, q, p):
    if any(isinstance(x, sympy.IndexedBase) for x in (q, p)) or energy.has(sympy.IndexedBase):
        raise ValueError(
            "physsim.symbolic takes single symbols; for sums over a sympy.IndexedBase use "
            "physsim.lattice(energy, q=q, p=p, size=N)"
        )


def _odd(energy) -> str:
    odd = [x for x in (sympy.I, sympy.zoo, sympy.nan, sympy.oo) if energy.has(x)]
    return ", ".join(str(x) for x in odd)


def _check_roles(energy: sympy.Expr, roles: SymbolRoles) -> None:
    if not roles.q or len(roles.q) != len(roles.p):
        raise ValueError(
            f"q and p must be of the same length, at least 1; got {len(roles.q)} and {len(roles.p)}"
        )
    seen: set[str] = set()
    for symbol in roles.all():
        if symbol.name in seen:
            raise ValueError(f"the symbol {symbol.name} has two roles among q, p, u, t and params")
        seen.add(symbol.name)
    unknown = energy.free_symbols - set(roles.all())
    if unknown:
        names = ", ".join(sorted(str(s) for s in unknown))
        raise ValueError(
            f"the energy contains {names}, which is neither in q, p, u, t nor in params "
            "(symbols made with other assumptions, such as real=True, are other symbols)"
        )


def _finite_scalar(name: str, value: Any) -> Float[Array, ""]:
    number = np.asarray(value)
    if number.shape != () or not np.issubdtype(number.dtype, np.number) or np.iscomplexobj(number):
        raise ValueError(f"the parameter {name} must be one real number, got {value!r}")
    if not np.isfinite(number):
        raise ValueError(f"the parameter {name} must be finite, got {value!r}")
    return jnp.asarray(value, dtype=float)


def _separate(energy, roles):
    """(T, V) with T of p alone and V free of p, or None where a term mixes them."""
    momenta, others = set(roles.p), {*roles.q, *roles.inputs}
    kinetic, potential = [], []
    for term in _summands(energy, momenta, others):
        if not term.free_symbols & momenta:
            potential.append(term)
        elif not term.free_symbols & others:
            kinetic.append(term)
        else:
            return None
    return sympy.Add(*kinetic), sympy.Add(*potential)


def _summands(energy, momenta, others):
    """The summands of `energy`; those that seem to mix are multiplied out together."""
    terms = sympy.Add.make_args(energy)
    mixed = [t for t in terms if t.free_symbols & momenta and t.free_symbols & others]
    yield from (t for t in terms if t not in mixed)
    yield from sympy.Add.make_args(sympy.expand(sympy.Add(*mixed)))
