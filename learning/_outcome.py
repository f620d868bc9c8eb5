"""Costs of a whole run: of what a run adds up to."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._gradient import AbstractGradient
from ._problem import Problem


@final
class Outcome(eqx.Module):
    """The cost loss(S, label) of the sums S = sum_k features(H, y_k, u_k, target_k), [F].

    Energies at read-outs, or the Fourier coefficients of a waveform, are such sums. With
    w = dloss/dS of the run as it is, the gradient is that of the running cost w . features: a
    circuit is run and measured first, then nudged with these weights.
    """

    features: Callable[..., Any]
    loss: Callable[..., Any]


@final
class Weighted(eqx.Module):
    """The running cost w . features."""

    features: Callable[..., Any]
    weights: Float[Array, "*F"]

    def __call__(self, H, y, u, target):
        return jnp.sum(self.weights * self.features(H, y, u, target))


def add_up(problem: Problem, features: Callable[..., Any]) -> Any:
    """sum_k features(H, y_k, u_k, target_k) along the run, keeping nothing else of it."""
    H, solver, dt, drive = problem.H, problem.solver, problem.dt, problem.drive
    system, y0 = solver.prepare(H), problem.start(problem.H)

    def read(y, k, row):
        return features(H, y, drive.at(row.inputs, k, 1.0, dt), row.target)

    def one(carry, k, row):
        state, total = carry
        state = solver.step(system, state, dt, lambda c: drive.at(row.inputs, k, c, dt))
        return (state, total + read(solver.read(system, state), k, row)), None

    first = jax.tree.map(lambda x: x[0], problem.rows)
    shape = eqx.filter_eval_shape(read, y0, jnp.zeros((), int), first)
    start = (solver.start(system, y0), jnp.zeros(shape.shape, shape.dtype))
    (_, total), _ = problem.scan(one, start)
    return total


def outcome_gradient(method: AbstractGradient, problem: Problem, outcome: Outcome, label: Any):
    """(cost, dcost/dH) of a run with a cost of what it adds up to."""
    totals = add_up(problem, outcome.features)
    value, weights = jax.value_and_grad(outcome.loss)(totals, label)
    weighted = Weighted(outcome.features, weights)
    _, gradients = method.evaluate(eqx.tree_at(lambda p: p.cost, problem, weighted))
    return value, gradients.params
