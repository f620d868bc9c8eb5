"""A learning problem in the form all gradient methods work on."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from physsim import (
    AbstractDrive,
    AbstractHamiltonian,
    AbstractSplitting,
    PhaseState,
    check_state,
    make_drive,
)


@final
class Row(eqx.Module):
    """What belongs to one step: its held inputs and its target."""

    inputs: PyTree
    target: PyTree


@final
class Problem(eqx.Module):
    """Arguments of a gradient method, checked; `rows` has a leading axis [K]."""

    H: AbstractHamiltonian
    solver: AbstractSplitting
    initial: Any
    cost: Any
    dt: Float[Array, ""]
    drive: AbstractDrive
    rows: Row
    num_steps: int = eqx.field(static=True)

    def start(self, H: AbstractHamiltonian) -> PhaseState:
        """The initial state, as it depends on the parameters."""
        return check_state(H, self.initial(H) if callable(self.initial) else self.initial)

    def steps(self) -> tuple[Int[Array, " K"], Row]:
        """What a scan over the steps runs through: (step number from 0, row)."""
        return jnp.arange(self.num_steps), self.rows

    def cost_at(
        self,
        H: AbstractHamiltonian,
        y: PhaseState,
        drive: AbstractDrive,
        row: Row,
        k: Int[Array, ""],
        dt: Float[Array, ""],
    ) -> Float[Array, ""]:
        """The running cost of the state `y` after step `k` (counted from 0)."""
        u = drive.at(row.inputs, k, 1.0, dt)
        return self.cost(H, y, u, row.target)


def make_problem(H, solver, y0, cost, dt, num_steps, inputs, targets) -> Problem:
    """Check the arguments of a gradient method against each other.

    Raises `ValueError` if the state, inputs or targets have the wrong shape, or if the
    cost is not a real scalar.
    """
    start = check_state(H, y0(H) if callable(y0) else y0)
    dtype = start.q.dtype
    drive, held = make_drive(inputs, H, num_steps, dtype)
    if targets is not None:
        targets = jnp.asarray(targets)
        if targets.shape[:1] != (num_steps,):
            raise ValueError(
                f"targets must have one row a step: ({num_steps}, ...), got {targets.shape}"
            )
    step = jnp.asarray(dt, dtype)
    problem = Problem(H, solver, y0, cost, step, drive, Row(held, targets), num_steps)
    _check_cost(problem, start)
    return problem


def _check_cost(problem: Problem, y: PhaseState) -> None:
    k, row = jax.tree.map(lambda x: x[0], problem.steps())
    value = eqx.filter_eval_shape(
        problem.cost_at, problem.H, y, problem.drive, row, k, problem.dt
    )
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(f"the cost must be a real scalar, got {value}")
