"""Reverse-mode autodiff of a run, whatever takes the state over one step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._gradient import Gradients
from ._problem import Problem, Row
from ._shares import Shares


class Stepper(NamedTuple):
    """What takes the state over a step, as a solver's own methods do it."""

    prepare: Callable[..., Any]
    """H -> the system."""
    start: Callable[..., Any]
    """(system, y) -> what is carried."""
    step: Callable[..., Any]
    """(system, carried, drive, held inputs, k, dt) -> what is carried after step k."""
    read: Callable[..., Any]
    """(system, carried) -> y."""


def reverse_mode(problem: Problem, stepper: Stepper) -> tuple[Float[Array, ""], Gradients]:
    """(value, gradients) of the summed cost along the states of `stepper`."""
    y0, pull_start = eqx.filter_vjp(problem.start, problem.H)

    @eqx.filter_value_and_grad
    def run(arguments):
        H, y, drive, held, dt = arguments
        system, seen = stepper.prepare(H), H.with_inverses()

        def one(carry, k, row):
            state, total = carry
            state = stepper.step(system, state, drive, row.inputs, k, dt)
            y = stepper.read(system, state)
            return (state, total + problem.cost_at(seen, y, drive, row, k, dt)), None

        rows = Row(held, problem.rows.target)
        (_, total), _ = problem.scan(
            one, (stepper.start(system, y), jnp.zeros((), dt.dtype)), rows=rows
        )
        return total

    arguments = (problem.H, y0, problem.drive, problem.rows.inputs, problem.dt)
    value, (params, by_y0, drive, held, dt) = run(arguments)
    (from_start,) = pull_start(by_y0)
    inputs = Shares(params, None, drive, held, dt).inputs()
    return value, Gradients(eqx.apply_updates(params, from_start), by_y0, inputs, dt)
