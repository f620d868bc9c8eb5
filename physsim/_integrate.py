"""Running a Hamiltonian forward (or back) in time."""

import contextlib
import operator
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from ._checks import (
    check_finite,
    check_hamiltonian,
    check_solution,
    check_solver,
    check_start,
    check_state,
    check_steps,
    is_traced,
)
from ._hamiltonian import AbstractHamiltonian
from ._inputs import AbstractDrive, Inputs, make_drive
from ._noise import check_key, make_thermostat, step_keys
from ._progress import progress_bar
from ._solution import Solution
from ._solver import AbstractSolver
from ._types import PhaseState
from .sharding import Blocks, make_blocks, run_blocks, stream

# A bar moves at most so often, and not for less work (steps times coordinates) than this.
_CHUNKS = 100
_CHUNK = 2**16
_CPU_BLOCK = 64


def integrate(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: PhaseState,
    *,
    dt: float | Float[Array, ""],
    num_steps: int,
    inputs: Inputs = None,
    save_every: int = 1,
    key: Any = None,
    backward: bool = False,
    progress: bool = False,
    throw: bool = True,
    mesh: Mesh | None = None,
) -> Solution:
    """Simulate `num_steps` steps of length `dt` from `y0`, saving every `save_every` steps.

    `y0` has q and p of shape [n], or [B, n] for B samples at once. `inputs` is an array
    [num_steps, m] held over each step ([B, num_steps, m] for inputs of each sample), or a
    callable t -> [m] sampled at the times of the integrator's stages. `key` seeds the noise
    of a system with a temperature. With `backward` the inputs run in reverse: from
    `solution.final.reverse()` the run then retraces itself. `progress` shows a bar. Samples are
    spread over the devices of a `mesh`, where their results stay; on CPUs these have the same
    bits on any number of devices.

    Raises `ValueError` for shapes, steps and methods that don't fit, and `DivergenceError`
    for a step beyond the stability limit or a state that is no longer finite (`throw=False`
    returns the trajectory as it is). Inside `jax.jit` the second is an equinox error.

    >>> q, p = sympy.symbols("q p")
    >>> pendulum = physsim.symbolic(p**2 / 2 - sympy.cos(q), q=[q], p=[p])
    >>> y0 = physsim.PhaseState(jnp.array([1.0]), jnp.array([0.0]))
    >>> run = physsim.integrate(pendulum, physsim.SRKN11b(), y0, dt=0.2, num_steps=100)
    >>> run.ys.q.shape, bool(abs(physsim.energy_error(run)).max() < 1e-7)
    ((101, 1), True)
    """
    check_hamiltonian(H)
    check_solver(solver)
    solver.check(H)
    check_key(H, key, backward)
    y0 = check_state(H, y0, batched=True)
    # Those of numpy would be taken for arrays.
    num_steps, save_every = operator.index(num_steps), operator.index(save_every)
    check_steps(dt, num_steps, save_every)
    dtype, batch = y0.q.dtype, y0.q.shape[0] if y0.q.ndim == 2 else None
    step = jnp.asarray(dt, dtype)
    drive, rows = make_drive(inputs, H, num_steps, dtype, batch)
    traced = is_traced((H, y0, step, rows, drive))
    if throw and not traced:
        check_finite(H)
        first = None if rows is None else rows[0]
        check_start(H, solver, y0, drive.at(first, jnp.zeros((), int), 0.0, step), float(dt))
    order = np.arange(num_steps)
    if backward:
        order, rows = order[::-1], None if rows is None else rows[::-1]
    if mesh is not None and batch is None:
        raise ValueError("a mesh shares samples between its devices: y0 must have shape (batch, n)")
    if key is not None and batch is not None:
        key = jax.random.split(key, batch)
    run = _Run(H, solver, drive, step, key, backward)
    progress = progress and not traced
    if mesh is None:
        chunks = min(_CHUNKS, 1 + num_steps * y0.q.size // _CHUNK) if progress else 1
        y, ys, energies = _in_blocks(run, y0, order, rows, save_every, chunks)
    else:
        y, ys, energies = _over_devices(run, y0, order, rows, save_every, mesh, progress)
    ts = jnp.asarray(np.arange(0, num_steps + 1, save_every), dtype) * step
    solution = Solution(ts, ys, energies, y, H.coordinates)
    return check_solution(solution, solver, traced) if throw else solution


@final
class _Run(eqx.Module):
    """What stays the same over all chunks of a run."""

    H: Any
    solver: AbstractSolver
    drive: AbstractDrive
    dt: Float[Array, ""]
    key: Any
    backward: bool = eqx.field(static=True)

    def with_key(self, key: Any) -> "_Run":
        return _Run(self.H, self.solver, self.drive, self.dt, key, self.backward)

    def prepare(self):
        """What the solver steps, and the thermostat of a noisy system."""
        if self.key is None:
            return self.solver.prepare(self.H), None
        return self.solver.prepare(self.H.conservative), make_thermostat(self.H)

    def energy(self, system, y, k, row, *, end: bool):
        fraction = 1.0 if end != self.backward else 0.0
        return system(y.q, y.p, self.drive.at(row, k, fraction, self.dt))


def _in_blocks(run, y0, order, rows, save_every, chunks):
    """The run of one sample, or of blocks of samples, the samples on the trailing axis.

    On a CPU a block's state stays in the cache from step to step.
    """
    if y0.q.ndim == 1:
        return _in_chunks(run, y0, order, rows, save_every, chunks)
    batch = y0.q.shape[0]
    size = min(batch, _CPU_BLOCK) if jax.default_backend() == "cpu" else batch
    results = []
    for start in range(0, batch, size):
        part = slice(start, start + size)
        block = run if run.key is None else run.with_key(run.key[part])
        columns = jax.tree.map(lambda x, part=part: x[part].T, y0)
        own = rows if rows is None or rows.ndim == 2 else rows[..., part]
        results.append(_in_chunks(block, columns, order, own, save_every, chunks))
    y, ys, energies = jax.tree.map(lambda *x: jnp.concatenate(x, axis=-1), *results)
    rows_first = jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), (y, ys, energies))
    return rows_first


