"""Gradients of a diffrax run without its trajectory: the states come back by stepping back.

The only file that uses what diffrax does not document: the loop behind `diffeqsolve`, as of
version 0.7.
"""

import functools
from typing import Any, NamedTuple, final

import diffrax
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ._diffrax import DiffraxSolver, StepClock, like, phase_state, unwrap
from ._solver import AbstractSolver
from ._types import PhaseState

_VERSION = "0.7."


@final
class DiffraxReversibleAdjoint(diffrax.AbstractAdjoint):
    """Reverse-mode gradients of `diffrax.diffeqsolve` in memory independent of its length.

    A palindromic step with -dt is the inverse of a step with dt. The backward pass starts at
    the last state and, step by step, steps back and applies the vector-Jacobian product of
    the step: the gradient of the discrete run, up to the rounding that the reconstruction
    adds. In a chaotic system this grows like any other error. It costs one step and one
    vector-Jacobian product for each step.

    Gradients are by y0 and by all arrays in the term (parameters, inputs, dt). The run must
    count its steps (`diffrax_term` with dt) by `ConstantStepSize` and save
    `SaveAt(t1=True)` alone. Raises `ValueError` otherwise, for methods that are not
    palindromic, systems with losses and events, and `RuntimeError` for a version of diffrax
    whose loop is not known.
    """

    def __check_init__(self):
        if not diffrax.__version__.startswith(_VERSION):
            raise RuntimeError(
                f"DiffraxReversibleAdjoint needs diffrax {_VERSION}x, not {diffrax.__version__}: "
                "use diffrax.RecursiveCheckpointAdjoint()"
            )

    def loop(
        self,
        *,
        args,
        terms,
        solver,
        stepsize_controller,
        event,
        saveat,
        init_state,
        passed_solver_state,
        passed_controller_state,
        **kwargs,
    ):
        _check_run(terms, solver, stepsize_controller, event, saveat)
        if init_state.made_jump is not False or passed_controller_state:
            raise ValueError("DiffraxReversibleAdjoint takes no made_jump and no controller_state")
        del kwargs["throw"]
        start = (init_state.y, init_state.solver_state)
        rest = eqx.tree_at(
            lambda s: (s.y, s.solver_state), init_state, (None, None), is_leaf=_is_none
        )
        rest = jax.lax.stop_gradient(rest)
        end, stats = _run(
            (start, terms),
            loop=self._loop,
            args=args,
            solver=solver,
            stepsize_controller=stepsize_controller,
            event=event,
            saveat=saveat,
            rest=rest,
            options=kwargs,
        )
        ys = end.save_state.ys
        others = eqxi.nondifferentiable_backward(
            eqx.tree_at(lambda s: s.save_state.ys, end, None), symbolic=False
        )
        end = eqx.tree_at(lambda s: s.save_state.ys, others, ys, is_leaf=_is_none)
        return end, stats


def _check_run(terms, solver, stepsize_controller, event, saveat):
    who = "DiffraxReversibleAdjoint"
    if not isinstance(solver, DiffraxSolver):
        raise ValueError(f"{who} needs a physsim.DiffraxSolver, not {type(solver).__name__}")
    method = solver.solver
    if not method.palindromic:
        raise ValueError(f"{who} needs a palindromic method, and {method.name} is none")
    term, _ = unwrap(terms)
    if not isinstance(term.clock, StepClock):
        raise ValueError(f"{who} needs a clock that counts steps: pass dt to diffrax_term")
    if not term.lossless:
        raise ValueError(f"{who} needs a lossless system: backwards, losses amplify rounding")
    if not isinstance(stepsize_controller, diffrax.ConstantStepSize):
        raise ValueError(f"{who} needs stepsize_controller=diffrax.ConstantStepSize()")
    if event is not None:
        raise ValueError(f"{who} does not support events")
    if eqx.tree_equal(saveat, diffrax.SaveAt(t1=True)) is not True:
        raise ValueError(f"{who} needs saveat=diffrax.SaveAt(t1=True): it keeps no trajectory")


@eqx.filter_custom_vjp
def _run(start__terms, *, loop, rest, options, **kwargs):
    (y, solver_state), terms = start__terms
    init_state = eqx.tree_at(
        lambda s: (s.y, s.solver_state), rest, (y, solver_state), is_leaf=_is_none
    )
    plain = functools.partial(eqxi.while_loop, kind="lax")
    return loop(
        terms=terms,
        init_state=init_state,
        inner_while_loop=plain,
        outer_while_loop=plain,
        **kwargs,
        **options,
    )


