"""Lossy systems: the state led back by the inverse steps, its displacement by their adjoints.

A step x -> Phi(x) with losses has an inverse, in which they are gain. Its adjoint Phi'^T leads
lambda back, and in the clothes of an echo, delta = J S lambda, loses where the state gains:
the echo of an arbitrary lossy system is the inverse system with the losses moved, in the
displacement, from the momenta to the positions. No condition on G and R, and exact for the
discrete run. The reconstructed state carries rounding that grows like exp(gamma T).
"""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from physsim import AbstractHamiltonian

from .._problem import Problem
from .._shares import Shares, add
from ._forward import cost_slope
from ._way_back import AbstractWayBack, Arrival, missed


def check_retrace(H: AbstractHamiltonian) -> None:
    """`ValueError` where a step has no inverse."""
    if H.is_noisy:
        raise ValueError("a noisy run is not retraced: remove the temperature, or train without it")


@final
class Retrace(AbstractWayBack):
    """The state by the inverse of each step, the gradient by its adjoint."""

    def __call__(self, problem, system, forward, start):
        step_back = inverse_step(problem, system)

        def one(carry, k, row):
            state, by_state, sums = carry
            by_state = add(by_state, cost_slope(problem, system, state, k, row))
            state = step_back(state, k, row)
            by_state, shares = pull_step(problem, system, state, by_state, k, row)
            return (state, by_state, sums.plus(shares, k)), None

        explicit = forward.explicit
        sums = Shares(None, explicit.system, explicit.drive, explicit.held, explicit.dt)
        end = (forward.state, jax.tree.map(jnp.zeros_like, forward.state), sums)
        (state, by_state, sums), _ = problem.scan(one, end, reverse=True)
        shares = Shares(explicit.H, sums.system, sums.drive, sums.held, sums.dt)
        return Arrival(by_state, shares, missed(state, start, forward))


def inverse_step(problem: Problem, system):
    """(state after step k, k, row) -> state before it."""
    dt, solver = problem.dt, problem.solver

    def back(state, k, row):
        return solver.step(
            system, state, -dt, lambda c: problem.drive.at(row.inputs, k, c, dt), backward=True
        )

    return back


def pull_step(problem: Problem, system, state, by_state, k, row):
    """A gradient by the state after step k -> (that before it, the shares of the step)."""

    def step(system, state, drive, held, dt):
        return problem.solver.step(system, state, dt, lambda c: drive.at(held, k, c, dt))

    _, pull = eqx.filter_vjp(step, system, state, problem.drive, row.inputs, problem.dt)
    by_system, by_state, drive, held, dt = pull(by_state)
    return by_state, Shares(None, by_system, drive, held, dt)
