"""Echoes with gain: two nudged runs of the inverse of a uniformly or modally damped system.

With velocities decaying at rates D = M^-1 G + R K, the tangent of the inverse step and the adjoint
of the step differ by a decay alone,

    lambda_p = exp(D t) delta_q,    lambda_q = exp(D^T t) delta_p     (up to the echo's signs),

if D commutes with the motion: uniform losses, G = gamma M, always do, and modal ones in linear
systems, K M^-1 G = G M^-1 K. So the nudge at time t is
weighted by exp(-D t) and readings by exp(D t): early nudges, which lose least on the way,
are the strongest. Readings pair displacements of the echoes with the adjoint of the step:
dL/dG of a conductance is minus the displaced flux times the velocity.
"""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jaxtyping import Array, Float, PyTree

from physsim import (
    AbstractDamped,
    AbstractHamiltonian,
    AbstractSolver,
    AbstractSplitting,
    KahanLi8,
    Parity,
    PhaseState,
    is_traced,
)

from .._problem import Problem
from .._shares import Shares
from ._echo import echo_solver, moved
from ._estimator import AbstractEstimator
from ._forward import Forward, cost_slope
from ._retrace import check_retrace, inverse_step, pull_step
from ._way_back import AbstractWayBack, Arrival, missed

_COMMUTES = 1e-9


def check_gain(H: AbstractHamiltonian, solver: AbstractSolver, parity: Parity) -> None:
    """`ValueError` unless an echo with gain gives the gradient of a run of `solver` on `H`."""
    check_retrace(H)
    base = solver.base if isinstance(solver, KahanLi8) else solver
    if not isinstance(base, AbstractSplitting):
        raise ValueError(
            f"the areas of a step of {solver.name} don't shrink by the losses' own factor, so an "
            "echo with gain would be biased: use SRKN11b(), or ReversibleAdjoint()"
        )
    if parity.params or parity.inputs or not isinstance(H, AbstractDamped):
        raise ValueError(
            "an echo with gain needs an energy even in p: use ReversibleAdjoint() or BPTT()"
        )
    if not (H.is_reciprocal and H.has_exact_flows):
        raise ValueError(
            "an echo with gain needs linear losses without gyrators: use ReversibleAdjoint() "
            "or BPTT()"
        )
    if is_traced(H):
        return
    defect = float(_defect(H))
    if defect > _COMMUTES:
        raise ValueError(
            "the losses are neither uniform (G = gamma M, the same rate for every momentum) nor "
            f"modal in a linear system (relative commutator {defect:.1e}): an echo with gain would "
            "be biased. Use ReversibleAdjoint() or BPTT()"
        )


@eqx.filter_jit
def _defect(H: AbstractDamped) -> Float[Array, ""]:
    """How far D is from commuting with the motion, relative; the stiffness is taken at q = 0.

    Where V is not quadratic only D = gamma I will do.
    """
    A, K, G, R = _matrices(H)
    D = A @ G + R @ K
    if not H.potential_is_quadratic:
        rate = jnp.trace(D) / D.shape[0]
        return _relative(D - rate * jnp.eye(D.shape[0], dtype=D.dtype), D)
    pairs = ((D @ A, A @ D.T), (K @ D, D.T @ K), (A @ G @ R @ K, R @ K @ A @ G))
    return jnp.max(jnp.stack([_relative(x - y, x) for x, y in pairs]))


def _relative(x, scale):
    size = jnp.linalg.norm(scale)
    return jnp.linalg.norm(x) / jnp.where(size > 0, size, 1.0)


def _matrices(H: AbstractDamped):
    """Inverse masses, stiffness, conductance and resistance, [n, n] each."""
    conservative, n = H.conservative.prepare(), len(H.coordinates)
    dtype = next(x.dtype for x in (H.conductance, H.resistance) if x is not None)
    rest, u = jnp.zeros(n, dtype), jnp.zeros(len(H.input_names), dtype)
    A = jax.jacfwd(conservative.velocity)(rest)
    K = -jax.jacfwd(lambda q: conservative.force(q, u))(rest)
    losses = [_square(x, n, dtype) for x in (H.conductance, H.resistance)]
    return A, K, *losses


