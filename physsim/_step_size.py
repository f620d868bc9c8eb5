"""How stiff a Hamiltonian is at a state, and the step that asks for."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._damping import AbstractDamped
from ._errors import DivergenceError
from ._hamiltonian import AbstractHamiltonian
from ._solver import AbstractSolver
from ._types import PhaseState

_ITERATIONS = 100
_FORCES_PER_PERIOD = 100


@eqx.filter_jit
def fastest_frequency(
    H: AbstractHamiltonian, y: PhaseState, u: Float[Array, " m"]
) -> Float[Array, ""]:
    """The largest angular frequency of small motions about `y`, in radians per unit time.

    Power iteration on the square of the linearised flow, matrix-free: a lower bound that
    is within a percent or so of the truth. Unstable directions count with the modulus of
    their rate; losses, which splittings solve exactly, do not count.
    """
    system = H.conservative.prepare()

    def field(q, p):
        return system.vector_field(q, p, u)

    def square(x):
        # Where p does not act on q by itself, one application would mix units; two do not.
        return _linear(field, y, _linear(field, y, x))

    def iterate(x, _):
        moved = square(x)
        norm = _norm(moved)
        return _scaled(moved, 1.0 / jnp.where(norm > 0, norm, 1.0)), norm

    _, norms = jax.lax.scan(iterate, _start(y), length=_ITERATIONS)
    # Where motions of one modulus, stable and not, take turns, the norm swings about it.
    late = norms[_ITERATIONS // 2 :]
    mean = jnp.exp(jnp.mean(jnp.log(jnp.where(late > 0, late, 1.0))))
    return jnp.where(jnp.all(late > 0), jnp.sqrt(mean), 0.0)


@eqx.filter_jit
def fastest_decay(H: AbstractHamiltonian) -> Float[Array, ""]:
    """The largest rate at which linear losses let a momentum or position relax, 0 without."""
    if not isinstance(H, AbstractDamped) or H.is_lossless:
        return jnp.zeros(())
    found = [relaxation.fastest for relaxation in H.relaxations() if relaxation is not None]
    return jnp.max(jnp.stack(found), initial=0.0) if found else jnp.zeros(())


def _start(y):
    # Neighbours in antiphase are the fastest motion of most networks; the ramp and the
    # irregular part keep the start from being orthogonal to it in the others.
    index = jnp.arange(y.q.size, dtype=y.q.dtype)
    ramp = 1.0 + index / y.q.size + 0.3 * jnp.sin(index * index)
    x = ramp * jnp.where(jnp.arange(y.q.size) % 2 == 0, 1.0, -1.0).astype(y.q.dtype)
    x = x / jnp.linalg.norm(x)
    return x, x


def _linear(field, y, x):
    return jax.jvp(field, (y.q, y.p), x)[1]


def _norm(x):
    return jnp.sqrt(jnp.sum(x[0] ** 2) + jnp.sum(x[1] ** 2))


def _scaled(x, factor):
    return x[0] * factor, x[1] * factor


def suggest_dt(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y: PhaseState,
    u: Float[Array, " m"] | None = None,
) -> float:
    """A step with 100 force evaluations a period of the fastest small motion about `y`.

    For SRKN11b this is omega h = 0.75, about 8 steps a period. Never more than half the
    stability limit, or 8 steps a period. Losses that are faster than all oscillations
    count like a frequency: a splitting resolves how the two act on each other.
    """
    u = jnp.zeros(len(H.input_names), y.q.dtype) if u is None else u
    omega = float(fastest_frequency(H, y, u))
    if omega and math.isfinite(solver.stability_limit):
        omega = max(omega, float(fastest_decay(H)))
    if omega == 0.0:
        return 1.0
    return suggested_angle(solver) / omega


def suggested_angle(solver: AbstractSolver) -> float:
    """omega h of the step that is suggested."""
    by_cost = 2 * math.pi * solver.force_evaluations / _FORCES_PER_PERIOD
    return min(by_cost, solver.stability_limit / 2, math.pi / 4)


def check_step(solver: AbstractSolver, omega: float, dt: float) -> None:
    """Raise `DivergenceError` if `dt` is beyond the stability limit at the frequency `omega`."""
    limit = solver.stability_limit
    if omega * dt > limit:
        raise DivergenceError(
            f"dt = {{dt}} is beyond the stability limit of {solver.name}: the fastest motion at "
            "the start has a period of {period}, so dt must be below {limit}",
            dt=dt,
            period=2 * math.pi / omega,
            limit=limit / omega,
        )
