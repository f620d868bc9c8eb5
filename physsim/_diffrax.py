"""Every method as a solver of diffrax: a term made of a Hamiltonian, and a solver for it.

The clock of such a run is either the time itself, or it counts steps: then step number k is
always step number k, whatever rounding does to diffrax's clock, and a run is the one of
`physsim.integrate` to the bit.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ._checks import check_solver, check_steps
from ._hamiltonian import AbstractHamiltonian
from ._inputs import AbstractDrive, Inputs, make_drive
from ._solver import AbstractSolver, InputAt
from ._types import PhaseState, dtype_of


class Stride(NamedTuple):
    """One step of a method: its length (negative for a run back in time) and its inputs.

    `valid` is False where the clock has no such step, and True where it always has.
    """

    dt: Float[Array, ""]
    input_at: InputAt
    valid: Any


class AbstractClock(eqx.Module):
    """What diffrax's t means."""

    @abstractmethod
    def stride(self, drive: AbstractDrive, t0: Any, t1: Any, direction: Any, dtype: Any) -> Stride:
        """The step from `t0` to `t1`, both to be multiplied by `direction`, which is 1 or -1."""

    @abstractmethod
    def instant(
        self, drive: AbstractDrive, t: Any, dtype: Any
    ) -> tuple[Float[Array, ""], Float[Array, " m"]]:
        """(time passed per unit of t, the inputs at t)."""


@final
class TimeClock(AbstractClock):
    """t is the time, and a step is as long as diffrax says."""

    def stride(self, drive, t0, t1, direction, dtype):
        start = (direction * t0).astype(dtype)
        dt = (direction * (t1 - t0)).astype(dtype)
        return Stride(dt, lambda c: _at_time(drive, start + c * dt), True)

    def instant(self, drive, t, dtype):
        return jnp.ones((), dtype), _at_time(drive, jnp.asarray(t, dtype))


@final
class StepClock(AbstractClock):
    """t counts steps of length `dt` from `start`, where the time is zero.

    A step of diffrax that is not one step of the method, or that has no row of inputs,
    turns the state to NaN.
    """

    dt: Float[Array, ""]
    rows: Float[Array, "steps m"] | None
    start: int = eqx.field(static=True)

    def stride(self, drive, t0, t1, direction, dtype):
        earlier = jnp.where(direction == 1, t0, -t1)
        k = jnp.round(earlier - self.start).astype(jnp.int32)
        valid = jnp.abs(t1 - t0 - 1) < 0.25
        if self.rows is not None:
            valid = valid & (k >= 0) & (k < len(self.rows))
        dt, input_at = self.numbered(drive, self.row(k), k, direction, dtype)
        return Stride(dt, input_at, valid)

    def row(self, k: Int[Array, ""]) -> Float[Array, " m"] | None:
        """The inputs held over step `k`."""
        return None if self.rows is None else self.rows[k]

    def numbered(
        self, drive: AbstractDrive, row: Any, k: Int[Array, ""], direction: Any, dtype: Any
    ) -> tuple[Float[Array, ""], InputAt]:
        """(dt, input_at) of step `k`; back in time it has the inputs of the same times."""
        dt = self.dt.astype(dtype)
        held = None if row is None else row.astype(dtype)

        def input_at(c):
            fraction = jnp.where(direction == 1, c, 1.0 - c).astype(dtype)
            return drive.at(held, k, fraction, dt)

        # Nothing that changes from step to step: what depends on dt alone leaves the loop.
        return direction * dt, input_at

    def instant(self, drive, t, dtype):
        since = jnp.asarray(t, dtype) - self.start
        k = jnp.floor(since).astype(jnp.int32)
        row, dt = self.row(k), self.dt.astype(dtype)
        row = row if row is None else row.astype(dtype)
        return dt, drive.at(row, k, since - k.astype(dtype), dt)


def _at_time(drive, t):
    return drive.at(None, jnp.zeros((), jnp.int32), t, jnp.ones_like(t))


@final
class HamiltonianTerm(diffrax.AbstractTerm):
    """The motion of a Hamiltonian system, made by `physsim.diffrax_term`.

    A term like any other (dy/dt, by the time or the number of steps), with what a method
    of physsim steps besides. All of it can be differentiated.
    """

    solver: AbstractSolver
    system: Any
    """What the method steps."""
    field: Any
    """What has the vector field."""
    drive: AbstractDrive
    clock: AbstractClock
    coordinates: tuple[str, ...] = eqx.field(static=True)
    lossless: bool = eqx.field(static=True)

    def vf(self, t, y, args):
        state = phase_state(y)
        rate, u = self.clock.instant(self.drive, t, state.q.dtype)
        return like(y, self.slope(state, u, rate))

    def contr(self, t0, t1, **kwargs):
        return t1 - t0

    def prod(self, vf, control):
        return jax.tree.map(lambda x: control.astype(x.dtype) * x, vf)

    def slope(self, y: PhaseState, u: Float[Array, " m"], rate: Float[Array, ""]) -> PhaseState:
        """(dq/dt, dp/dt) times `rate`."""
        velocity, force = self.field.vector_field(y.q, y.p, u)
        return PhaseState(rate * velocity, rate * force)


