"""How stiff a Hamiltonian is at a state, and the step that asks for."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._errors import DivergenceError
from ._hamiltonian import AbstractSeparableHamiltonian
from ._solver import AbstractSplitting
from ._types import PhaseState

_ITERATIONS = 100
_FORCES_PER_PERIOD = 100


@eqx.filter_jit
def fastest_frequency(
    H: AbstractSeparableHamiltonian, y: PhaseState, u: Float[Array, " m"]
) -> Float[Array, ""]:
    """The largest angular frequency of small motions about `y`, in radians per unit time.

    Power iteration on T'' V'', matrix-free: a lower bound that is within a percent or so
    of the truth. Unstable directions count with the modulus of their rate.
    """
    H = H.prepare()

    def apply(x):
        _, stiff = jax.jvp(lambda q: H.force(q, u), (y.q,), (x,))
        _, moved = jax.jvp(H.velocity, (y.p,), (stiff,))
        return -moved

    def iterate(_, carry):
        x, _ = carry
        moved = apply(x)
        norm = jnp.linalg.norm(moved)
        return moved / jnp.where(norm > 0, norm, 1.0), norm

    # Neighbours in antiphase are the fastest motion of most networks; the ramp keeps the
    # start from being orthogonal to it in the others.
    ramp = 1.0 + jnp.arange(y.q.size, dtype=y.q.dtype) / y.q.size
    x = ramp * jnp.where(jnp.arange(y.q.size) % 2 == 0, 1.0, -1.0).astype(y.q.dtype)
    x = x / jnp.linalg.norm(x)
    _, norm = jax.lax.fori_loop(0, _ITERATIONS, iterate, (x, jnp.zeros((), y.q.dtype)))
    return jnp.sqrt(norm)


def suggest_dt(
    H: AbstractSeparableHamiltonian,
    solver: AbstractSplitting,
    y: PhaseState,
    u: Float[Array, " m"] | None = None,
) -> float:
    """A step with 100 force evaluations a period of the fastest small motion about `y`.

    For SRKN11b this is omega h = 0.75, about 8 steps a period.
    """
    u = jnp.zeros(len(H.input_names), y.q.dtype) if u is None else u
    omega = float(fastest_frequency(H, y, u))
    if omega == 0.0:
        return 1.0
    return 2 * math.pi * solver.tableau.force_evaluations / (_FORCES_PER_PERIOD * omega)


def check_step(H, solver, y: PhaseState, u, dt: float) -> None:
    """Raise `DivergenceError` if `dt` is beyond the stability limit at the start."""
    omega = float(fastest_frequency(H, y, u))
    limit = solver.tableau.stability_limit
    if omega * dt > limit:
        raise DivergenceError(
            f"dt = {dt:.6g} is beyond the stability limit of {solver.tableau.name}: the fastest "
            f"motion at the start has angular frequency {omega:.6g}, so dt must be below "
            f"{limit / omega:.6g}"
        )
