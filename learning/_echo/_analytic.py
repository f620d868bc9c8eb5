"""Whether a computation continues analytically to complex numbers."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr
from jaxtyping import PyTree

from .._problem import Problem

_NOT_ANALYTIC = frozenset(
    [
        "abs",
        "sign",
        "max",
        "min",
        "clamp",
        "floor",
        "ceil",
        "round",
        "real",
        "imag",
        "conj",
        "argmax",
        "argmin",
        "sort",
        "rem",
        "reduce_max",
        "reduce_min",
        "cummax",
        "cummin",
        "select_n",
        "gt",
        "ge",
        "lt",
        "le",
        "while",
        "cond",
        "atan2",
    ]
)


def require_analytic(step: Callable[..., Any], state: PyTree, problem: Problem) -> None:
    """`ValueError` unless a step of an echo, with its nudge, is analytic in the state.

    `problem` and `state` are complex already. Looks at every operation that the step consists
    of and that has to do with complex numbers.
    """
    row = jax.tree.map(lambda x: x[0], problem.rows)
    epsilon = jnp.zeros((), jax.tree.leaves(state)[0].dtype)
    traced = jax.make_jaxpr(lambda state: step(epsilon, state, jnp.zeros((), int), row))(state)
    found = sorted(set(_operations(traced.jaxpr)) & _NOT_ANALYTIC)
    if found:
        raise ValueError(
            f"the energy or the cost is not analytic: it uses {', '.join(found)}, whose values "
            "for complex numbers say nothing of its derivative. Use RHEL() with its two sides"
        )


def _operations(jaxpr: Jaxpr) -> Iterator[str]:
    """Names of all operations on floating-point or complex numbers."""
    for equation in jaxpr.eqns:
        inner = [x for x in jax.tree.leaves(equation.params, is_leaf=_is_jaxpr) if _is_jaxpr(x)]
        for program in inner:
            yield from _operations(program.jaxpr if isinstance(program, ClosedJaxpr) else program)
        if not inner and any(_is_complex(x) for x in equation.invars):
            yield equation.primitive.name


def _is_jaxpr(x) -> bool:
    return isinstance(x, ClosedJaxpr | Jaxpr)


def _is_complex(x) -> bool:
    dtype = getattr(x.aval, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jnp.complexfloating)
