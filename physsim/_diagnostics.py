"""How well a run keeps what the exact flow keeps."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._hamiltonian import AbstractHamiltonian
from ._inputs import Inputs
from ._integrate import integrate
from ._solution import Solution
from ._solver import AbstractSolver
from ._types import PhaseState


@jax.jit
def _drift(energies):
    start = energies[..., :1]
    return (energies - start) / jnp.where(start == 0, 1.0, jnp.abs(start))


def energy_error(solution: Solution) -> Float[Array, "*batch saves"]:
    """(E(t) - E(0)) / |E(0)|, or E(t) - E(0) where the run starts at energy zero."""
    return _drift(solution.energies)


def symplecticity_defect(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y: PhaseState,
    *,
    dt: float,
    u: Float[Array, " m"] | None = None,
    rate: float = 0.0,
) -> Float[Array, ""]:
    """max |M^T J M - exp(-rate dt) J| of one step's Jacobian M at `y`; zero but for rounding.

    With uniform damping, G = rate * M, the flow is conformally symplectic (McLachlan &
    Perlmutter, J. Geom. Phys. 39:276, 2001): pass its rate.
    """
    n = y.q.size
    u = jnp.zeros(len(H.input_names), y.q.dtype) if u is None else u
    system = solver.prepare(H)

    def step(x):
        state = solver.start(system, PhaseState(x[:n], x[n:]))
        z = solver.step(system, state, jnp.asarray(dt, x.dtype), lambda c: u)
        z = solver.read(system, z)
        return jnp.concatenate([z.q, z.p])

    M = jax.jit(jax.jacfwd(step))(jnp.concatenate([y.q, y.p]))
    zero, one = jnp.zeros((n, n), M.dtype), jnp.eye(n, dtype=M.dtype)
    J = jnp.block([[zero, one], [-one, zero]])
    return jnp.max(jnp.abs(M.T @ J @ M - jnp.exp(-rate * dt) * J))


def reversal_error(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: PhaseState,
    *,
    dt: float,
    num_steps: int,
    inputs: Inputs = None,
) -> Float[Array, ""]:
    """How far a run out and back misses its start, relative to the start's largest entry."""
    options = {"dt": dt, "num_steps": num_steps, "inputs": inputs, "save_every": num_steps}
    run = integrate(H, solver, y0, **options)
    # What the method made of the start: a grid may have rounded it.
    y0 = jax.tree.map(lambda x: x[0], run.ys)
    back = integrate(H, solver, run.final.reverse(), **options, backward=True).final.reverse()
    miss = jnp.maximum(jnp.max(jnp.abs(back.q - y0.q)), jnp.max(jnp.abs(back.p - y0.p)))
    return miss / jnp.maximum(jnp.max(jnp.abs(y0.q)), jnp.max(jnp.abs(y0.p)))
