"""The continuous adjoint: the gradient of the differential equation, not of a method."""

from typing import final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from physsim import PhaseState

from ._gradient import AbstractGradient, Gradients
from ._problem import Problem, Row


@final
class ContinuousAdjoint(AbstractGradient):
    """The adjoint equations of the exact flow, integrated by diffrax.

    Dopri8 with tight tolerances from sample to sample, backsolve adjoint. What an
    integrator's gradient tends to as dt goes to zero, at the integrator's order.
    """

    rtol: float = 1e-10
    atol: float = 1e-12
    max_steps: int = 4096

    def check(self, H, solver):
        """Any Hamiltonian will do."""

    def evaluate(self, problem):
        return _continuous(problem, self)


@eqx.filter_jit
def _continuous(problem: Problem, method: ContinuousAdjoint):
    y0, pull_start = eqx.filter_vjp(problem.start, problem.H)

    @eqx.filter_value_and_grad
    def run(arguments):
        H, y, drive, held, dt = arguments

        def one(carry, x):
            y, total = carry
            k, row = x
            y = _flow(H, drive, row.inputs, k, dt, y, method)
            return (y, total + problem.cost_at(H, y, drive, row, k, dt)), None

        steps = jnp.arange(problem.num_steps), Row(held, problem.rows.target)
        (_, total), _ = jax.lax.scan(one, (y, jnp.zeros((), dt.dtype)), steps)
        return total

    arguments = (problem.H, y0, problem.drive, problem.rows.inputs, problem.dt)
    value, (params, by_y0, drive, held, dt) = run(arguments)
    (from_start,) = pull_start(by_y0)
    inputs = held if held is not None else getattr(drive, "function", None)
    return value, Gradients(eqx.apply_updates(params, from_start), by_y0, inputs, dt)


def _flow(H, drive, held, k, dt, y, method):
    """The exact flow over step `k`, in the time s = t / dt - k of that step.

    The step is an argument of the field, so the adjoint also gives the derivative by dt.
    """

    def field(s, y, args):
        H, drive, held, k, dt = args
        velocity, force = H.vector_field(y.q, y.p, drive.at(held, k, s, dt))
        return PhaseState(dt * velocity, dt * force)

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Dopri8(),
        0.0,
        1.0,
        1.0,
        y,
        (H.prepare(), drive, held, k, dt),
        stepsize_controller=diffrax.PIDController(method.rtol, method.atol),
        adjoint=diffrax.BacksolveAdjoint(),
        max_steps=method.max_steps,
    )
    return jax.tree.map(lambda x: x[-1], solution.ys)
