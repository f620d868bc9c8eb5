"""Splittings that keep every bit: compensated sums, and reversal to the last one."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp

from .._types import PhaseState
from ._base import AbstractEchoSolver
from ._splitting import AbstractSplitting
from ._sums import CompensatedSum, GridSum

_GRID_BITS = {8: 44, 4: 17}
_MANTISSA_BITS = {8: 53, 4: 24}


class AbstractRounding(AbstractEchoSolver):
    """A splitting with another arithmetic of sums."""

    solver: eqx.AbstractVar[AbstractSplitting]

    def __check_init__(self):
        if not isinstance(self.solver, AbstractSplitting):
            raise ValueError(
                f"{self.solver.name} is no splitting, whose sums could be rounded otherwise: take "
                "SRKN11b(), say"
            )

    @property
    def order(self):
        return self.solver.order

    @property
    def force_evaluations(self):
        return self.solver.force_evaluations

    @property
    def palindromic(self):
        return self.solver.palindromic

    @property
    def stability_limit(self):
        return self.solver.stability_limit

    def check_echo(self, H):
        self.solver.check_echo(H)

    def prepare(self, H):
        return self.solver.prepare(H)

    def action(self, system, visits, dt, input_at):
        return self.solver.action(system, visits, dt, input_at)


@final
class Compensated(AbstractRounding):
    """A splitting with Kahan's compensated sums: rounding does not accumulate.

    For runs of many millions of steps; see docs/integrators.md for what it costs.
    """

    solver: AbstractSplitting

    @property
    def name(self):
        return f"{self.solver.name}, compensated"

    def check(self, H):
        self.solver.check(H)

    def start(self, system, y):
        y = self.solver.start(system, y)
        return CompensatedSum().start(y.q), CompensatedSum().start(y.p)

    def read(self, system, state):
        q, p = (CompensatedSum().value(x) for x in state)
        return self.solver.read(system, PhaseState(q, p))

    def substeps(self, system, state, dt, input_at, *, backward=False) -> tuple[Any, list]:
        sums = CompensatedSum()
        q, p, visits = self.solver.run(system, state, dt, input_at, backward=backward, sums=sums)
        return (q, p), visits

    def flip(self, state):
        q, p = state
        return q, jax.tree.map(jnp.negative, p)

    def conjugate(self, state):
        q, p = state
        return jax.tree.map(jnp.negative, (p, q))


@final
class ExactReversal(AbstractRounding):
    """A splitting whose echo returns to the very bit, for any length, chaotic or not.

    Every increment is rounded to a multiple of 2^-bits (44 in float64, 17 in float32), so
    all additions are exact, and running back subtracts what running forward added. The
    state must stay below 2^(53 - bits), 2^(24 - bits) in float32, which is 512 or 128 by
    default; a run that leaves this range is refused. Derivatives go straight through the
    rounding.
    """

    solver: AbstractSplitting
    bits: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if not self.solver.palindromic:
            raise ValueError(
                f"exact reversal needs a palindromic method, and {self.solver.name} is none"
            )
        if self.bits is not None and not 0 < self.bits < 53:
            raise ValueError(f"bits must be between 1 and 52, got {self.bits}")

    @property
    def name(self):
        return f"{self.solver.name}, exact reversal"

    @property
    def failure_hint(self):
        return (
            "Or it left the range of the grid of exact reversal, |x| < 2^(53 - bits) in "
            "float64 and 2^(24 - bits) in float32: scale the system, or pass fewer bits. "
        )

    def check(self, H):
        self.solver.check_reversible(H)

    def start(self, system, y):
        y = self.solver.start(system, y)
        sums = self._sums(y.q)
        return PhaseState(sums.start(y.q), sums.start(y.p))

    def read(self, system, state):
        return self.solver.read(system, state)

    def substeps(self, system, state, dt, input_at, *, backward=False) -> tuple[Any, list]:
        pair, sums = (state.q, state.p), self._sums(state.q)
        q, p, visits = self.solver.run(system, pair, dt, input_at, backward=backward, sums=sums)
        return PhaseState(q, p), visits

    def _sums(self, x) -> GridSum:
        size = x.dtype.itemsize
        bits = self.bits or _GRID_BITS[size]
        return GridSum(bits, 2.0 ** (_MANTISSA_BITS[size] - bits))
