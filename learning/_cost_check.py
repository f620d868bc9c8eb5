"""Whether a cost is one that a gradient can be taken of."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend.core import Var

from physsim import AbstractHamiltonian, PhaseState


def check_cost(
    cost: Callable[[AbstractHamiltonian, PhaseState], Any], H: AbstractHamiltonian, y: PhaseState
) -> None:
    """`ValueError` unless the cost is a real scalar that has a derivative by `H` or `y`."""
    value = eqx.filter_eval_shape(cost, H, y)
    shape: Any = getattr(value, "shape", None)
    dtype: Any = getattr(value, "dtype", None)
    if shape != () or jnp.issubdtype(dtype, jnp.complexfloating):
        kind = type(value).__name__ if shape is None else f"{dtype} of shape {shape}"
        raise ValueError(f"the cost must be a real scalar, not {kind}: add up its parts")
    if not jnp.issubdtype(dtype, jnp.floating) or not _has_derivative(cost, H, y):
        raise ValueError(
            f"the cost (of type {dtype}) has no derivative by the state or the parameters, so "
            "nothing can learn from it: comparisons, rounding, argmax and integers cut derivatives"
        )


def _has_derivative(cost, H, y) -> bool:
    """Whether the cost's tangent has anything to do with that of `H` and `y`."""
    arrays, rest = eqx.partition((H, y), eqx.is_inexact_array)

    def tangent(direction):
        _, slope = jax.jvp(lambda x: cost(*eqx.combine(x, rest)), (arrays,), (direction,))
        return slope

    program = jax.make_jaxpr(tangent)(arrays).jaxpr
    reached = set(program.invars)
    for equation in program.eqns:
        if any(isinstance(x, Var) and x in reached for x in equation.invars):
            reached.update(equation.outvars)
    return any(isinstance(x, Var) and x in reached for x in program.outvars)
