"""The echo: flip the momenta, run back, nudge, and read the gradient off the way.

With x = (q, p), S = diag(I, -I) and a palindromic step F, S F S = F^-1. After the flip the
same integrator retraces the run, and a nudge of strength epsilon along the gradient of the
running cost displaces the echo by epsilon J S lambda, lambda being the adjoint state of
backpropagation. Hence, exactly and for any step size,

    dL/dtheta = d/d epsilon  sum over substeps of tau_i dH_i/dtheta   along the echo,
    dL/dq_0 = -d p_end / d epsilon,    dL/dp_0 = -d q_end / d epsilon,

and the same sum differentiated by inputs or step gives their gradients. Nothing but the
final state is kept from the forward run. (RHEL: arXiv 2506.05259.)
"""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from physsim import AbstractEchoSolver, AbstractHamiltonian, AbstractSolver, PhaseState

from ._estimator import AbstractEstimator
from ._gradient import Gradients
from ._problem import Problem, Row


@final
class Shares(eqx.Module):
    """What a gradient consists of: parts by Hamiltonian, drive, held inputs and step.

    A single step's `held` is one row [m]; in a sum it has a row for every step.
    """

    H: Any
    drive: Any
    held: Float[Array, "..."] | None
    dt: Float[Array, ""]

    def plus(self, step: "Shares", k: Int[Array, ""]) -> "Shares":
        """This sum with the shares of step k added; the rows are updated in place."""
        held = None if self.held is None else self.held.at[k].add(step.held)
        return Shares(_add(self.H, step.H), _add(self.drive, step.drive), held, self.dt + step.dt)

    def inputs(self):
        """What `Gradients.inputs` holds."""
        return self.held if self.held is not None else getattr(self.drive, "function", None)


@final
class Forward(eqx.Module):
    """What the forward run leaves: its end, the cost and the cost's explicit gradients."""

    y: PhaseState
    value: Float[Array, ""]
    explicit: Shares
    nudge: Float[Array, ""]
    """The largest entry of dl/dy."""
    bend: Float[Array, ""]
    """The largest entry of (d2l/dy2) y."""


def check_echo(H: AbstractHamiltonian, solver: AbstractSolver) -> None:
    """Raise `ValueError` if an echo of `solver` on `H` does not give gradients."""
    if not isinstance(solver, AbstractEchoSolver):
        raise ValueError(
            f"an echo of {solver.name} does not give gradients: use BPTT(), or SRKN11b()"
        )
    solver.check_echo(H)


@eqx.filter_jit
def echo_gradient(problem: Problem, estimator: AbstractEstimator):
    """(value, gradients) from one forward run and the echoes of `estimator`."""
    y0, pull_start = eqx.filter_vjp(problem.start, problem.H)
    prepared, pull_prepare = eqx.filter_vjp(problem.solver.prepare, problem.H)
    forward = _forward(problem, prepared, y0)
    strength = estimator.strength(forward.nudge, forward.bend, problem.num_steps)
    displacement, total = _echo(problem, prepared, forward, estimator, strength)

    by_y0 = PhaseState(-displacement.p, -displacement.q)
    (from_start,) = pull_start(by_y0)
    (from_dynamics,) = pull_prepare(total.H)
    by_H = _add(_add(from_dynamics, from_start), forward.explicit.H)
    return forward.value, Gradients(by_H, by_y0, total.inputs(), total.dt)


def _forward(problem, prepared, y0) -> Forward:
    """Run forward; sum the cost and its derivatives at fixed states."""
    dt = problem.dt

    def one(carry, k, row):
        y, value, sums, nudge, bend = carry
        y = problem.solver.step(prepared, y, dt, lambda c: problem.drive.at(row.inputs, k, c, dt))

        @eqx.filter_value_and_grad
        def cost(shares):
            return problem.cost_at(
                shares.H, y, shares.drive, Row(shares.held, row.target), k, shares.dt
            )

        c, shares = cost(Shares(problem.H, problem.drive, row.inputs, dt))
        by_y, change = jax.jvp(lambda y: _cost_slope(problem, y, k, row), (y,), (y,))
        nudge, bend = jnp.maximum(nudge, _largest(by_y)), jnp.maximum(bend, _largest(change))
        return (y, value + c, sums.plus(shares, k), nudge, bend), None

    zero = jnp.zeros((), dt.dtype)
    nothing = _zeros(Shares(problem.H, problem.drive, problem.rows.inputs, dt))
    start = (problem.solver.start(prepared, y0), zero, nothing, zero, zero)
    (y, value, sums, nudge, bend), _ = problem.scan(one, start)
    return Forward(y, value, sums, nudge, bend)


def _cost_slope(problem, y, k, row):
    """dl/dy."""
    return eqx.filter_grad(
        lambda y: problem.cost_at(problem.H, y, problem.drive, row, k, problem.dt)
    )(y)


def _largest(y):
    return jnp.maximum(jnp.max(jnp.abs(y.q)), jnp.max(jnp.abs(y.p)))


def _echo_solver(problem) -> AbstractEchoSolver:
    assert isinstance(problem.solver, AbstractEchoSolver)
    return problem.solver


def echo_step(problem: Problem, prepared):
    """(epsilon, y, k, row) -> (y before step k, shares of the gradient), on the flipped side."""
    dt, solver = problem.dt, _echo_solver(problem)

    def step(epsilon, y, k, row):
        y = _nudge(problem, epsilon, y, k, row)
        y, visits = solver.substeps(
            prepared, y, dt, lambda c: problem.drive.at(row.inputs, k, c, dt), backward=True
        )

        @eqx.filter_grad
        def share(shares):
            return solver.action(
                shares.H, visits, shares.dt, lambda c: shares.drive.at(shares.held, k, c, shares.dt)
            )

        return y, share(Shares(prepared, problem.drive, row.inputs, dt))

    return step


def _echo(problem, prepared, forward: Forward, estimator, strength):
    """The echoes; returns (dy_end / d epsilon, all shares of the gradient).

    Parts by `prepared` start from zero, the others from the cost's explicit ones.
    """
    step = echo_step(problem, prepared)

    def one(carry, k, row):
        lifted, sums = carry
        lifted, shares = estimator.differentiate(
            lambda epsilon, y: step(epsilon, y, k, row), lifted, strength
        )
        return (lifted, sums.plus(shares, k)), None

    explicit = forward.explicit
    sums = Shares(_zeros(prepared), explicit.drive, explicit.held, explicit.dt)
    start = estimator.lift(forward.y.reverse())
    (lifted, sums), _ = problem.scan(one, (start, sums), reverse=True)
    return estimator.displacement(lifted, strength), sums


def _nudge(problem, epsilon, y, k, row):
    """Follow the cost of the flipped state, l~(y) = l(S y), for the time `epsilon`."""
    by_y = _cost_slope(problem, y.reverse(), k, row)
    # At epsilon = 0, where the tangent echo lives, the nudge's own derivative plays no part.
    by_y = jax.lax.stop_gradient(by_y)
    return PhaseState(y.q - epsilon * by_y.p, y.p - epsilon * by_y.q)


def _zeros(tree):
    return jax.tree.map(jnp.zeros_like, eqx.filter(tree, eqx.is_inexact_array))


def _add(a, b):
    return jax.tree.map(jnp.add, a, b)
