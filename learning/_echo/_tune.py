"""The strength of nudges that suits a problem, and how far the gradient is off at it."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from physsim import AbstractHamiltonian, AbstractSolver, Inputs

from .._gradient import Cost, Gradients, InitialState
from .._problem import Problem, make_problem
from ._estimator import largest_epsilon
from ._forward import run_forward
from ._rhel import RHEL

# Half decades. The best one of two echoes lies near the cube root of the rounding unit, after
# which rounding has grown along the run.
_LADDERS = {8: np.logspace(-3, -7, 9), 4: np.logspace(-1, -4, 7)}


@final
class Tuned(eqx.Module):
    """What `tune_epsilon` found.

    `method` is the given one with its epsilon set; `value` and `gradients` are its; `error` has
    the shape of `gradients` and estimates the absolute error of each entry. `epsilons` [E] were
    tried, `errors` [E] are the estimated relative errors of the whole gradient at them.
    """

    method: RHEL
    value: Float[Array, ""]
    gradients: Gradients
    error: Gradients
    epsilons: Float[np.ndarray, " E"]
    errors: Float[np.ndarray, " E"]


def tune_epsilon(
    method: RHEL,
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: InitialState,
    cost: Cost,
    *,
    dt: float | Float[Array, ""],
    num_steps: int,
    inputs: Inputs = None,
    targets: Shaped[Array, "rows ..."] | None = None,
    epsilons: Any = None,
) -> Tuned:
    """Find the epsilon at which the echoes of `method` agree best with those of its neighbours.

    Bias grows with epsilon and rounding falls, so gradients at neighbouring strengths differ
    least near the best one, and by about their error (Ridders' choice of a step, Adv. Eng.
    Softw. 4:75, 1982, without its extrapolation). `epsilons` are tried, by default half decades
    from 1e-3 to 1e-7, or from 1e-1 to 1e-4 in float32, and less where the run bears less; each
    is a forward run and its echoes.

    Raises `ValueError` for fewer than three strengths or ones that are not positive, and what
    the method raises.
    """
    options = {"dt": dt, "num_steps": num_steps, "inputs": inputs, "targets": targets}
    method.check(H, solver)
    problem = make_problem(H, solver, y0, cost, dt, num_steps, inputs, targets)
    ladder = _ladder(epsilons, float(_largest(problem)), problem.dt.dtype)
    found = [_at(method, float(epsilon))(H, solver, y0, cost, **options) for epsilon in ladder]
    gradients = [g for _, g in found]
    steps = [_apart(a, b) for a, b in zip(gradients[1:], gradients[:-1], strict=True)]
    # Of two differences the larger: a single one may be small by chance.
    inner = [jax.tree.map(jnp.maximum, a, b) for a, b in zip(steps[1:], steps[:-1], strict=True)]
    error = [inner[0], *inner, inner[-1]]
    relative = np.array([_norm(e) / _norm(g) for e, g in zip(error, gradients, strict=True)])
    best = int(np.argmin(relative))
    value, gradient = found[best]
    return Tuned(_at(method, float(ladder[best])), value, gradient, error[best], ladder, relative)


@eqx.filter_jit
def _largest(problem: Problem) -> Float[Array, ""]:
    """The epsilon beyond which nudges are not made stronger."""
    system, y0 = problem.solver.prepare(problem.H), problem.start(problem.H)
    start = problem.solver.start(system, y0)
    forward = run_forward(problem, system, start, measure=True)
    assert forward.sizes is not None
    return largest_epsilon(forward.sizes, problem.num_steps)


def _ladder(epsilons, largest: float, dtype) -> Float[np.ndarray, " E"]:
    """Strengths to try, falling; none beyond the largest, which all act alike."""
    if epsilons is None:
        ladder = _LADDERS[dtype.itemsize]
        return ladder * min(1.0, largest / ladder[0])
    ladder = np.asarray(epsilons, float)
    if ladder.ndim == 1 and np.all(ladder > 0):
        ladder = np.unique(np.minimum(ladder, largest))[::-1]
        if ladder.size >= 3:
            return ladder
    raise ValueError(
        f"epsilons must be at least three different positive strengths, got {epsilons}; those "
        f"beyond {largest:.3g} act alike on this run"
    )


def _at(method: RHEL, epsilon: float) -> RHEL:
    return RHEL(epsilon, method.estimator, method.parity, method.gain)


def _apart(a: Gradients, b: Gradients) -> Gradients:
    return jax.tree.map(lambda x, y: jnp.abs(x - y), a, b)


def _norm(gradients: Gradients) -> float:
    leaves = [np.ravel(x) for x in jax.tree.leaves(gradients)]
    return float(np.linalg.norm(np.concatenate(leaves)))
