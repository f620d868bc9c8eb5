"""A run and its echoes in full, to look at."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from physsim import AbstractHamiltonian, AbstractSolver, Inputs, PhaseState

from ._echo import check_echo, echo_step
from ._gradient import Cost, InitialState
from ._problem import make_problem


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
    check_echo(H, solver)
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}")
    problem = make_problem(H, solver, y0, cost, dt, num_steps, inputs, targets)
    return _record(problem, jnp.asarray(epsilon, problem.dt.dtype))


@eqx.filter_jit
def _record(problem, epsilon):
    H = problem.H
    y0 = problem.start(H)
    dt = problem.dt
    # The echo's shares are by what `prepare` makes; each is pulled back to the parameters.
    prepared, pull_prepare = eqx.filter_vjp(problem.solver.prepare, H)

    def forward(y, k, row):
        y = problem.solver.step(prepared, y, dt, lambda c: problem.drive.at(row.inputs, k, c, dt))
        explicit = eqx.filter_grad(lambda H: problem.cost_at(H, y, problem.drive, row, k, dt))(H)
        return y, (y, explicit)

    end, (ys, explicit) = problem.scan(forward, y0)
    step = echo_step(problem, prepared)

    def back(pair, k, row):
        pair, shares = jax.vmap(lambda e, y: step(e, y, k, row))(
            jnp.stack([epsilon, -epsilon]), pair
        )
        share = jax.tree.map(lambda g: (g[0] - g[1]) / (2 * epsilon), shares.H)
        return pair, (pair, pull_prepare(share)[0])

    start = jax.tree.map(lambda x: jnp.stack([x, x]), end.reverse())
    _, (pairs, shares) = problem.scan(back, start, reverse=True)
    echoes = jax.tree.map(lambda s, x: jnp.concatenate([x, s[None]]), start, pairs)
    return EchoRecord(
        jnp.arange(problem.num_steps + 1).astype(dt.dtype) * dt,
        jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), y0, ys),
        jax.tree.map(lambda x: x[:, 0], echoes),
        jax.tree.map(lambda x: x[:, 1], echoes),
        jax.tree.map(_from_the_end, shares, explicit),
    )


def _from_the_end(share, explicit):
    """Sums over steps k.., with a last row of zeros for the moment of the flip."""
    sums = jnp.cumsum((share + explicit)[::-1], axis=0)[::-1]
    return jnp.concatenate([sums, jnp.zeros_like(sums[:1])])
