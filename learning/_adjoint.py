"""The continuous adjoint: the gradient of the differential equation, not of a method."""

from typing import final

import diffrax
import equinox as eqx
import jax

from physsim import PhaseState

from ._gradient import AbstractGradient
from ._problem import Problem
from ._reverse import Stepper, reverse_mode


@final
class ContinuousAdjoint(AbstractGradient):
    """The adjoint equations of the exact flow, integrated by diffrax.

    Dopri8 with tight tolerances from sample to sample, backsolve adjoint (Pontryagin; Chen
    et al., arXiv 1806.07366). What an integrator's gradient tends to as dt goes to zero, at
    the integrator's order. The method of the problem is not used.
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
    def step(H, y, drive, held, k, dt):
        """The exact flow over step k, in the time s = t / dt - k of that step.

        The step is an argument of the field, so the adjoint also gives the derivative by dt.
        """
        # A flat list: diffrax can't differentiate by trees with empty tuples in them, such as
        # the inductors of a circuit that has none.
        arrays, rest = eqx.partition((H, drive, held, k, dt), eqx.is_array)
        leaves, tree = jax.tree.flatten(arrays)

        def field(s, y, leaves):
            return _field(s, y, eqx.combine(jax.tree.unflatten(tree, leaves), rest))

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            diffrax.Dopri8(),
            0.0,
            1.0,
            1.0,
            y,
            leaves,
            stepsize_controller=diffrax.PIDController(method.rtol, method.atol),
            adjoint=diffrax.BacksolveAdjoint(),
            max_steps=method.max_steps,
        )
        return jax.tree.map(lambda x: x[-1], solution.ys)

    def itself(system, y):
        return y

    return reverse_mode(problem, Stepper(lambda H: H.prepare(), itself, step, itself))


def _field(s, y, args):
    H, drive, held, k, dt = args
    velocity, force = H.vector_field(y.q, y.p, drive.at(held, k, s, dt))
    return PhaseState(dt * velocity, dt * force)
