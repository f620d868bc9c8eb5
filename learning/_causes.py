"""Why gradients differ: what the size of nudges, the step and rounding each contribute."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from physsim import (
    AbstractHamiltonian,
    AbstractSolver,
    Inputs,
    PhaseState,
    check_solver,
    check_steps,
    integrate,
)

from ._adjoint import ContinuousAdjoint
from ._bptt import BPTT
from ._echo import RHEL, ReversibleAdjoint
from ._gradient import Cost, InitialState
from ._problem import Problem, Row, make_problem

EPSILONS = (1e-2, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 1e-6, 1e-7, 1e-8)


@final
@dataclass(frozen=True)
class ErrorCurves:
    """Relative errors (Euclidean norms over all parameters) and what they depend on.

    None where the echo, or the reversible adjoint, is refused for the system: `refused` says why.
    """

    epsilons: Float[np.ndarray, " e"]
    by_epsilon: Float[np.ndarray, " e"] | None
    """RHEL from the discrete gradient: epsilon^2 above, rounding / epsilon below. Nudges that
    RHEL would shorten, since all together displace the echo too far, are left out."""
    steps: Float[np.ndarray, " s"]
    by_step: Float[np.ndarray, " s"]
    """The discrete gradient from that of the differential equation; samples stay where they are."""
    order: int
    """The power of the step with which `by_step` falls."""
    rounding: float | None
    """The reversible adjoint from backpropagation: both are exact but for rounding."""
    missed: float | None
    """By how much the run misses its start, led back after a flip, relative to the largest state;
    None where inputs or parameters are odd under time reversal."""
    unreversed: float | None
    """RHEL without gain in the echo, from the discrete gradient, where the system is lossy."""
    refused: dict[str, str]

    def best_epsilon(self) -> float | None:
        """That of `epsilons` with the smallest error."""
        if self.by_epsilon is None:
            return None
        return float(self.epsilons[int(np.argmin(self.by_epsilon))])


def error_curves(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: InitialState,
    cost: Cost,
    *,
    dt: float,
    num_steps: int,
    inputs: Inputs = None,
    targets: Any = None,
    epsilons: Sequence[float] = EPSILONS,
    halvings: int = 2,
) -> ErrorCurves:
    """The errors of gradients over the nudge's size and over the step, dt and `halvings` halves.

    Arguments are those of gradient methods, with the same errors raised.
    """
    check_solver(solver)
    check_steps(dt, num_steps)
    problem = make_problem(H, solver, y0, cost, dt, num_steps, inputs, targets)
    refused: dict[str, str] = {}
    discrete = _flat(BPTT().evaluate(problem))
    tried = np.array(epsilons)
    by_epsilon = rounding = unreversed = None
    if _allowed(RHEL(), problem, refused):
        found = [_flat(RHEL(float(e)).evaluate(problem)) for e in epsilons]
        by_epsilon = np.array([_error(x, discrete) for x in found])
        different = np.append(np.abs(np.diff(by_epsilon)) > 1e-6 * by_epsilon[:-1], True)
        tried, by_epsilon = tried[different], by_epsilon[different]
    elif _allowed(RHEL(gain=False), problem, {}):
        unreversed = _error(_flat(RHEL(gain=False).evaluate(problem)), discrete)
    if _allowed(ReversibleAdjoint(), problem, refused):
        rounding = _error(_flat(ReversibleAdjoint().evaluate(problem)), discrete)
    exact = _flat(ContinuousAdjoint().evaluate(problem))
    factors = [2**k for k in range(halvings + 1)]
    finer = [discrete, *(_flat(BPTT().evaluate(_refined(problem, r))) for r in factors[1:])]
    return ErrorCurves(
        tried,
        by_epsilon,
        np.array([dt / r for r in factors]),
        np.array([_error(x, exact) for x in finer]),
        solver.order,
        rounding,
        _missed(problem, inputs),
        unreversed,
        refused,
    )


def _allowed(method, problem: Problem, refused: dict[str, str]) -> bool:
    try:
        method.check(problem.H, problem.solver)
    except ValueError as error:
        refused[type(method).__name__] = str(error)
        return False
    return True


def _flat(result) -> np.ndarray:
    leaves = jax.tree.leaves(eqx.filter(result[1].params, eqx.is_inexact_array))
    return np.concatenate([np.zeros(0), *(np.ravel(leaf) for leaf in leaves)])


def _error(x: np.ndarray, reference: np.ndarray) -> float:
    scale = float(np.linalg.norm(reference))
    return float(np.linalg.norm(x - reference)) / (scale or 1.0)


@final
class _Sampled(eqx.Module):
    """A cost of some steps only: a row is (target, weight)."""

    cost: Any

    def __call__(self, H, y, u, row):
        target, weight = row
        return weight * self.cost(H, y, u, target)


def _refined(problem: Problem, factor: int) -> Problem:
    """The same run and cost, with steps a `factor` shorter and samples where they were."""
    rows = jax.tree.map(lambda x: jnp.repeat(x, factor, axis=0), problem.rows)
    weights = jnp.zeros(problem.num_steps * factor, problem.dt.dtype).at[factor - 1 :: factor]
    return Problem(
        problem.H,
        problem.solver,
        problem.initial,
        _Sampled(problem.cost),
        problem.dt / factor,
        problem.drive,
        Row(rows.inputs, (rows.target, weights.set(1.0))),
        problem.num_steps * factor,
    )


def _missed(problem: Problem, inputs: Inputs) -> float | None:
    """The relative distance from the start after a run, a flip and the run back."""
    H, solver = problem.H, problem.solver
    parity = H.conservative.parity
    if not H.is_lossless or parity.params or parity.inputs:
        return None
    start = problem.start(H)
    options: dict[str, Any] = {
        "dt": float(problem.dt),
        "num_steps": problem.num_steps,
        "inputs": inputs,
    }
    ends: dict[str, Any] = {"save_every": problem.num_steps}
    there = integrate(H, solver, start, **options, **ends).final
    back = integrate(H, solver, there.reverse(), backward=True, **options, **ends).final.reverse()

    def norm(y: PhaseState) -> float:
        return float(jnp.sqrt(jnp.sum(y.q**2) + jnp.sum(y.p**2)))

    scale = max(norm(start), norm(there))
    return norm(jax.tree.map(lambda a, b: a - b, back, start)) / scale if scale else 0.0
