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

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from physsim import PhaseState

from ._estimator import AbstractEstimator
from ._gradient import Gradients
from ._problem import Problem


@final
class Forward(eqx.Module):
    """What the forward run leaves: its end, the cost and the cost's explicit gradients."""

    y: PhaseState
    value: Float[Array, ""]
    explicit: "Shares"
    largest_nudge: Float[Array, ""]


@final
class Shares(eqx.Module):
    """Gradients by the Hamiltonian, the drive, the held inputs and the step."""

    H: eqx.Module
    drive: eqx.Module
    held: Float[Array, "..."] | None
    dt: Float[Array, ""]


@eqx.filter_jit
def echo_gradient(problem: Problem, estimator: AbstractEstimator):
    """(value, gradients) from one forward run and the echoes of `estimator`."""
    y0, pull_start = eqx.filter_vjp(problem.start, problem.H)
    prepared, pull_prepare = eqx.filter_vjp(lambda H: H.prepare(), problem.H)
    forward = _forward(problem, prepared, y0)
    strength = 1.0 / jnp.where(forward.largest_nudge > 0, forward.largest_nudge, 1.0)
    displacement, echo = _echo(problem, prepared, forward.y, estimator, strength)

    by_y0 = PhaseState(-displacement.p, -displacement.q)
    (from_start,) = pull_start(by_y0)
    (from_dynamics,) = pull_prepare(echo.H)
    explicit = forward.explicit
    held = None if echo.held is None else explicit.held + echo.held
    drive = _add(explicit.drive, echo.drive)
    gradients = Gradients(
        _add(_add(from_dynamics, from_start), explicit.H),
        by_y0,
        held if held is not None else getattr(drive, "function", None),
        explicit.dt + echo.dt,
    )
    return forward.value, gradients


def _forward(problem, prepared, y0) -> Forward:
    """Run forward; sum the cost and its derivatives at fixed states."""
    dt = problem.dt

    def one(carry, x):
        y, value, by_H, by_drive, by_dt, largest = carry
        k, row = x
        y = problem.solver.step(
            prepared, y, dt, lambda c: problem.drive.at(row.inputs, k, c, dt)
        )

        @eqx.filter_value_and_grad
        def cost(arguments):
            H, y, drive, held, dt = arguments
            row_ = eqx.tree_at(lambda r: r.inputs, row, held, is_leaf=lambda v: v is None)
            return problem.cost_at(H, y, drive, row_, k, dt)

        c, (H, by_y, drive, held, by_step) = cost((problem.H, y, problem.drive, row.inputs, dt))
        nudge = jnp.maximum(jnp.max(jnp.abs(by_y.q)), jnp.max(jnp.abs(by_y.p)))
        sums = (_add(by_H, H), _add(by_drive, drive), by_dt + by_step)
        return (y, value + c, *sums, jnp.maximum(largest, nudge)), held

    zero = jnp.zeros((), dt.dtype)
    carry = (y0, zero, _zeros(problem.H), _zeros(problem.drive), zero, zero)
    (y, value, H, drive, by_dt, largest), held = jax.lax.scan(one, carry, problem.steps())
    return Forward(y, value, Shares(H, drive, held, by_dt), largest)


def _echo(problem, prepared, y_end, estimator, strength):
    """The echoes; returns (dy_end / d epsilon, the shares of the gradient)."""
    dt = problem.dt

    def one_step(epsilon, y, k, row):
        y = _nudge(problem, epsilon, y, k, row)
        y, visits = problem.solver.substeps(
            prepared, y, dt, lambda c: problem.drive.at(row.inputs, k, c, dt), backward=True
        )

        @eqx.filter_grad
        def share(arguments):
            H, drive, held, dt = arguments
            return problem.solver.action(H, visits, dt, lambda c: drive.at(held, k, c, dt))

        return y, share((prepared, problem.drive, row.inputs, dt))

    def one(carry, x):
        lifted, by_H, by_drive, by_dt = carry
        lifted, (H, drive, held, step) = estimator.differentiate(
            lambda epsilon, y: one_step(epsilon, y, *x), lifted, strength
        )
        return (lifted, _add(by_H, H), _add(by_drive, drive), by_dt + step), held

    zero = jnp.zeros((), dt.dtype)
    start = estimator.lift(y_end.reverse())
    carry = (start, _zeros(prepared), _zeros(problem.drive), zero)
    (lifted, H, drive, by_dt), held = jax.lax.scan(one, carry, problem.steps(), reverse=True)
    return estimator.displacement(lifted, strength), Shares(H, drive, held, by_dt)


def _nudge(problem, epsilon, y, k, row):
    """Follow the cost of the flipped state, l~(y) = l(S y), for the time `epsilon`."""
    by_y = eqx.filter_grad(
        lambda x: problem.cost_at(problem.H, x, problem.drive, row, k, problem.dt)
    )(y.reverse())
    # At epsilon = 0, where the tangent echo lives, the nudge's own derivative plays no part.
    by_y = jax.lax.stop_gradient(by_y)
    return PhaseState(y.q - epsilon * by_y.p, y.p - epsilon * by_y.q)


def _zeros(tree):
    return jax.tree.map(jnp.zeros_like, eqx.filter(tree, eqx.is_inexact_array))


def _add(a, b):
    return jax.tree.map(jnp.add, a, b)