def _over_devices(run, y0, order, rows, save_every, mesh, progress):
    """The run of many samples, each device doing blocks of them."""
    batch, held = y0.q.shape[0], None if rows is None or rows.ndim == 2 else rows
    most = _CPU_BLOCK if jax.default_backend() == "cpu" else -(-batch // mesh.size)
    blocks = make_blocks(batch, most, 1, mesh)
    samples = (y0, run.key, None if held is None else jnp.moveaxis(held, -1, 0))
    shared = rows if held is None else None
    block = eqx.Partial(_block, run.with_key(None), order, shared, save_every)

    def call(numbers, live):
        chosen = np.minimum(numbers, batch - 1)
        return run_blocks(block, jax.tree.map(lambda x: x[chosen], samples), live, mesh)

    calls = stream(call, blocks, lambda found: found, "simulating" if progress else None)
    return _joined(calls, blocks)


def _block(run, order, rows, save_every, samples):
    y, key, held = samples
    run = run.with_key(key)
    rows = rows if held is None else jnp.moveaxis(held, 0, -1)
    columns = jax.tree.map(lambda x: x.T, y)
    found = _in_chunks(run, columns, order, rows, save_every, 1)
    return jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), found)


@eqx.filter_jit
def _joined(calls, blocks: Blocks):
    def join(*parts):
        return blocks.join(jnp.concatenate(parts, axis=1)[:, : blocks.rounds])

    return jax.tree.map(join, *calls)


def _in_chunks(run, y, order, rows, save_every, chunks):
    """The run, cut so that a progress bar can move; the states are the same in any cut."""
    saves = order.size // save_every
    size = -(-saves // chunks) * save_every
    parts = [slice(start, start + size) for start in range(0, order.size, size)]
    cuts = [(order[part], None if rows is None else rows[part]) for part in parts]
    bar = progress_bar("simulating", order.size) if chunks > 1 else contextlib.nullcontext()
    with bar as advance:
        state, saved = _begin(run, y, *cuts[0], save_every)
        pieces = [saved]
        _advance(advance, state, cuts[0])
        for cut in cuts[1:]:
            state, saved = _scan(run, state, *cut, save_every)
            pieces.append(saved)
            _advance(advance, state, cut)
    ys, energies = _concatenated(pieces)
    return jax.tree.map(lambda x: x[-1], ys), ys, energies


def _advance(advance, state, cut):
    if advance is not None:
        jax.block_until_ready(state)
        advance(cut[0].size)


def _concatenated(pieces):
    return jax.tree.map(lambda *x: jnp.concatenate(x), *pieces)


@eqx.filter_jit
def _begin(run, y, order, rows, save_every):
    """The start as the method takes it, and the first chunk: one compilation for both."""
    system, thermostat = run.prepare()
    state = run.solver.start(system, y)
    y = run.solver.read(system, state)
    energy = run.energy(system, y, order[0], None if rows is None else rows[0], end=False)
    start = jax.tree.map(lambda x: x[None], (y, energy))
    state, saved = _steps(run, system, thermostat, state, order, rows, save_every)
    return state, _concatenated([start, saved])


@eqx.filter_jit
def _scan(run, state, order, rows, save_every):
    return _steps(run, *run.prepare(), state, order, rows, save_every)


def _steps(run, system, thermostat, state, order, rows, save_every):
    def one(state, x):
        k, row = x
        first, second = (None, None) if thermostat is None else step_keys(run.key, k)
        state = _thermal(run, system, thermostat, state, x, first, 0.0)
        state = run.solver.step(
            system, state, run.dt, lambda c: run.drive.at(row, k, c, run.dt), backward=run.backward
        )
        return _thermal(run, system, thermostat, state, x, second, 1.0), None

    def between_saves(state, x):
        if save_every == 1:
            state, _ = one(state, jax.tree.map(lambda v: v[0], x))
        else:
            state, _ = jax.lax.scan(one, state, x)
        k, row = jax.tree.map(lambda v: v[-1], x)
        y = run.solver.read(system, state)
        return state, (y, run.energy(system, y, k, row, end=True))

    xs = jax.tree.map(lambda x: x.reshape(-1, save_every, *x.shape[1:]), (order, rows))
    return jax.lax.scan(between_saves, state, xs)


def _thermal(run, system, thermostat, state, x, keys, fraction):
    """Half a step of losses and noise, if there are any."""
    if thermostat is None:
        return state
    k, row = x
    y = run.solver.read(system, state)
    y = thermostat(y, run.drive.at(row, k, fraction, run.dt), run.dt / 2, keys)
    return run.solver.start(system, y)
