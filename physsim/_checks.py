"""What is checked before and after a run."""

import inspect
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ._errors import DivergenceError
from ._hamiltonian import AbstractHamiltonian
from ._solution import Solution
from ._solver import AbstractSolver
from ._step_size import check_step, fastest_frequency
from ._types import PhaseState
from .sharding import gather


def check_state(H: AbstractHamiltonian, y: PhaseState, *, batched: bool = False) -> PhaseState:
    """`y` as floating-point arrays; `ValueError` if it does not fit `H` or is not finite."""
    if not isinstance(y, PhaseState):
        hint = ": call it with the Hamiltonian, as in initial_state(H)" if callable(y) else ""
        raise ValueError(f"the initial state must be a PhaseState(q, p), got {_kind(y)}{hint}")
    n = len(H.coordinates)
    q, p = jnp.asarray(y.q), jnp.asarray(y.p)
    for name, x in (("q", q), ("p", p)):
        fits = x.shape == (n,) or (batched and x.ndim == 2 and x.shape[1] == n and x.shape[0])
        if not fits or q.shape != p.shape:
            shape = f"({n},)" + (f" or (batch, {n})" if batched else "")
            raise ValueError(f"the state's {name} must have shape {shape}, got {x.shape}")
        if not is_traced(x) and not _all_finite(x):
            raise ValueError(f"the initial state's {name} has entries that are not finite")
    dtype = jnp.result_type(q, p)
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.zeros(()).dtype
    return PhaseState(q.astype(dtype), p.astype(dtype))


def check_hamiltonian(H: Any) -> None:
    """`ValueError` unless `H` is one, and not the circuit it belongs to."""
    if not isinstance(H, AbstractHamiltonian):
        hint = ": pass its hamiltonian" if hasattr(H, "hamiltonian") else ""
        raise ValueError(f"H must be a Hamiltonian, got {_kind(H)}{hint}")


def _kind(x: Any) -> str:
    return "a function" if inspect.isroutine(x) else f"a {type(x).__name__}"


def check_solver(solver: Any) -> None:
    """`ValueError` unless `solver` is one, and not its name or class."""
    if not isinstance(solver, AbstractSolver):
        raise ValueError(f"the solver must be an integrator such as SRKN11b(), got {solver!r}")


def check_steps(dt, num_steps: int, save_every: int = 1) -> None:
    """`ValueError` unless the step is positive and the counts fit."""
    if not is_traced(dt) and not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt must be positive and finite, got {dt}")
    if num_steps < 1 or save_every < 1 or num_steps % save_every:
        raise ValueError(
            f"num_steps ({num_steps}) must be a positive multiple of save_every ({save_every})"
        )


def check_finite(H: AbstractHamiltonian) -> None:
    """`ValueError` that names a parameter which is not finite."""
    leaves = [np.asarray(x) for x in jax.tree.leaves(eqx.filter(H, eqx.is_inexact_array))]
    bad = [~np.isfinite(x).ravel() for x in leaves]
    if any(x.any() for x in bad):
        flat = np.concatenate(bad)
        which = int(np.argmax(flat))
        names = H.parameter_names()
        name = names[which] if len(names) == flat.size else f"number {which}"
        raise ValueError(f"the parameter {name} is not finite")


def check_start(H, solver: AbstractSolver, y: PhaseState, u, dt: float) -> None:
    """Raise if the energy or its gradient at the start is not finite, or `dt` is too long.

    Of a batch the first sample stands for all in the second question.
    """
    if y.q.ndim == 2:
        y = PhaseState(y.q[0], y.p[0])
        u = u if u.ndim == 1 else u[:, 0]
    energy, velocity, force, omega = _at_start(H, y, u)
    if not np.isfinite(energy):
        raise ValueError(f"the energy at the start is {energy}: it is not defined there")
    for name, x in (("momentum", velocity), ("position", force)):
        if not _all_finite(x):
            which = H.coordinates[int(np.argmax(~np.isfinite(gather(x))))]
            raise ValueError(
                f"at the start the energy has no finite derivative by the {name} of {which}"
            )
    check_step(solver, float(omega), dt)


@eqx.filter_jit
def _at_start(H, y, u):
    system = H.conservative.prepare()
    gradient = system.vector_field(y.q, y.p, u)
    return system(y.q, y.p, u), *gradient, fastest_frequency(H, y, u)


def is_traced(tree) -> bool:
    """Whether any leaf is a JAX tracer, so that its value can't be looked at."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def _all_finite(x) -> bool:
    if x.is_fully_addressable:
        return bool(np.all(np.isfinite(np.asarray(x))))
    # Of what other processes hold, only the answer can be looked at.
    return bool(jnp.all(jnp.isfinite(x)))


def check_solution(solution: Solution, solver: AbstractSolver, traced: bool) -> Solution:
    """`solution`, or an error that says when it diverged and in which variable."""
    ys = solution.ys
    if traced:
        bad = ~(jnp.all(jnp.isfinite(ys.q)) & jnp.all(jnp.isfinite(ys.p)))
        return eqx.error_if(solution, bad, "the run diverged: reduce dt or the drive")
    if _all_finite(ys.q) and _all_finite(ys.p):
        return solution
    finite = np.isfinite(gather(ys.q)) & np.isfinite(gather(ys.p))
    *sample, save, variable = np.argwhere(~finite)[0]
    where = f" of sample {sample[0]}" if sample else ""
    name = solution.coordinates[variable]
    if save == 0:
        raise DivergenceError(f"the start{where} is not finite in {name}. {solver.failure_hint}")
    raise DivergenceError(
        f"the run{where} diverged between t = {{before}} and t = {{after}}: {name} is no longer "
        f"finite. {solver.failure_hint}Reduce dt or the drive",
        before=float(solution.ts[save - 1]),
        after=float(solution.ts[save]),
    )
