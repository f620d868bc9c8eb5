"""The lossless part of a circuit that has sources of voltage, or resistors."""

from typing import final

import equinox as eqx
import jax.numpy as jnp

from physsim import AbstractEnergy, AbstractNetwork
from physsim.trailing import as_column

from ._route import Route


@final
class ReactiveNetwork(AbstractNetwork):
    """T(p) of the capacitors plus V(x(q, u)) of what depends on fluxes.

    The last coordinates, of resistors in the tree, have no capacitance: their momenta stay
    zero, and without losses they rest.
    """

    kinetic_parts: tuple[AbstractEnergy, ...]
    potential_parts: tuple[AbstractEnergy, ...]
    route: Route
    spans: tuple[int, ...] = eqx.field(static=True)
    """How many leading momenta each kinetic part acts on."""
    coordinates: tuple[str, ...] = eqx.field(static=True)
    input_names: tuple[str, ...] = eqx.field(static=True)

    def kinetic(self, p):
        total = jnp.zeros(p.shape[1:], p.dtype)
        for part, span in zip(self.kinetic_parts, self.spans, strict=True):
            total = total + part(p[:span], _no_inputs(p))
        return total

    def velocity(self, p):
        total = jnp.zeros_like(p)
        for part, span in zip(self.kinetic_parts, self.spans, strict=True):
            total = total + _padded(part.slope(p[:span], _no_inputs(p)), p)
        return total

    def potential(self, q, u):
        x = self.route(q, u)
        total = jnp.zeros(q.shape[1:], q.dtype)
        for part in self.potential_parts:
            total = total + part(x, u)
        charged = q[: self.route.num_charges]
        return total - jnp.sum(charged * self._drive(u, charged), axis=0)

    def force(self, q, u):
        x = self.route(q, u)
        slope = jnp.zeros_like(x)
        for part in self.potential_parts:
            slope = slope + part.slope(x, u)
        force = -self.route.pull(slope, q.shape[0])
        if self.route.bias is None:
            return force
        charged = q[: self.route.num_charges]
        return force + _padded(self._drive(u, charged) + 0.0 * charged, q)

    def _drive(self, u, like):
        return as_column(jnp.asarray(self.route.drive(u), like.dtype), like)

    def impulse(self, dp):
        count = self.route.num_charges
        if count == dp.shape[0]:
            return dp
        return _padded(dp[:count], dp)


def _padded(values, like):
    """Rows of zeros after `values`, up to the height of `like`."""
    missing = like.shape[0] - values.shape[0]
    return jnp.pad(values, [(0, missing)] + [(0, 0)] * (values.ndim - 1))


def _no_inputs(x):
    return jnp.zeros(0, x.dtype)
