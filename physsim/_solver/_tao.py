"""Tao's extended phase space: explicit steps for energies that are not separable."""

from typing import final

import jax.numpy as jnp

from .._types import PhaseState
from ._base import AbstractEchoSolver


@final
class Tao(AbstractEchoSolver):
    """Two copies of the system, each driving the other, bound together. Order 2, explicit.

    H(q, y) + H(x, p) + omega (|q - x|^2 + |p - y|^2) / 2 is a sum of three parts with exact
    flows; it is symplectic in the doubled phase space. `binding` is omega: too small and
    the copies part (a chaotic system needs 10 to 100), too large and dt has to shrink with
    it. Use `KahanLi8(base=Tao())` for order 8. Source: Tao, Phys. Rev. E 94:043303 (2016).
    """

    binding: float = 20.0

    def __check_init__(self):
        if not self.binding >= 0:
            raise ValueError(f"the binding must not be negative, got {self.binding}")

    @property
    def name(self):
        return "Tao"

    @property
    def order(self):
        return 2

    @property
    def force_evaluations(self):
        return 4

    @property
    def palindromic(self):
        return True

    @property
    def stability_limit(self):
        return 2.0

    def check(self, H):
        if not H.is_lossless:
            raise ValueError("Tao needs a lossless system: use GaussLegendre4() for a damped one")

    def check_reversible(self, H):
        raise ValueError(
            "a flip of the momenta does not reverse Tao's method: its two copies have parted by "
            "then. Use GaussLegendre4()"
        )

    def check_echo(self, H):
        # An echo flips both copies.
        self.check(H)

    def start(self, system, y):
        return y, y

    def read(self, system, state):
        return state[0]

    def substeps(self, system, state, dt, input_at, *, backward=False):
        # Time stands still in the exchange of the copies and advances in the binding.
        early, late = (1.0, 0.0) if backward else (0.0, 1.0)
        visits = []
        for flow, time in ((_first, early), (_second, early)):
            visits.append(_visit(flow, time, state))
            state = flow(system, state, dt / 2, input_at(time))
        bound = state
        state = _bind(state, self.binding * dt)
        for flow, time in ((_second, late), (_first, late)):
            visits.append(_visit(flow, time, state))
            state = flow(system, state, dt / 2, input_at(time))
        return state, [bound, *visits]

    def action(self, system, visits, dt, input_at):
        (one, two), *halves = visits
        apart = jnp.sum((one.q - two.q) ** 2 + (one.p - two.p) ** 2, axis=0)
        total = self.binding * dt * apart / 2
        for y, time in halves:
            total = total + dt / 2 * system(y.q, y.p, input_at(time))
        return total


def _visit(flow, time, state):
    """(where the energy is evaluated, when): it stays the same along the flow."""
    one, two = state
    mixed = PhaseState(one.q, two.p) if flow is _first else PhaseState(two.q, one.p)
    return mixed, time


def _first(system, state, tau, u):
    """The flow of H(q, y)."""
    one, two = state
    velocity, force = system.vector_field(one.q, two.p, u)
    return PhaseState(one.q, one.p + tau * force), PhaseState(two.q + tau * velocity, two.p)


def _second(system, state, tau, u):
    """The flow of H(x, p)."""
    one, two = state
    velocity, force = system.vector_field(two.q, one.p, u)
    return PhaseState(one.q + tau * velocity, one.p), PhaseState(two.q, two.p + tau * force)


def _bind(state, angle):
    """The flow of the binding: differences turn, sums stay."""
    one, two = state
    q, p = one.q - two.q, one.p - two.p
    c, s = jnp.cos(2 * angle), jnp.sin(2 * angle)
    turned_q, turned_p = c * q + s * p, c * p - s * q
    sum_q, sum_p = one.q + two.q, one.p + two.p
    return (
        PhaseState((sum_q + turned_q) / 2, (sum_p + turned_p) / 2),
        PhaseState((sum_q - turned_q) / 2, (sum_p - turned_p) / 2),
    )
