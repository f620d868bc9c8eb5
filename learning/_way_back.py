"""Ways to lead a run back from its end, and the gradient that is gathered on them."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, PyTree

from ._forward import Forward, run_forward
from ._gradient import AbstractGradient, Gradients
from ._problem import Problem
from ._shares import Shares, add


class AbstractWayBack(eqx.Module):
    """From the end of a run to its start, in memory that does not grow with the run."""

    @property
    def measures(self) -> bool:
        """Whether the forward run has to measure the sizes of the nudges."""
        return False

    @abstractmethod
    def __call__(
        self, problem: Problem, system: Any, forward: Forward, start: PyTree
    ) -> tuple[PyTree, Shares]:
        """(dL/d what is carried at the start, all other shares with `forward`'s own).

        `start` is what was carried there, for comparison.
        """


class AbstractEcho(AbstractGradient):
    """A gradient method that keeps the end of a run alone and leads it back."""

    @abstractmethod
    def way_back(self, H: Any, dtype: Any) -> AbstractWayBack:
        """How runs of `H` are led back, in numbers of `dtype`."""

    def evaluate(self, problem):
        return gradient_on(problem, self.way_back(problem.H, problem.dt.dtype))


@eqx.filter_jit
def gradient_on(problem: Problem, way: AbstractWayBack) -> tuple[Float[Array, ""], Gradients]:
    """(value, gradients) from a forward run and the way back."""
    y0, pull_initial = eqx.filter_vjp(problem.start, problem.H)
    system, pull_system = eqx.filter_vjp(problem.solver.prepare, problem.H)
    start, pull_start = eqx.filter_vjp(problem.solver.start, system, y0)
    forward = run_forward(problem, system, start, measure=way.measures)
    by_state, shares = way(problem, system, forward, start)
    by_system, by_y0 = pull_start(by_state)
    (from_initial,), (from_system,) = (
        pull_initial(by_y0),
        pull_system(add(shares.system, by_system)),
    )
    by_H = add(add(shares.H, from_initial), from_system)
    return forward.value, Gradients(by_H, by_y0, shares.inputs(), shares.dt)
