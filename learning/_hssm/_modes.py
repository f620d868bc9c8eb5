"""Modes that each take a step of their own."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from physsim import AbstractSeparableHamiltonian

from ._unit import along, entries


class AbstractModes(AbstractSeparableHamiltonian):
    """H(q, p, r) = sum_i h_i p_i^2 / 2 + V(q, r), a driving force r_i of each mode."""

    h: eqx.AbstractVar[Inexact[Array, " n"]]
    is_even = True
    kinetic_is_quadratic = True
    kinetic_is_diagonal = True

    @property
    def coordinates(self):
        return entries("q", self.h.shape[0])

    @property
    def input_names(self):
        return entries("r", self.h.shape[0])

    def kinetic(self, p):
        return jnp.sum(along(self.h, p) * p**2, 0) / 2

    def velocity(self, p):
        return along(self.h, p) * p

    def prepare(self):
        return self
