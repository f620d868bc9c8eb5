"""How fast neighbouring trajectories part."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._checks import check_finite, check_solver, check_start, check_state, check_steps, is_traced
from ._errors import DivergenceError
from ._hamiltonian import AbstractHamiltonian
from ._inputs import AbstractDrive, Inputs, make_drive
from ._solver import AbstractSolver
from ._types import PhaseState


@final
class LyapunovResult(eqx.Module):
    """The largest Lyapunov exponent, per unit time, and how it settled.

    `exponent` is the last entry of `running` [r], the estimates at the times `ts` [r] of
    the renormalisations. In chaos `running` levels off, with fluctuations that die slowly;
    in regular motion it falls like log(t) / t.
    """

    exponent: Float[Array, ""]
    running: Float[Array, " r"]
    ts: Float[Array, " r"]


def lyapunov_exponent(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: PhaseState,
    *,
    dt: float | Float[Array, ""],
    num_steps: int,
    renormalise_every: int = 10,
    discard: int = 0,
    key: Any = None,
    inputs: Inputs = None,
    throw: bool = True,
) -> LyapunovResult:
    """The largest Lyapunov exponent of the run of `num_steps` steps of `dt` from `y0`.

    A tangent vector goes through the derivative of every step (the tangent map of the
    method itself, so it is symplectic where the method is) and is scaled back to length 1
    every `renormalise_every` steps; the exponent is the mean of the logarithms of what it
    had grown by. The growth of the first `discard` steps is not counted: in them the
    tangent, drawn with `key` (`jax.random.key(0)` by default), turns to the direction that
    grows fastest. `y0` has q and p of shape [n]; `inputs` are as in `integrate`.

    Source: Benettin, Galgani & Strelcyn, Phys. Rev. A 14:2338 (1976); Benettin, Galgani,
    Giorgilli & Strelcyn, Meccanica 15:9 (1980); tangent map: Skokos & Gerlach, Phys. Rev. E
    82:036704 (2010).

    Raises `ValueError` for shapes, steps and methods that don't fit, and `DivergenceError`
    if the run or its tangent leaves the finite numbers (an equinox error inside `jax.jit`;
    `throw=False` does not look).
    """
    check_solver(solver)
    solver.check(H)
    if H.is_noisy:
        raise ValueError("exponents are of runs without noise: make the system without temperature")
    y0 = check_state(H, y0)
    check_steps(dt, num_steps)
    _check_counts(num_steps, renormalise_every, discard)
    step = jnp.asarray(dt, y0.q.dtype)
    drive, rows = make_drive(inputs, H, num_steps, step.dtype)
    if throw and not is_traced((H, y0, step, rows, drive)):
        check_finite(H)
        first = None if rows is None else rows[0]
        check_start(H, solver, y0, drive.at(first, jnp.zeros((), int), 0.0, step), float(dt))
    tangent = _direction(jax.random.key(0) if key is None else key, y0)
    growth = _growth(H, solver, drive, y0, tangent, step, rows, num_steps, renormalise_every)
    skipped = discard // renormalise_every
    counts = jnp.arange(1, growth.size - skipped + 1).astype(step.dtype)
    span = renormalise_every * step
    running = jnp.cumsum(growth[skipped:]) / (counts * span)
    result = LyapunovResult(running[-1], running, (counts + skipped) * span)
    return _check_result(result, solver) if throw else result


def _check_counts(num_steps, renormalise_every, discard):
    if renormalise_every < 1 or num_steps % renormalise_every:
        raise ValueError(
            f"num_steps ({num_steps}) must be a multiple of renormalise_every ({renormalise_every})"
        )
    if not 0 <= discard < num_steps or discard % renormalise_every:
        raise ValueError(
            f"discard ({discard}) must be a multiple of renormalise_every "
            f"({renormalise_every}) below num_steps ({num_steps})"
        )


def _direction(key, y: PhaseState) -> PhaseState:
    """A random direction of length 1."""
    flat = jax.random.normal(key, (2 * y.q.size,), y.q.dtype)
    flat = flat / jnp.linalg.norm(flat)
    return PhaseState(flat[: y.q.size], flat[y.q.size :])


@eqx.filter_jit
def _growth(H, solver, drive: AbstractDrive, y0, tangent, dt, rows, num_steps, every):
    """Logarithm of the growth from each renormalisation to the next."""
    system = solver.prepare(H)

    def one(carry, x):
        (state, tangent), (k, row) = carry, x

        def step(state):
            return solver.step(system, state, dt, lambda c: drive.at(row, k, c, dt))

        return jax.jvp(step, (state,), (tangent,)), None

    def renormalised(carry, x):
        (state, tangent), _ = jax.lax.scan(one, carry, x)
        # The method may carry more than a PhaseState; all of its tangent is scaled alike.
        dy = jax.jvp(lambda s: solver.read(system, s), (state,), (tangent,))[1]
        norm = jnp.sqrt(jnp.sum(dy.q**2) + jnp.sum(dy.p**2))
        return (state, jax.tree.map(lambda x: x / norm, tangent)), jnp.log(norm)

    xs = (jnp.arange(num_steps), rows)
    xs = jax.tree.map(lambda x: x.reshape(-1, every, *x.shape[1:]), xs)
    start = jax.jvp(lambda y: solver.start(system, y), (y0,), (tangent,))
    return jax.lax.scan(renormalised, start, xs)[1]


def _check_result(result: LyapunovResult, solver: AbstractSolver) -> LyapunovResult:
    if is_traced(result):
        bad = ~jnp.all(jnp.isfinite(result.running))
        return eqx.error_if(result, bad, "the run or its tangent diverged: reduce dt")
    finite = np.isfinite(np.asarray(result.running))
    if finite.all():
        return result
    when = float(result.ts[int(np.argmin(finite))])
    raise DivergenceError(
        f"the run or its tangent is no longer finite at t = {{when}}. {solver.failure_hint}"
        "Reduce dt, or renormalise more often",
        when=when,
    )
