"""Gradients from echoes."""

from typing import final

import jax.numpy as jnp

from ._echo import check_echo, echo_gradient
from ._estimator import Tangent, TwoSided
from ._gradient import AbstractGradient


@final
class RHEL(AbstractGradient):
    """Recurrent Hamiltonian Echo Learning as hardware does it: three passes.

    Forward, flip, and two echoes nudged by +epsilon and -epsilon. `epsilon` is the largest
    displacement by a single nudge, in units of the state (default 1e-6, or 1e-3 in
    float32); the error is O(epsilon^2) plus rounding / epsilon. Constant memory. Needs a
    palindromic method and T even in p. Source: arXiv 2506.05259.
    """

    epsilon: float | None = None

    def __check_init__(self):
        if self.epsilon is not None and not self.epsilon > 0:
            raise ValueError(f"epsilon must be positive, got {self.epsilon}")

    def check(self, H, solver):
        check_echo(H, solver)

    def evaluate(self, problem):
        dtype = problem.dt.dtype
        epsilon = self.epsilon or (1e-6 if dtype.itemsize == 8 else 1e-3)
        return echo_gradient(problem, TwoSided(jnp.asarray(epsilon, dtype)))


@final
class ReversibleAdjoint(AbstractGradient):
    """The echo in the limit of small nudges: exact to rounding, constant memory."""

    def check(self, H, solver):
        check_echo(H, solver)

    def evaluate(self, problem):
        return echo_gradient(problem, Tangent())
