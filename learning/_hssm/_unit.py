"""Recurrent units: a Hamiltonian that a signal drives through a matrix."""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from physsim import AbstractSeparableHamiltonian


def along(x: Inexact[Array, " n"], like: Array) -> Inexact[Array, "n *ones"]:
    """`x` with axes of length 1 behind it, so that it goes with `like` of shape [n, *batch]."""
    return x.reshape(x.shape + (1,) * (like.ndim - 1))


@final
class Projection(eqx.Module):
    """u -> B u + b: what of the signal drives each mode."""

    B: Float[Array, "k m"]
    b: Float[Array, " k"] | None = None

    def __call__(self, u: Inexact[Array, "m *batch"]) -> Inexact[Array, "k *batch"]:
        drive = jnp.tensordot(self.B, u, 1)
        return drive if self.b is None else drive + along(self.b, drive)


class AbstractHRU(AbstractSeparableHamiltonian):
    """A Hamiltonian recurrent unit, H(q, p, u) = H_core(q, p, B u + b), run in steps of `dt`.

    The signal enters by the projection alone, which knows nothing of time: a stack applies it
    to many time steps at once, and `core` is what runs from step to step.
    """

    projection: eqx.AbstractVar[Projection]

    @property
    @abstractmethod
    def core(self) -> AbstractSeparableHamiltonian:
        """The energy with the driving forces as its inputs."""

    @property
    @abstractmethod
    def dt(self) -> Inexact[Array, ""]:
        """The step; 1 where the energy is measured in its own steps."""

    @property
    def coordinates(self):
        return self.core.coordinates

    @property
    def input_names(self):
        return tuple(f"u{i}" for i in range(self.projection.B.shape[1]))

    @property
    def is_even(self):
        return self.core.is_even

    @property
    def kinetic_is_quadratic(self):
        return self.core.kinetic_is_quadratic

    @property
    def kinetic_is_diagonal(self):
        return self.core.kinetic_is_diagonal

    @property
    def potential_is_quadratic(self):
        return self.core.potential_is_quadratic

    def kinetic(self, p):
        return self.core.kinetic(p)

    def potential(self, q, u):
        return self.core.potential(q, self.projection(u))

    def velocity(self, p):
        return self.core.velocity(p)

    def force(self, q, u):
        return self.core.force(q, self.projection(u))

    def prepare(self) -> Any:
        return HamiltonianUnit(self.core.prepare(), self.projection, self.dt)

    def describe(self):
        k, m = self.projection.B.shape
        return f"{type(self).__name__}: {m} signals drive {k} inputs of: {self.core.describe()}"


@final
class HamiltonianUnit(AbstractHRU):
    """Any separable Hamiltonian as a unit: a SymPy energy, a netlist's lattice.

    `step` is trained with the rest; at the start of a run it must be within stability.
    """

    energy: AbstractSeparableHamiltonian
    projection: Projection
    step: Inexact[Array, ""]

    def __check_init__(self):
        inputs, rows = len(self.energy.input_names), self.projection.B.shape[0]
        if inputs != rows:
            raise ValueError(
                f"the projection drives {rows} inputs, but the energy has {inputs}: "
                f"{', '.join(self.energy.input_names) or 'none'}"
            )

    @property
    def core(self):
        return self.energy

    @property
    def dt(self):
        return self.step

    def parameter_names(self):
        return (*self.energy.parameter_names(), *projection_names(self.projection), "step")


def projection_names(projection: Projection) -> tuple[str, ...]:
    k, m = projection.B.shape
    names = [f"B[{i},{j}]" for i in range(k) for j in range(m)]
    return (*names, *(f"b[{i}]" for i in range(k) if projection.b is not None))


def entries(name: str, count: int) -> tuple[str, ...]:
    """name[0], name[1], ..."""
    return tuple(f"{name}[{i}]" for i in range(count))


_MARGIN = 1.01


def stable_step(
    free: Inexact[Array, " n"], curvature: Inexact[Array, " n"]
) -> Inexact[Array, " n"]:
    """A step h with h^2 curvature < 4, leapfrog's limit, that is `free` where far below it.

    h = f / sqrt(1 + 1.01 f^2 curvature / 4), so that h^2 curvature < 4 / 1.01 for any f > 0.
    """
    return free / jnp.sqrt(1 + _MARGIN / 4 * free**2 * curvature)