def diffrax_term(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    *,
    dt: float | Float[Array, ""] | None = None,
    inputs: Inputs = None,
    start: int = 0,
) -> HamiltonianTerm:
    """What `diffrax.diffeqsolve` integrates with `DiffraxSolver(solver)`.

    With `dt`, diffrax's t counts steps of this length: run N steps from t0=0 to t1=N with
    dt0=1, and the states are those of `physsim.integrate` to the bit. Without `dt`, t is the
    time and dt0 the step.

    `inputs` is a callable from the time to [m], or, with `dt`, an array [num_steps, m] of
    rows held over each step. `start` is the t at which the time is zero: diffrax merges
    steps within 100 units in the last place of t1, which in float32 loses steps of runs
    beyond 131072 (their q becomes NaN). Such a run is whole from t0=-N to t1=0, with
    start=-N, up to a million steps.

    The state is (q, p) or a `PhaseState`, of shape [n] each, in the floating-point type of
    the clock (t0, t1 and dt0) or diffrax promotes it.

    Raises `ValueError` for a method that does not fit the system, a step or inputs that
    don't fit, and for a system with a temperature.
    """
    check_solver(solver)
    solver.check(H)
    if H.is_noisy:
        raise ValueError(
            "a system with a temperature needs physsim.integrate, which draws its noise"
        )
    if dt is not None:
        check_steps(dt, 1)
    steps = 1
    if inputs is not None and not callable(inputs):
        if dt is None:
            raise ValueError("inputs held over each step need dt, the length of a step")
        steps = len(inputs)
    drive, rows = make_drive(inputs, H, steps, dtype_of(H))
    clock = TimeClock() if dt is None else StepClock(jnp.asarray(dt, float), rows, start)
    system, field = _prepare(solver, H)
    return HamiltonianTerm(solver, system, field, drive, clock, H.coordinates, H.is_lossless)


@eqx.filter_jit
def _prepare(solver, H):
    # Compiled, as in `physsim.integrate`: its rounding is then the same.
    return solver.prepare(H), H.prepare()


@final
class DiffraxSolver(diffrax.AbstractSolver):
    """A method of physsim as a solver of diffrax, for a term made with the same method.

    Between steps it interpolates by cubic Hermite polynomials. What a method carries beyond
    (q, p) is its `solver_state`; after a jump it is made anew from (q, p).
    """

    solver: AbstractSolver

    term_structure: ClassVar = HamiltonianTerm
    interpolation_cls: ClassVar[Callable[..., Any]] = (
        diffrax.ThirdOrderHermitePolynomialInterpolation
    )

    def order(self, terms):
        return self.solver.order

    def init(self, terms, t0, t1, y0, args):
        term, _ = unwrap(terms)
        y = phase_state(y0)
        if eqx.tree_equal(term.solver, self.solver) is False:
            raise ValueError(
                f"the term was made for {term.solver.name} and the solver is {self.solver.name}"
            )
        if y.q.shape != (len(term.coordinates),) or y.p.shape != y.q.shape:
            raise ValueError(
                f"q and p must have shape ({len(term.coordinates)},), "
                f"got {y.q.shape} and {y.p.shape}: for a batch, use jax.vmap"
            )
        state = self.solver.start(term.system, y)
        # What carries (q, p) alone keeps it in diffrax's y, and not a second time.
        return None if state is y and self.solver.read(term.system, y) is y else state

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        term, direction = unwrap(terms)
        y = phase_state(y0)
        stride = term.clock.stride(term.drive, t0, t1, direction, y.q.dtype)
        state = self._state(term, y, solver_state, made_jump)
        state = _or_nan(stride.valid, state)
        state = self.solver.step(term.system, state, stride.dt, stride.input_at)
        end = self.solver.read(term.system, state)
        y1 = like(y0, end)
        dense_info = {
            "y0": y0,
            "y1": y1,
            "k0": like(y0, term.slope(y, stride.input_at(0.0), stride.dt)),
            "k1": like(y0, term.slope(end, stride.input_at(1.0), stride.dt)),
        }
        kept = None if solver_state is None else state
        return y1, None, dense_info, kept, diffrax.RESULTS.successful

    def _state(self, term, y, solver_state, made_jump):
        if solver_state is None:
            return y
        if made_jump is False:
            return solver_state
        return jax.lax.cond(
            made_jump, lambda: self.solver.start(term.system, y), lambda: solver_state
        )

    def func(self, terms, t0, y0, args):
        return terms.vf(t0, y0, args)


def _or_nan(valid, state):
    """The state before a step, its positions NaN where that is no step of the clock.

    Before, not after: of a guarded result XLA repeats the substeps for each of its uses,
    which costs up to forty times a step.
    """
    if valid is True:
        return state
    leaves, structure = jax.tree.flatten(state)
    leaves[0] = jnp.where(valid, leaves[0], jnp.nan)
    return jax.tree.unflatten(structure, leaves)


def unwrap(terms: Any) -> tuple[HamiltonianTerm, Any]:
    """The term, and the direction in which diffrax lets time run."""
    if isinstance(terms, HamiltonianTerm):
        return terms, 1
    return terms.term, terms.direction


def phase_state(y: Any) -> PhaseState:
    """`y` as a `PhaseState`; `ValueError` unless it is one, or a pair."""
    if isinstance(y, PhaseState):
        return y
    if not (isinstance(y, tuple) and len(y) == 2):
        raise ValueError(f"the state must be (q, p) or a PhaseState, got a {type(y).__name__}")
    return PhaseState(*y)


def like(y: Any, state: PhaseState) -> Any:
    """`state` in the form of `y`."""
    return state if isinstance(y, PhaseState) else (state.q, state.p)
