"""The echo: flip the momenta, run back, nudge, and read the gradient off the way.

With x = (q, p), S = diag(I, -I) and a step F made of flows of parts H_i of an energy even in p,
the substeps in reverse order retrace it after a flip: S F S = F^-1 for a palindromic F. A
nudge of strength epsilon along the gradient of the running cost displaces the echo by
epsilon J S lambda, lambda being the adjoint state of backpropagation. Hence, exactly and for any
step size,

    dL/dtheta = d/d epsilon  sum over substeps of tau_i dH_i/dtheta   along the echo,
    dL/dq_0 = -d p_end / d epsilon,    dL/dp_0 = -d q_end / d epsilon,

and the same sum differentiated by inputs or step gives their gradients. Nothing but the
final state is kept from the forward run. (RHEL: arXiv 2506.05259.)

Parameters and inputs that are odd under time reversal change sign on the way back.
"""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Inexact, PyTree

from physsim import AbstractDrive, AbstractEchoSolver, Parity, reversed_parameters

from .._problem import Problem
from .._shares import Shares, add, slope, zeros
from ._analytic import require_analytic
from ._estimator import AbstractEstimator, ComplexStep
from ._forward import Forward, cost_slope
from ._way_back import AbstractWayBack, Arrival, missed


@final
class Return(eqx.Module):
    """The system on the way back: what moves it, and the energy whose parts are read off.

    They differ in a lossy echo alone, whose readings know nothing of losses.
    """

    moving: Any
    energy: Any
    input_signs: tuple[float, ...] = eqx.field(static=True)

    def inputs(self, drive: AbstractDrive, held, k, fraction, dt):
        """What is fed at a time of the forward run."""
        u = drive.at(held, k, fraction, dt)
        if all(sign > 0 for sign in self.input_signs):
            return u
        # The time, where it is an input, runs by itself and has no sign.
        signs = (*self.input_signs, *(1.0 for _ in range(u.shape[0] - len(self.input_signs))))
        return u * jnp.asarray(signs, u.dtype)


def make_return(problem: Problem, parity: Parity) -> tuple[Return, Callable[[PyTree], PyTree]]:
    """The way back, and the pullback from its energy to the parameters."""
    H, solver = problem.H, problem.solver

    def mirrored(H):
        return reversed_parameters(H, H.parameter_names(), parity.params)

    energy, pull = eqx.filter_vjp(lambda H: solver.prepare(mirrored(H).conservative), H)
    moving = energy if H.is_lossless else solver.prepare(mirrored(H))
    names = H.input_names[:-1] if H.has_clock else H.input_names
    return Return(moving, energy, parity.input_signs(names)), pull


@final
class Echo(AbstractWayBack):
    """The flipped run through the system reversed, nudged as `estimator` says."""

    estimator: AbstractEstimator
    parity: Parity

    @property
    def measures(self):
        return self.estimator.measures

    def __call__(self, problem, system, forward, start):
        return _run_echo(problem, system, forward, start, self)


def _run_echo(
    problem: Problem, system: Any, forward: Forward, start: PyTree, echo: Echo
) -> Arrival:
    """The echoes, and what they have gathered."""
    estimator, parity = echo.estimator, echo.parity
    back, pull_energy = make_return(problem, parity)
    strength = estimator.strength(forward.sizes, problem.num_steps)
    numbers = estimator.adapt((problem, system, back))
    solver = echo_solver(problem)
    end = estimator.lift(solver.flip(forward.state))
    if isinstance(estimator, ComplexStep):
        require_analytic(echo_step(*numbers), end, numbers[0])
    step = echo_step(*numbers)

    def one(carry, k, row):
        lifted, sums = carry
        row = estimator.adapt(row)
        lifted, shares = estimator.differentiate(
            lambda epsilon, state: step(epsilon, state, k, row), lifted, strength
        )
        return (lifted, sums.plus(shares, k)), None

    explicit = forward.explicit
    sums = Shares(None, zeros(back.energy), explicit.drive, explicit.held, explicit.dt)
    (lifted, sums), _ = problem.scan(one, (end, sums), reverse=True)
    (by_energy,) = pull_energy(sums.system)
    by_state = solver.conjugate(estimator.displacement(lifted, strength))
    by_H = add(explicit.H, by_energy)
    shares = Shares(by_H, explicit.system, sums.drive, sums.held, sums.dt)
    if not estimator.retraces:
        return Arrival(by_state, shares, jnp.zeros_like(problem.dt))
    return Arrival(by_state, shares, missed(solver.flip(estimator.centre(lifted)), start, forward))


def echo_solver(problem: Problem) -> AbstractEchoSolver:
    assert isinstance(problem.solver, AbstractEchoSolver)
    return problem.solver


def echo_step(problem: Problem, system: Any, back: Return):
    """(epsilon, state, k, row) -> (state before step k, its shares), on the flipped side."""
    dt, solver = problem.dt, echo_solver(problem)

    def step(epsilon, state, k, row):
        state = nudged(problem, system, epsilon, state, k, row)
        state, visits = solver.substeps(
            back.moving,
            state,
            dt,
            lambda c: back.inputs(problem.drive, row.inputs, k, c, dt),
            backward=True,
        )

        def action(s):
            return solver.action(
                s.system, visits, s.dt, lambda c: back.inputs(s.drive, s.held, k, c, s.dt)
            )

        (shares,) = slope(action, Shares(None, back.energy, problem.drive, row.inputs, dt))
        return state, shares

    return step


def nudged(problem: Problem, system: Any, epsilon: Inexact[Array, ""], state: PyTree, k, row):
    """Follow the cost of the flipped state, l~(y) = l(S y), for the time `epsilon`."""
    solver = echo_solver(problem)
    by_state = cost_slope(problem, system, solver.flip(state), k, row)
    return moved(solver, state, epsilon, by_state)


def moved(solver: AbstractEchoSolver, state: PyTree, epsilon: Any, by_state: PyTree) -> PyTree:
    """The state displaced by a nudge of strength `epsilon`."""
    # At epsilon = 0, where the tangent echo lives, the nudge's own derivative plays no part.
    push = lax.stop_gradient(solver.conjugate(by_state))
    return jax.tree.map(lambda x, dx: x + epsilon * dx, state, push)
