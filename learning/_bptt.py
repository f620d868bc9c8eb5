"""Backpropagation through time: reverse-mode autodiff of the whole run."""

from typing import final

import equinox as eqx

from ._gradient import AbstractGradient
from ._problem import Problem
from ._reverse import Stepper, reverse_mode


@final
class BPTT(AbstractGradient):
    """The reference: exact for the discrete run, memory proportional to its length."""

    def check(self, H, solver):
        solver.check(H)

    def evaluate(self, problem):
        return _bptt(problem)


@eqx.filter_jit
def _bptt(problem: Problem):
    solver = problem.solver

    # A step is computed again where its derivative is wanted: that is faster than to store,
    # and fetch, all that a step computes on its way.
    @eqx.filter_checkpoint
    def step(system, state, drive, held, k, dt):
        return solver.step(system, state, dt, lambda c: drive.at(held, k, c, dt))

    return reverse_mode(problem, Stepper(solver.prepare, solver.start, step, solver.read))
