"""Hamiltonians that hold a SymPy energy; `physsim.symbolic` makes them."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import sympy
from jaxtyping import Array, Inexact

from ._compile import compile_vector, gradient, is_diagonal, is_even, is_quadratic
from ._hamiltonian import AbstractHamiltonian, AbstractSeparableHamiltonian
from ._parity import derive_parity


@final
class SymbolRoles(eqx.Module):
    """Which symbol of an energy plays which part; `t` is the time, if it occurs."""

    q: tuple[sympy.Symbol, ...] = eqx.field(static=True)
    p: tuple[sympy.Symbol, ...] = eqx.field(static=True)
    u: tuple[sympy.Symbol, ...] = eqx.field(static=True)
    params: tuple[sympy.Symbol, ...] = eqx.field(static=True)
    t: sympy.Symbol | None = eqx.field(static=True, default=None)

    @property
    def inputs(self) -> tuple[sympy.Symbol, ...]:
        """Inputs as a run feeds them: the time comes last."""
        return self.u if self.t is None else (*self.u, self.t)

    def all(self) -> tuple[sympy.Symbol, ...]:
        return (*self.q, *self.p, *self.inputs, *self.params)


class AbstractSymbolicHamiltonian(AbstractHamiltonian):
    """An energy in SymPy, its symbols' roles and its parameters' values."""

    params: eqx.AbstractVar[dict[str, Inexact[Array, ""]]]
    roles: eqx.AbstractVar[SymbolRoles]
    expr: eqx.AbstractVar[sympy.Expr]

    @property
    def coordinates(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.roles.q)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.roles.inputs)

    @property
    def has_clock(self) -> bool:
        return self.roles.t is not None

    @property
    def parity(self):
        roles = self.roles
        return derive_parity(self.expr, roles.p, roles.params, roles.u)

    def parameter_names(self):
        return tuple(sorted(self.params))

    def prepare(self):
        return self

    def equations(self) -> list[Any]:
        """Hamilton's equations, dq/dt then dp/dt, in SymPy."""
        t = self.roles.t or sympy.Symbol("t")
        roles = self.roles
        velocity = zip(roles.q, gradient(self.expr, roles.p), strict=True)
        slope = zip(roles.p, gradient(self.expr, roles.q), strict=True)
        return [sympy.Eq(sympy.Derivative(x, t), d, evaluate=False) for x, d in velocity] + [
            sympy.Eq(sympy.Derivative(x, t), -d, evaluate=False) for x, d in slope
        ]

    def _evaluate(self, exprs, **variables):
        """The expressions as numbers; only the roles that are given are passed on."""
        roles = {"q": self.roles.q, "p": self.roles.p, "u": self.roles.inputs}
        symbols = [s for name in variables for s in roles[name]]
        numbers = [x[i] for name, x in variables.items() for i in range(len(roles[name]))]
        symbols += self.roles.params
        numbers += [self.params[s.name] for s in self.roles.params]
        return compile_vector(exprs, tuple(symbols))(*numbers)

    def _gradient(self, expr, by, **variables):
        return jnp.stack(self._evaluate(gradient(expr, by), **variables))


@final
class SymbolicSeparableHamiltonian(AbstractSymbolicHamiltonian, AbstractSeparableHamiltonian):
    """H = T(p) + V(q, u) from SymPy; made by `physsim.symbolic`."""

    params: dict[str, Inexact[Array, ""]]
    kinetic_expr: sympy.Expr = eqx.field(static=True)
    potential_expr: sympy.Expr = eqx.field(static=True)
    roles: SymbolRoles

    @property
    def expr(self) -> sympy.Expr:
        """The symbolic energy."""
        return self.kinetic_expr + self.potential_expr

    @property
    def is_even(self) -> bool:
        return is_even(self.kinetic_expr, self.roles.p)

    @property
    def kinetic_is_quadratic(self) -> bool:
        return is_quadratic(self.kinetic_expr, self.roles.p)

    @property
    def kinetic_is_diagonal(self) -> bool:
        return is_diagonal(self.kinetic_expr, self.roles.p)

    @property
    def potential_is_quadratic(self) -> bool:
        return is_quadratic(self.potential_expr, self.roles.q)

    def kinetic(self, p):
        return self._evaluate((self.kinetic_expr,), p=p)[0]

    def potential(self, q, u):
        return self._evaluate((self.potential_expr,), q=q, u=u)[0]

    def velocity(self, p):
        return self._gradient(self.kinetic_expr, self.roles.p, p=p)

    def force(self, q, u):
        return -self._gradient(self.potential_expr, self.roles.q, q=q, u=u)

    def describe(self):
        kind = "quadratic" if self.kinetic_is_quadratic else "not quadratic"
        return (
            f"separable energy T(p) + V(q{', t' if self.has_clock else ''}) of "
            f"{len(self.coordinates)} coordinates from SymPy, T {kind} in p; "
            "one expression a coordinate"
        )


@final
class SymbolicHamiltonian(AbstractSymbolicHamiltonian):
    """An energy that mixes q and p; made by `physsim.symbolic`."""

    params: dict[str, Inexact[Array, ""]]
    expr: sympy.Expr = eqx.field(static=True)
    roles: SymbolRoles

    @property
    def is_even(self) -> bool:
        return is_even(self.expr, self.roles.p)

    def __call__(self, q, p, u):
        return self._evaluate((self.expr,), q=q, p=p, u=u)[0]

    def vector_field(self, q, p, u):
        velocity = self._gradient(self.expr, self.roles.p, q=q, p=p, u=u)
        return velocity, -self._gradient(self.expr, self.roles.q, q=q, p=p, u=u)

    def describe(self):
        return (
            f"energy of {len(self.coordinates)} coordinates from SymPy that mixes q and p; "
            "one expression a coordinate"
        )