def _square(losses, n, dtype):
    if losses is None:
        return jnp.zeros((n, n), dtype)
    return losses if losses.ndim == 2 else jnp.diag(losses)


@final
class Decay(eqx.Module):
    """exp(-D t) and exp(D t) at the time of a step, carried from step to step."""

    weight: Float[Array, "n n"]
    inverse: Float[Array, "n n"]

    def nudge(self, by_state: PhaseState) -> PhaseState:
        """A gradient by the state -> what the nudge follows."""
        return PhaseState(self.weight.T @ by_state.q, self.weight @ by_state.p)

    def read(self, gradient: PhaseState) -> PhaseState:
        """What displacements say -> the gradient by the state."""
        return PhaseState(self.inverse.T @ gradient.q, self.inverse @ gradient.p)

    def earlier(self, step: "Decay") -> "Decay":
        """The same one step before."""
        return Decay(self.weight @ step.inverse, self.inverse @ step.weight)


def _decay(D: Float[Array, "n n"], t: Float[Array, ""]) -> Decay:
    return Decay(jsl.expm(-t * D), jsl.expm(t * D))


@final
class DampedEcho(AbstractWayBack):
    """Echoes with gain, nudged as `estimator` says."""

    estimator: AbstractEstimator

    @property
    def measures(self):
        return True

    def __call__(self, problem, system, forward, start):
        return _run_damped(problem, system, forward, start, self.estimator)


def _run_damped(
    problem: Problem, system: Any, forward: Forward, start: PyTree, estimator: AbstractEstimator
) -> Arrival:
    """Echoes with gain, and what they have gathered."""
    solver = echo_solver(problem)
    strength = estimator.strength(forward.sizes, problem.num_steps)
    D = _rates(problem.H)
    step, one_step = _gain_step(problem, system), _decay(D, problem.dt)

    def one(carry, k, row):
        lifted, decay, sums = carry
        lifted, nudged = estimator.differentiate(
            lambda epsilon, state: step(epsilon, state, decay, k, row), lifted, strength
        )
        before = solver.flip(estimator.centre(lifted))
        by_state = decay.read(solver.conjugate(nudged))
        _, shares = pull_step(problem, system, before, by_state, k, row)
        return (lifted, decay.earlier(one_step), sums.plus(shares, k)), None

    explicit = forward.explicit
    sums = Shares(None, explicit.system, explicit.drive, explicit.held, explicit.dt)
    end = (
        estimator.lift(solver.flip(forward.state)),
        _decay(D, problem.num_steps * problem.dt),
        sums,
    )
    (lifted, _, sums), _ = problem.scan(one, end, reverse=True)
    by_state = solver.conjugate(estimator.displacement(lifted, strength))
    shares = Shares(explicit.H, sums.system, sums.drive, sums.held, sums.dt)
    end = solver.flip(estimator.centre(lifted))
    return Arrival(by_state, shares, missed(end, start, forward))


def _gain_step(problem: Problem, system):
    """(epsilon, state, decay, k, row) -> (state before step k, state as nudged), flipped."""
    solver, back = echo_solver(problem), inverse_step(problem, system)

    def step(epsilon, state, decay, k, row):
        by_state = cost_slope(problem, system, solver.flip(state), k, row)
        state = moved(solver, state, epsilon, decay.nudge(by_state))
        return solver.flip(back(solver.flip(state), k, row)), state

    return step


def _rates(H: Any) -> Float[Array, "n n"]:
    """D, or an error where training has led the losses away from it."""
    A, K, G, R = _matrices(H)
    return eqx.error_if(
        A @ G + R @ K,
        ~(_defect(H) <= _COMMUTES),
        "the losses are no longer uniform or modal, so that an echo with gain is biased: use "
        "ReversibleAdjoint()",
    )
