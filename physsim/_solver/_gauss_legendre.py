"""Gauss-Legendre collocation: symplectic and implicit, for any Hamiltonian."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Inexact

from .._types import PhaseState
from ._base import AbstractEchoSolver
from ._root import AbstractRoot, FixedPoint


@final
@dataclass(frozen=True)
class CollocationTableau:
    """Butcher's A, b and c."""

    name: str
    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    source: str


class Stage(NamedTuple):
    """A stage's weight, time and state."""

    weight: float
    time: float
    y: PhaseState


class AbstractCollocation(AbstractEchoSolver):
    """A symmetric and symplectic implicit Runge-Kutta method."""

    root: eqx.AbstractVar[AbstractRoot]

    @property
    @abstractmethod
    def tableau(self) -> CollocationTableau:
        """The method itself."""

    @property
    def name(self):
        return self.tableau.name

    @property
    def order(self):
        return self.tableau.order

    @property
    def force_evaluations(self):
        # A dozen iterations is typical at the suggested step.
        return 12 * len(self.tableau.b)

    @property
    def palindromic(self):
        return True

    @property
    def stability_limit(self):
        return float("inf")

    @property
    def failure_hint(self):
        return (
            f"Or the implicit equations of {self.name} were not solved to rounding within "
            f"{self.root.max_iterations} iterations of {type(self.root).__name__}: reduce dt, "
            "or pass root=physsim.Newton() in Python. "
        )

    def check(self, H):
        """Any Hamiltonian will do, damped or not."""

    def substeps(self, system, state, dt, input_at, *, backward=False):
        t = self.tableau
        # After a flip the stages of the same times are met in reverse order.
        times = [1.0 - c for c in t.c] if backward else list(t.c)
        flat, unravel = ravel_pytree(state)

        def field(y, c):
            y = unravel(y)
            velocity, force = system.vector_field(y.q, y.p, input_at(c))
            return ravel_pytree(PhaseState(velocity, force))[0]

        a = jnp.asarray(t.a, flat.dtype)

        def displaced(z):
            stages = z.reshape(len(t.b), flat.size)
            slopes = [field(flat + stage, c) for stage, c in zip(stages, times, strict=True)]
            return (dt * a @ jnp.stack(slopes)).reshape(-1)

        start = jnp.outer(jnp.asarray(t.c, flat.dtype), dt * field(flat, times[0])).reshape(-1)
        stages = self.root.solve(displaced, start).reshape(len(t.b), flat.size)
        end, visits = flat, []
        for weight, time, stage in zip(t.b, times, stages, strict=True):
            end = end + weight * dt * field(flat + stage, time)
            visits.append(Stage(weight, time, unravel(flat + stage)))
        return unravel(end), visits

    def action(self, system, visits, dt, input_at) -> Inexact[Array, ""]:
        total = jnp.zeros_like(dt)
        for weight, time, y in visits:
            total = total + weight * dt * system(y.q, y.p, input_at(time))
        return total


_SOURCE = "Hairer, Lubich & Wanner, Geometric Numerical Integration, II.1.3"
_R3, _R15 = 3.0**0.5, 15.0**0.5

_MIDPOINT = CollocationTableau(
    "ImplicitMidpoint", 2, ((0.5,),), (1.0,), (0.5,), "Hairer, Lubich & Wanner, I.1.2"
)
_GAUSS_4 = CollocationTableau(
    "GaussLegendre4",
    4,
    ((1 / 4, 1 / 4 - _R3 / 6), (1 / 4 + _R3 / 6, 1 / 4)),
    (1 / 2, 1 / 2),
    (1 / 2 - _R3 / 6, 1 / 2 + _R3 / 6),
    _SOURCE,
)
_GAUSS_6 = CollocationTableau(
    "GaussLegendre6",
    6,
    (
        (5 / 36, 2 / 9 - _R15 / 15, 5 / 36 - _R15 / 30),
        (5 / 36 + _R15 / 24, 2 / 9, 5 / 36 - _R15 / 24),
        (5 / 36 + _R15 / 30, 2 / 9 + _R15 / 15, 5 / 36),
    ),
    (5 / 18, 4 / 9, 5 / 18),
    (1 / 2 - _R15 / 10, 1 / 2, 1 / 2 + _R15 / 10),
    _SOURCE,
)


@final
class ImplicitMidpoint(AbstractCollocation):
    """Order 2, unconditionally stable, symplectic for any Hamiltonian."""

    root: AbstractRoot = FixedPoint()

    @property
    def tableau(self):
        return _MIDPOINT


@final
class GaussLegendre4(AbstractCollocation):
    """Two stages, order 4, symplectic for any Hamiltonian."""

    root: AbstractRoot = FixedPoint()

    @property
    def tableau(self):
        return _GAUSS_4


@final
class GaussLegendre6(AbstractCollocation):
    """Three stages, order 6, symplectic for any Hamiltonian."""

    root: AbstractRoot = FixedPoint()

    @property
    def tableau(self):
        return _GAUSS_6
