"""Running a Hamiltonian forward (or back) in time."""

import contextlib
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ._errors import DivergenceError
from ._hamiltonian import AbstractHamiltonian
from ._inputs import AbstractDrive, Inputs, make_drive
from ._progress import progress_bar
from ._solution import Solution
from ._solver import AbstractSplitting
from ._step_size import check_step
from ._types import PhaseState

_CHUNKS = 100


def integrate(
    H: AbstractHamiltonian,
    solver: AbstractSplitting,
    y0: PhaseState,
    *,
    dt: float | Float[Array, ""],
    num_steps: int,
    inputs: Inputs = None,
    save_every: int = 1,
    backward: bool = False,
    progress: bool = False,
    throw: bool = True,
) -> Solution:
    """Simulate `num_steps` steps of length `dt` from `y0`, saving every `save_every` steps.

    `inputs` is an array [num_steps, m] held over each step, or a callable t -> [m] sampled
    at the times of the integrator's stages. With `backward` the inputs run in reverse: from
    `solution.final.reverse()` the run then retraces itself. `progress` shows a bar.

    Raises `ValueError` for shapes, steps and methods that don't fit, and `DivergenceError`
    for a step beyond the stability limit or a state that is no longer finite (`throw=False`
    returns the trajectory as it is). Inside `jax.jit` the second is an equinox error.
    """
    solver.check(H)
    y0 = check_state(H, y0)
    check_steps(dt, num_steps, save_every)
    dtype = y0.q.dtype
    step = jnp.asarray(dt, dtype)
    drive, rows = make_drive(inputs, H, num_steps, dtype)
    traced = is_traced((H, y0, step, rows, drive))
    if throw and not traced:
        first = None if rows is None else rows[0]
        start = drive.at(first, jnp.zeros((), int), 0.0, step)
        check_step(H, solver, y0, start, float(dt))
    order = jnp.arange(num_steps)
    if backward:
        order, rows = order[::-1], None if rows is None else rows[::-1]
    run = _Run(H, solver, drive, step, backward)
    chunks = _CHUNKS if progress and not traced else 1
    y, ys, energies = _in_chunks(run, y0, order, rows, save_every, chunks)
    ts = jnp.arange(num_steps // save_every + 1).astype(dtype) * save_every * step
    solution = Solution(ts, ys, energies, y, H.coordinates)
    return _checked(solution, traced) if throw else solution


@final
class _Run(eqx.Module):
    """What stays the same over all chunks of a run."""

    H: Any
    solver: AbstractSplitting
    drive: AbstractDrive
    dt: Float[Array, ""]
    backward: bool = eqx.field(static=True)


def _in_chunks(run, y, order, rows, save_every, chunks):
    """The run, cut so that a progress bar can move; the states are the same in any cut."""
    saves = order.size // save_every
    size = -(-saves // chunks) * save_every
    energy = _energy(run, y, order[0], None if rows is None else rows[0], end=False)
    ys, energies = [jax.tree.map(lambda x: x[None], y)], [energy[None]]
    bar = progress_bar("simulating", order.size) if chunks > 1 else contextlib.nullcontext()
    with bar as advance:
        for start in range(0, order.size, size):
            part = slice(start, start + size)
            cut = None if rows is None else rows[part]
            y, (y_saved, e_saved) = _scan(run, y, order[part], cut, save_every)
            ys.append(y_saved)
            energies.append(e_saved)
            if advance is not None:
                jax.block_until_ready(y)
                advance(order[part].size)
    return y, jax.tree.map(lambda *parts: jnp.concatenate(parts), *ys), jnp.concatenate(energies)


@eqx.filter_jit
def _scan(run, y, order, rows, save_every):
    H = run.H.prepare()

    def one(y, x):
        k, row = x
        return run.solver.step(
            H, y, run.dt, lambda c: run.drive.at(row, k, c, run.dt), backward=run.backward
        ), None

    def between_saves(y, x):
        if save_every == 1:
            y, _ = one(y, jax.tree.map(lambda v: v[0], x))
        else:
            y, _ = jax.lax.scan(one, y, x)
        k, row = jax.tree.map(lambda v: v[-1], x)
        return y, (y, _energy_at(run, H, y, k, row, 0.0 if run.backward else 1.0))

    xs = jax.tree.map(lambda x: x.reshape(-1, save_every, *x.shape[1:]), (order, rows))
    return jax.lax.scan(between_saves, y, xs)


@eqx.filter_jit
def _energy(run, y, k, row, *, end: bool):
    return _energy_at(run, run.H.prepare(), y, k, row, 1.0 if end != run.backward else 0.0)


def _energy_at(run, H, y, k, row, fraction):
    return H(y.q, y.p, run.drive.at(row, k, fraction, run.dt))


def check_state(H: AbstractHamiltonian, y: PhaseState) -> PhaseState:
    """`y` as floating-point arrays; `ValueError` if it does not fit `H` or is not finite."""
    n = len(H.coordinates)
    q, p = jnp.asarray(y.q), jnp.asarray(y.p)
    for name, x in (("q", q), ("p", p)):
        if x.shape != (n,):
            raise ValueError(f"the state's {name} must have shape ({n},), got {x.shape}")
        if not is_traced(x) and not np.all(np.isfinite(np.asarray(x))):
            raise ValueError(f"the initial state's {name} has entries that are not finite")
    dtype = jnp.result_type(q, p)
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.zeros(()).dtype
    return PhaseState(q.astype(dtype), p.astype(dtype))


def check_steps(dt, num_steps: int, save_every: int = 1) -> None:
    """`ValueError` unless the step is positive and the counts fit."""
    if not is_traced(dt) and not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt must be positive and finite, got {dt}")
    if num_steps < 1 or save_every < 1 or num_steps % save_every:
        raise ValueError(
            f"num_steps ({num_steps}) must be a positive multiple of save_every ({save_every})"
        )


def is_traced(tree) -> bool:
    """Whether any leaf is a JAX tracer, so that its value can't be looked at."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def _checked(solution: Solution, traced: bool) -> Solution:
    ys = solution.ys
    if traced:
        bad = ~(jnp.all(jnp.isfinite(ys.q)) & jnp.all(jnp.isfinite(ys.p)))
        return eqx.error_if(solution, bad, "the run diverged: reduce dt or the drive")
    finite = np.isfinite(np.asarray(ys.q)) & np.isfinite(np.asarray(ys.p))
    if finite.all():
        return solution
    save, variable = np.argwhere(~finite)[0]
    raise DivergenceError(
        f"the run diverged between t = {float(solution.ts[save - 1]):.6g} and "
        f"t = {float(solution.ts[save]):.6g}: {solution.coordinates[variable]} is no longer "
        "finite. Reduce dt or the drive, or look at the trajectory with throw=False"
    )
