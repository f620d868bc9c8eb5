"""Ways to lead a run back from its end, and the gradient that is gathered on them."""

import dataclasses
from abc import abstractmethod
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from physsim import DivergenceError, is_traced

from .._gradient import AbstractGradient, Gradients
from .._problem import Problem
from .._shares import Shares, add
from ._forward import Forward, largest, run_forward

_TOLERANCE = 1e-3
_MISSED = (
    "the way back missed the start of the run: rounding grew along it, exponentially in chaotic "
    "motion and by exp(gamma T) where losses run as gain. Wrap the method in ExactReversal(...) if "
    "the system is lossless, shorten the run, or use BPTT()"
)


@final
class Arrival(NamedTuple):
    """What a way back has gathered when it comes to the start."""

    by_state: PyTree
    """dL/d what is carried at the start."""
    shares: Shares
    """All else, with the forward run's own."""
    missed: Float[Array, ""]
    """How far it came from the start, by the size of the states; 0 where it need not meet it."""


def missed(end: PyTree, start: PyTree, forward: Forward) -> Float[Array, ""]:
    """The distance of the way back's end from the start, by the size of the states."""
    size = jnp.maximum(largest(start), largest(forward.state))
    apart = largest(jax.tree.map(jnp.subtract, end, start))
    return apart / jnp.where(size > 0, size, 1.0)


def require_met(gradients: PyTree, missed: Float[Array, ""]) -> PyTree:
    """`gradients`, or an error where the way back did not come to the start of the run."""
    lost = ~(missed <= _TOLERANCE)
    if is_traced(lost):
        return eqx.error_if(gradients, lost, _MISSED)
    if bool(lost):
        raise DivergenceError(_MISSED)
    return gradients


def reason(error: Exception) -> str:
    """What `error` says in one line, without the stack that equinox tells before it."""
    return str(error).rpartition("EquinoxRuntimeError: ")[2].splitlines()[0]


class AbstractWayBack(eqx.Module):
    """From the end of a run to its start, in memory that does not grow with the run."""

    @property
    def measures(self) -> bool:
        """Whether the forward run has to measure the sizes of the nudges."""
        return False

    @abstractmethod
    def __call__(self, problem: Problem, system: Any, forward: Forward, start: PyTree) -> "Arrival":
        """Lead the run back from where `forward` left it to `start`, what was carried there."""


class AbstractEcho(AbstractGradient):
    """A gradient method that keeps the end of a run alone and leads it back."""

    @abstractmethod
    def way_back(self, H: Any, dtype: Any) -> AbstractWayBack:
        """How runs of `H` are led back, in numbers of `dtype`."""

    def evaluate(self, problem):
        way = self.way_back(problem.H, problem.dt.dtype)
        value, gradients, missed = gradient_on(problem, way)
        return value, require_met(gradients, missed)


@eqx.filter_jit
def gradient_on(problem: Problem, way: AbstractWayBack) -> tuple[Any, Gradients, Any]:
    """(value, gradients, how far the start was missed) of a forward run and the way back."""
    y0, pull_initial = eqx.filter_vjp(problem.start, problem.H)
    system, pull_system = eqx.filter_vjp(problem.solver.prepare, problem.H)
    start, pull_start = eqx.filter_vjp(problem.solver.start, system, y0)
    seen, pull_seen = eqx.filter_vjp(lambda H: H.with_inverses(), problem.H)
    problem = dataclasses.replace(problem, seen=seen)
    forward = run_forward(problem, system, start, measure=way.measures)
    (by_cost,) = pull_seen(forward.explicit.H)
    forward = eqx.tree_at(lambda f: f.explicit.H, forward, by_cost)
    by_state, shares, missed = way(problem, system, forward, start)
    by_system, by_y0 = pull_start(by_state)
    (from_initial,), (from_system,) = (
        pull_initial(by_y0),
        pull_system(add(shares.system, by_system)),
    )
    by_H = add(add(shares.H, from_initial), from_system)
    return forward.value, Gradients(by_H, by_y0, shares.inputs(), shares.dt), missed
