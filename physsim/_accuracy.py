"""How accurate the steps of a run were, whatever it met on its way."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy
from jaxtyping import Array, Float

from ._energy import symbolic
from ._hamiltonian import AbstractHamiltonian
from ._inputs import make_drive
from ._solution import Solution
from ._solver import AbstractSolver
from ._step_size import suggested_angle
from ._types import PhaseState

_SAMPLES = 256
_TYPICAL = 90.0


def step_error(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    solution: Solution,
    dt: float,
    inputs: Callable[..., Any] | None = None,
) -> float:
    """The error a step of `dt` typically makes along a run, relative to the run's size.

    From up to 256 of the saved states, one step is compared with two of half the length; the
    result is the 90th percentile, so that corners of a drive do not count. Infinite where
    the run left the finite numbers.
    """
    saves = solution.ts.size
    index = np.unique(np.linspace(0, saves - 1, min(saves, _SAMPLES)).astype(int))
    # Of numpy, as all that follows: each operation of JAX's is compiled for itself.
    whole, ts = jax.tree.map(np.asarray, (solution.ys, solution.ts))
    ys, ts = jax.tree.map(lambda x: jnp.asarray(x[index]), (whole, ts))
    errors = _errors(H, solver, ys, ts, jnp.asarray(dt, ys.q.dtype), inputs)
    size = [np.max(np.abs(x)) for x in (whole.q, whole.p)]
    relative = [np.asarray(e) / (s if s > 0 else 1.0) for e, s in zip(errors, size, strict=True)]
    worst = np.maximum(*relative)
    return float(np.percentile(worst, _TYPICAL)) if np.all(np.isfinite(worst)) else float("inf")


@eqx.filter_jit
def _errors(H, solver, ys, ts, dt, inputs):
    system = solver.prepare(H)
    drive, _ = make_drive(inputs, H, 1, dt.dtype)

    def error(sample):
        y, t = sample

        def advance(before, leg):
            start, step, anew = leg
            # The drive counts time in steps of `dt`.
            at = lambda c: drive.at(None, (t + start) / dt, step / dt * c, dt)  # noqa: E731
            begin = jax.tree.map(lambda a, b: jnp.where(anew, a, b), y, before)
            state = solver.start(system, begin)
            after = solver.read(system, solver.step(system, state, step, at))
            return after, after

        # A step, and two halves of it: in a loop, since steps are long to compile.
        starts, steps = (dt * jnp.array(x, dt.dtype) for x in ([0.0, 0.0, 0.5], [1.0, 0.5, 0.5]))
        anew = jnp.array([True, True, False])
        _, after = jax.lax.scan(advance, y, (starts, steps, anew))
        whole, _, half = (jax.tree.map(lambda x, k=k: x[k], after) for k in range(3))
        return jnp.max(jnp.abs(whole.q - half.q)), jnp.max(jnp.abs(whole.p - half.p))

    # One after another: a batch of large networks leaves the cache.
    return jax.lax.map(error, (ys, ts))


@functools.lru_cache(maxsize=64)
def expected_step_error(solver: AbstractSolver) -> float:
    """`step_error` of a harmonic oscillator at its suggested step: of a well-resolved motion."""
    q, p = sympy.symbols("q p")
    H = symbolic(p**2 / 2 + q**2 / 2, q=[q], p=[p])
    angle = np.linspace(0.0, 2 * np.pi, 16)[:, None]
    ys = PhaseState(jnp.asarray(np.cos(angle), float), jnp.asarray(np.sin(angle), float))
    dt = jnp.asarray(suggested_angle(solver), ys.q.dtype)
    ts = jnp.zeros(len(angle), ys.q.dtype)
    errors: tuple[Float[Array, " s"], ...] = _errors(H, solver, ys, ts, dt, None)
    return float(np.max(errors))
