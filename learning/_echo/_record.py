"""A run and its echoes in full, to look at."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from physsim import AbstractHamiltonian, AbstractSolver, Inputs, PhaseState

from .._gradient import Cost, InitialState
from .._problem import make_problem
from ._echo import echo_solver, echo_step, make_return
from ._refusal import check_lossless, check_method, find_parity


@final
class EchoRecord(eqx.Module):
    """Trajectories [K+1, n] over `ts` [K+1]: forward, and the two nudged echoes.

    The echoes are stored by the forward time they pass, their momenta as they run (flipped).
    `gradient` is dL/dparams as it adds up from the end: `gradient[k]` is what the echoes
    have gathered when they reach time `ts[k]`, so `gradient[0]` is all of it but for what
    the initial state owes to the parameters.
    """

    ts: Float[Array, " saves"]
    forward: PhaseState
    echo_plus: PhaseState
    echo_minus: PhaseState
    gradient: PyTree


def record_echo(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: InitialState,
    cost: Cost,
    *,
    dt: float,
    num_steps: int,
    epsilon: float,
    inputs: Inputs = None,
    targets: Any = None,
) -> EchoRecord:
    """Run forward, flip, run two echoes nudged by +-`epsilon`, and keep everything.

    Memory is proportional to the run: for pictures, not for training.
    """
    check_method(H, solver)
    check_lossless(H, "There is no picture of its echo")
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}")
    problem = make_problem(H, solver, y0, cost, dt, num_steps, inputs, targets)
    return _record(problem, jnp.asarray(epsilon, problem.dt.dtype))


@eqx.filter_jit
def _record(problem, epsilon):
    H, dt, solver = problem.H, problem.dt, echo_solver(problem)
    y0, system = problem.start(H), solver.prepare(H)
    # The echo's shares are by what `prepare` makes; each is pulled back to the parameters.
    back, pull_energy = make_return(problem, find_parity(H, None))

    def forward(state, k, row):
        state = solver.step(system, state, dt, lambda c: problem.drive.at(row.inputs, k, c, dt))
        y = solver.read(system, state)
        explicit = eqx.filter_grad(lambda H: problem.cost_at(H, y, problem.drive, row, k, dt))(H)
        return state, (y, explicit)

    end, (ys, explicit) = problem.scan(forward, solver.start(system, y0))
    step = echo_step(problem, system, back)

    def one(pair, k, row):
        pair, shares = jax.vmap(lambda e, state: step(e, state, k, row))(
            jnp.stack([epsilon, -epsilon]), pair
        )
        share = jax.tree.map(lambda g: (g[0] - g[1]) / (2 * epsilon), shares.system)
        return pair, (_read(solver, system, pair), pull_energy(share)[0])

    start = jax.tree.map(lambda x: jnp.stack([x, x]), solver.flip(end))
    _, (pairs, shares) = problem.scan(one, start, reverse=True)
    first = _read(solver, system, start)
    echoes = jax.tree.map(lambda s, x: jnp.concatenate([x, s[None]]), first, pairs)
    return EchoRecord(
        jnp.arange(problem.num_steps + 1).astype(dt.dtype) * dt,
        jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), y0, ys),
        jax.tree.map(lambda x: x[:, 0], echoes),
        jax.tree.map(lambda x: x[:, 1], echoes),
        jax.tree.map(_from_the_end, shares, explicit),
    )


def _read(solver, system, pair):
    return jax.vmap(lambda state: solver.read(system, state))(pair)


def _from_the_end(share, explicit):
    """Sums over steps k.., with a last row of zeros for the moment of the flip."""
    sums = jnp.cumsum((share + explicit)[::-1], axis=0)[::-1]
    return jnp.concatenate([sums, jnp.zeros_like(sums[:1])])
