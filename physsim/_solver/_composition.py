"""Compositions of any symmetric second-order method into one of higher order."""

from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp

from ._base import AbstractEchoSolver, AbstractSolver
from ._stormer_verlet import StormerVerlet
from ._tableau import palindrome

_KAHAN_LI_8 = palindrome(
    (
        0.13020248308889007,
        0.5611629817751084,
        -0.38947496264484727,
        0.1588419065551556,
        -0.39590389413323757,
        0.1845396409783157,
        0.25837438768632204,
        0.2950117236093103,
    ),
    odd=True,
)


class Leg(NamedTuple):
    """One of the composed steps: where it starts, how long it is, and its own visits."""

    start: float
    length: float
    visits: list[Any]


@final
class KahanLi8(AbstractEchoSolver):
    """Order 8: seventeen steps of a symmetric second-order `base`, some of them backwards.

    With `base=ImplicitMidpoint()` or `base=Tao()` it integrates energies that are not
    separable. Source: Kahan & Li, Math. Comp. 66:1089 (1997), s17odr8a.
    Raises `ValueError` unless the base is palindromic and of order 2.
    """

    base: AbstractSolver = StormerVerlet()

    def __check_init__(self):
        if self.base.order != 2 or not self.base.palindromic:
            raise ValueError(
                f"a composition needs a palindromic method of order 2, not {self.base.name}"
            )

    @property
    def name(self):
        return f"KahanLi8 of {self.base.name}"

    @property
    def order(self):
        return 8

    @property
    def force_evaluations(self):
        return len(_KAHAN_LI_8) * self.base.force_evaluations

    @property
    def palindromic(self):
        return True

    @property
    def stability_limit(self):
        # The longest leg must be stable; between legs nothing is lost.
        return self.base.stability_limit / max(abs(x) for x in _KAHAN_LI_8)

    @property
    def failure_hint(self):
        return self.base.failure_hint

    def check(self, H):
        self.base.check(H)

    def check_reversible(self, H):
        self.base.check_reversible(H)

    def check_echo(self, H):
        if not isinstance(self.base, AbstractEchoSolver):
            raise ValueError(f"an echo of {self.name} does not give gradients: use another base")
        self.base.check_echo(H)

    def flip(self, state):
        return self._echo_base().flip(state)

    def conjugate(self, state):
        return self._echo_base().conjugate(state)

    def prepare(self, H):
        return self.base.prepare(H)

    def start(self, system, y):
        return self.base.start(system, y)

    def read(self, system, state):
        return self.base.read(system, state)

    def _legs(self):
        start = 0.0
        for length in _KAHAN_LI_8:
            yield start, length
            start += length

    def step(self, system, state, dt, input_at, *, backward=False):
        # A loop, not seventeen copies: XLA takes minutes over long chains of small operations.
        def leg(state, x):
            start, length = x
            inputs = _shifted(input_at, start, length)
            return self.base.step(system, state, length * dt, inputs, backward=backward), None

        legs = jnp.asarray(list(self._legs()), dt.dtype)
        return jax.lax.scan(leg, state, (legs[:, 0], legs[:, 1]), reverse=backward)[0]

    def substeps(self, system, state, dt, input_at, *, backward=False):
        base = self._echo_base()
        legs, done = list(self._legs()), []
        for start, length in reversed(legs) if backward else legs:
            inputs = _shifted(input_at, start, length)
            state, visits = base.substeps(system, state, length * dt, inputs, backward=backward)
            done.append(Leg(start, length, visits))
        return state, done

    def action(self, system, visits, dt, input_at):
        base = self._echo_base()
        total = jnp.zeros_like(dt)
        for start, length, inner in visits:
            inputs = _shifted(input_at, start, length)
            total = total + base.action(system, inner, length * dt, inputs)
        return total

    def _echo_base(self) -> AbstractEchoSolver:
        assert isinstance(self.base, AbstractEchoSolver)
        return self.base


def _shifted(input_at, start, length):
    return lambda c: input_at(start + length * c)
