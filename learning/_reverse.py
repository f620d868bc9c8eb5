"""Reverse-mode autodiff of a run, whatever takes the state over one step."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._gradient import Gradients
from ._problem import Problem, Row

StepMap = Callable[..., Any]
"""(prepared H, y, drive, held inputs, k, dt) -> the state after step k."""


def reverse_mode(problem: Problem, step: StepMap) -> tuple[Float[Array, ""], Gradients]:
    """(value, gradients) of the summed cost along the states that `step` produces."""
    y0, pull_start = eqx.filter_vjp(problem.start, problem.H)

    @eqx.filter_value_and_grad
    def run(arguments):
        H, y, drive, held, dt = arguments
        prepared = H.prepare()

        def one(carry, k, row):
            y, total = carry
            y = step(prepared, y, drive, row.inputs, k, dt)
            return (y, total + problem.cost_at(H, y, drive, row, k, dt)), None

        rows = Row(held, problem.rows.target)
        (_, total), _ = problem.scan(one, (y, jnp.zeros((), dt.dtype)), rows=rows)
        return total

    arguments = (problem.H, y0, problem.drive, problem.rows.inputs, problem.dt)
    value, (params, by_y0, drive, held, dt) = run(arguments)
    (from_start,) = pull_start(by_y0)
    inputs = held if held is not None else getattr(drive, "function", None)
    return value, Gradients(eqx.apply_updates(params, from_start), by_y0, inputs, dt)
