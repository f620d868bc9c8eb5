"""Backpropagation through time: reverse-mode autodiff of the whole run."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from ._gradient import AbstractGradient, Gradients
from ._problem import Problem, Row


@final
class BPTT(AbstractGradient):
    """The reference: exact for the discrete run, memory proportional to its length."""

    def check(self, H, solver):
        solver.check(H)

    def evaluate(self, problem):
        return _bptt(problem)


@eqx.filter_jit
def _bptt(problem: Problem):
    y0 = problem.start(problem.H)
    _, pull_start = eqx.filter_vjp(problem.start, problem.H)
    arguments = (problem.H, y0, problem.drive, problem.rows.inputs, problem.dt)

    @eqx.filter_value_and_grad
    def run(arguments):
        H, y, drive, held, dt = arguments
        prepared = H.prepare()

        def one(carry, x):
            y, total = carry
            k, row = x
            y = problem.solver.step(prepared, y, dt, lambda c: drive.at(row.inputs, k, c, dt))
            return (y, total + problem.cost_at(H, y, drive, row, k, dt)), None

        steps = jnp.arange(problem.num_steps), Row(held, problem.rows.target)
        (_, total), _ = jax.lax.scan(one, (y, jnp.zeros((), dt.dtype)), steps)
        return total

    value, (params, by_y0, drive, held, dt) = run(arguments)
    (from_start,) = pull_start(by_y0)
    params = eqx.apply_updates(params, from_start)
    inputs = held if held is not None else getattr(drive, "function", None)
    return value, Gradients(params, by_y0, inputs, dt)
