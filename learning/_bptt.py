"""Backpropagation through time: reverse-mode autodiff of the whole run."""

from typing import final

import equinox as eqx

from ._gradient import AbstractGradient
from ._problem import Problem
from ._reverse import reverse_mode


@final
class BPTT(AbstractGradient):
    """The reference: exact for the discrete run, memory proportional to its length."""

    def check(self, H, solver):
        solver.check(H)

    def evaluate(self, problem):
        return _bptt(problem)


@eqx.filter_jit
def _bptt(problem: Problem):
    def step(H, y, drive, held, k, dt):
        return problem.solver.step(H, y, dt, lambda c: drive.at(held, k, c, dt))

    return reverse_mode(problem, step)