@_run.def_fwd
def _run_forward(perturbed, start__terms, **kwargs):
    del perturbed
    end, stats = _run(start__terms, **kwargs)
    return (end, stats), (end.y, end.solver_state, end.num_steps)


@_run.def_bwd
def _run_backward(residuals, cotangents, perturbed, start__terms, *, solver, options, **kwargs):
    del perturbed, kwargs
    y, solver_state, num_steps = residuals
    (y0, _), terms = start__terms
    back = _StepBack(solver.solver, terms, phase_state(y).q.dtype)
    state = phase_state(y) if solver_state is None else solver_state
    y_bar = jax.tree.map(_last_or_zero, y, cotangents[0].save_state.ys)
    shares = back.read(state, phase_state(y_bar))
    first = back.index(options["t0"])

    def one(carry):
        i, state, shares = carry
        return (i - 1, *back(first + back.direction * i, state, shares))

    last = jnp.asarray(num_steps - 1, jnp.int32)
    _, _, shares = jax.lax.while_loop(lambda carry: carry[0] >= 0, one, (last, state, shares))
    if solver_state is None:
        start_bar = (like(y0, shares.state), None)
    else:
        start_bar = (jax.tree.map(jnp.zeros_like, y0), shares.state)
    return start_bar, eqx.tree_at(_rows, shares.others, shares.rows, is_leaf=_is_none)


class TermShares(NamedTuple):
    """A gradient: by the state, by the rows of inputs and by all else in the terms."""

    state: PyTree
    rows: Float[Array, "steps m"] | None
    others: PyTree


@final
class _StepBack(eqx.Module):
    """The inverse of a step, with its vector-Jacobian product.

    The rows of inputs stay out of what is differentiated in each step: a step reads one.
    """

    solver: AbstractSolver
    terms: Any
    dtype: Any = eqx.field(static=True)

    @property
    def direction(self):
        """1, or -1 for a run back in time."""
        return unwrap(self.terms)[1]

    def index(self, t0) -> Int[Array, ""]:
        """The number of the run's first step."""
        earlier = jnp.where(self.direction == 1, t0, -t0 - 1)
        return jnp.round(earlier - _clock(self.terms).start).astype(jnp.int32)

    def __call__(
        self, k: Int[Array, ""], after: PyTree, shares: TermShares
    ) -> tuple[PyTree, TermShares]:
        """The state before step `k`, and the gradient with this step's shares added."""
        row = _clock(self.terms).row(k)
        others, static = self._split()
        before = self._step(self.terms, k, row, after, inverse=True)

        def step(state, row, others):
            return self._step(eqx.combine(others, static), k, row, state)

        _, pull = jax.vjp(step, before, row, others)
        state, row_bar, others_bar = pull(shares.state)
        rows = None if shares.rows is None else shares.rows.at[k].add(row_bar)
        return before, TermShares(state, rows, jax.tree.map(jnp.add, shares.others, others_bar))

    def _step(self, terms, k, row, state, *, inverse=False):
        term, direction = unwrap(terms)
        dt, input_at = _clock(terms).numbered(term.drive, row, k, direction, self.dtype)
        dt = -dt if inverse else dt
        return self.solver.step(term.system, state, dt, input_at, backward=inverse)

    def read(self, state: PyTree, y_bar: PhaseState) -> TermShares:
        """The gradient as far as it comes from reading the last state."""
        others, static = self._split()
        _, pull = jax.vjp(
            lambda state, others: self.solver.read(
                unwrap(eqx.combine(others, static))[0].system, state
            ),
            state,
            others,
        )
        state_bar, others_bar = pull(y_bar)
        rows = _rows(self.terms)
        return TermShares(state_bar, None if rows is None else jnp.zeros_like(rows), others_bar)

    def _split(self):
        """(what is differentiated, what is not) of the terms without their rows."""
        bare = eqx.tree_at(_rows, self.terms, None, is_leaf=_is_none)
        return eqx.partition(bare, eqx.is_inexact_array)


def _clock(terms) -> StepClock:
    return unwrap(terms)[0].clock  # pyright: ignore[reportReturnType]


def _rows(terms):
    return _clock(terms).rows


def _last_or_zero(x, bar):
    # diffrax saves along a leading axis of one; what a cost does not read has no cotangent.
    return jnp.zeros_like(x) if bar is None else bar[0]


def _is_none(x):
    return x is None
