"""Hamiltonians from SymPy energies."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import sympy
from jaxtyping import Array, Float

from ._compile import compile_vector, gradient, is_even, is_quadratic
from ._hamiltonian import AbstractHamiltonian, AbstractSeparableHamiltonian


@final
class SymbolRoles(eqx.Module):
    """Which symbol of an energy plays which part."""

    q: tuple[sympy.Symbol, ...] = eqx.field(static=True)
    p: tuple[sympy.Symbol, ...] = eqx.field(static=True)
    u: tuple[sympy.Symbol, ...] = eqx.field(static=True)
    params: tuple[sympy.Symbol, ...] = eqx.field(static=True)

    def all(self) -> tuple[sympy.Symbol, ...]:
        return (*self.q, *self.p, *self.u, *self.params)


def _evaluate(exprs, roles: SymbolRoles, values: dict, *, q=None, p=None, u=None):
    """The expressions as numbers; only the roles that are given are passed on."""
    groups = [(roles.q, q), (roles.p, p), (roles.u, u)]
    symbols = [s for names, x in groups if x is not None for s in names]
    numbers = [v for names, x in groups if x is not None for v in _entries(x, len(names))]
    symbols += roles.params
    numbers += [values[s.name] for s in roles.params]
    return compile_vector(exprs, tuple(symbols))(*numbers)


def _entries(x, count):
    return [x[i] for i in range(count)]


def _gradient(expr, by, roles, values, **variables):
    return jnp.stack(_evaluate(gradient(expr, by), roles, values, **variables))


@final
class SymbolicSeparableHamiltonian(AbstractSeparableHamiltonian):
    """H = T(p) + V(q, u) from SymPy; made by `physsim.symbolic`."""

    params: dict[str, Float[Array, ""]]
    kinetic_expr: sympy.Expr = eqx.field(static=True)
    potential_expr: sympy.Expr = eqx.field(static=True)
    roles: SymbolRoles
    kinetic_is_quadratic: bool = eqx.field(static=True)
    kinetic_is_even: bool = eqx.field(static=True)

    @property
    def expr(self) -> sympy.Expr:
        """The symbolic energy."""
        return self.kinetic_expr + self.potential_expr

    @property
    def coordinates(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.roles.q)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.roles.u)

    def kinetic(self, p):
        return _evaluate((self.kinetic_expr,), self.roles, self.params, p=p)[0]

    def potential(self, q, u):
        return _evaluate((self.potential_expr,), self.roles, self.params, q=q, u=u)[0]

    def velocity(self, p):
        return _gradient(self.kinetic_expr, self.roles.p, self.roles, self.params, p=p)

    def force(self, q, u):
        return -_gradient(self.potential_expr, self.roles.q, self.roles, self.params, q=q, u=u)

    def prepare(self):
        return self

    def parameter_names(self):
        return tuple(sorted(self.params))


@final
class SymbolicHamiltonian(AbstractHamiltonian):
    """An energy that mixes q and p; made by `physsim.symbolic`."""

    params: dict[str, Float[Array, ""]]
    expr: sympy.Expr = eqx.field(static=True)
    roles: SymbolRoles

    @property
    def coordinates(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.roles.q)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.roles.u)

    def __call__(self, q, p, u):
        return _evaluate((self.expr,), self.roles, self.params, q=q, p=p, u=u)[0]

    def vector_field(self, q, p, u):
        variables = {"q": q, "p": p, "u": u}
        velocity = _gradient(self.expr, self.roles.p, self.roles, self.params, **variables)
        slope = _gradient(self.expr, self.roles.q, self.roles, self.params, **variables)
        return velocity, -slope

    def parameter_names(self):
        return tuple(sorted(self.params))


def symbolic(
    energy: sympy.Expr,
    *,
    q: Sequence[sympy.Symbol],
    p: Sequence[sympy.Symbol],
    u: Sequence[sympy.Symbol] = (),
    params: Mapping[sympy.Symbol, Any] | None = None,
) -> SymbolicSeparableHamiltonian | SymbolicHamiltonian:
    """Compile a SymPy energy H(q, p, u; params) into a Hamiltonian.

    The result is separable, and fit for explicit splitting methods, when no term of the
    energy mixes p with q or u. `params` maps each parameter symbol to its number.

        q, p, k = sympy.symbols("q p k")
        H = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: 4.0})

    Raises `ValueError` if q and p differ in length, if a symbol has two roles or none,
    or if a parameter is not a finite real number.
    """
    _require_expression(energy)
    params = dict(params or {})
    ordered = sorted(params, key=lambda s: s.name)
    roles = SymbolRoles(tuple(q), tuple(p), tuple(u), tuple(ordered))
    _check_roles(energy, roles)
    values = {s.name: _finite_scalar(s.name, params[s]) for s in ordered}
    parts = _separate(energy, roles)
    if parts is None:
        return SymbolicHamiltonian(values, energy, roles)
    kinetic, potential = parts
    return SymbolicSeparableHamiltonian(
        values,
        kinetic,
        potential,
        roles,
        kinetic_is_quadratic=is_quadratic(kinetic, roles.p),
        kinetic_is_even=is_even(kinetic, roles.p),
    )


def _require_expression(energy):
    if not isinstance(energy, sympy.Expr):
        raise ValueError(
            f"the energy must be a SymPy expression, not {type(energy).__name__}; "
            "build it from sympy.symbols (text is never evaluated)"
        )


def _check_roles(energy: sympy.Expr, roles: SymbolRoles) -> None:
    if not roles.q or len(roles.q) != len(roles.p):
        raise ValueError(
            f"q and p must be of the same length, at least 1; got {len(roles.q)} and {len(roles.p)}"
        )
    seen: set[str] = set()
    for symbol in roles.all():
        if symbol.name in seen:
            raise ValueError(f"the symbol {symbol.name} has two roles among q, p, u and params")
        seen.add(symbol.name)
    unknown = energy.free_symbols - set(roles.all())
    if unknown:
        names = ", ".join(sorted(str(s) for s in unknown))
        raise ValueError(
            f"the energy contains {names}, which is neither in q, p, u nor in params "
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
    momenta, others = set(roles.p), {*roles.q, *roles.u}
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
