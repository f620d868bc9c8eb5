"""The forward run: its end, its cost and what the cost owes to the parameters directly."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PyTree

from .._problem import Cotangents, Problem, Row
from .._shares import Shares, slope, zeros


@final
class Sizes(eqx.Module):
    """The largest entries of dl/dy and of (d2l/dy2) y along a run."""

    nudge: Inexact[Array, ""]
    bend: Inexact[Array, ""]


@final
class Forward(eqx.Module):
    """What the forward run leaves. `sizes` is None where it was not measured."""

    state: PyTree
    """What the method carries at the end."""
    value: Inexact[Array, ""]
    explicit: Shares
    """The cost's derivatives at fixed states."""
    sizes: Sizes | None


def run_forward(problem: Problem, system: Any, start: PyTree, *, measure: bool) -> Forward:
    """Run forward from what is carried at the start; sum the cost and its derivatives."""
    dt, solver, seen = problem.dt, problem.solver, cost_view(problem)

    def one(carry, k, row):
        state, value, sums, sizes = carry
        state = solver.step(system, state, dt, lambda c: problem.drive.at(row.inputs, k, c, dt))

        @eqx.filter_value_and_grad
        def cost(s):
            row_of_s = Row(s.held, row.target)
            return state_cost(problem, s.H, s.system, state, s.drive, row_of_s, k, s.dt)

        c, shares = cost(Shares(seen, system, problem.drive, row.inputs, dt))
        if measure:
            sizes = _larger(sizes, _sizes(problem, system, state, k, row))
        return (state, value + c, sums.plus(shares, k), sizes), None

    zero = jnp.zeros((), dt.dtype)
    nothing = zeros(Shares(seen, system, problem.drive, problem.rows.inputs, dt))
    sizes = Sizes(zero, zero) if measure else None
    (state, value, sums, sizes), _ = problem.scan(one, (start, zero, nothing, sizes))
    return Forward(state, value, sums, sizes)


def cost_view(problem: Problem) -> Any:
    """The Hamiltonian that the cost is given."""
    return problem.H if problem.seen is None else problem.seen


def state_cost(problem: Problem, H, system, state, drive, row: Row, k, dt) -> Inexact[Array, ""]:
    """The running cost of what the method carries after step k."""
    return problem.cost_at(H, problem.solver.read(system, state), drive, row, k, dt)


def cost_slope(problem: Problem, system: Any, state: PyTree, k: Any, row: Row) -> PyTree:
    """The cost's derivative by what the method carries after step k."""
    if isinstance(problem.cost, Cotangents):
        return problem.cost.after(k)
    (by_state,) = slope(
        lambda state: state_cost(
            problem, cost_view(problem), system, state, problem.drive, row, k, problem.dt
        ),
        state,
    )
    return by_state


def _sizes(problem, system, state, k, row) -> Sizes:
    by_state, change = jax.jvp(
        lambda state: cost_slope(problem, system, state, k, row), (state,), (state,)
    )
    return Sizes(largest(by_state), largest(change))


def _larger(a: Sizes, b: Sizes) -> Sizes:
    return jax.tree.map(jnp.maximum, a, b)


def largest(tree: PyTree) -> Inexact[Array, ""]:
    """The largest entry of any array, without its sign."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(x)) for x in jax.tree.leaves(tree)]))
