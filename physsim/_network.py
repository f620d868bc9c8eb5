"""Hamiltonians of networks: sums of element energies."""

import copy
from abc import abstractmethod
from typing import TypeVar, final

import equinox as eqx
import jax.numpy as jnp

from ._element import AbstractEnergy
from ._hamiltonian import AbstractSeparableHamiltonian


class AbstractNetwork(AbstractSeparableHamiltonian):
    """What a sum of element energies knows from its parts."""

    kinetic_parts: eqx.AbstractVar[tuple[AbstractEnergy, ...]]
    potential_parts: eqx.AbstractVar[tuple[AbstractEnergy, ...]]

    @property
    def kinetic_is_quadratic(self) -> bool:
        return all(part.is_quadratic for part in self.kinetic_parts)

    @property
    def kinetic_is_diagonal(self) -> bool:
        return all(part.is_diagonal for part in self.kinetic_parts)

    @property
    def potential_is_quadratic(self) -> bool:
        return all(part.is_quadratic for part in self.potential_parts)

    @property
    def is_even(self) -> bool:
        return all(part.is_even for part in self.kinetic_parts)

    def prepare(self):
        return with_parts(
            self,
            kinetic_parts=tuple(part.prepare() for part in self.kinetic_parts),
            potential_parts=tuple(part.prepare() for part in self.potential_parts),
        )

    def parameter_names(self):
        parts = (*self.kinetic_parts, *self.potential_parts)
        return tuple(name for part in parts for name in part.parameter_names())

    def describe(self):
        lines = [f"network of {len(self.coordinates)} coordinates, a sum over kinds of element"]
        lines += [f"  T: {part.describe()}" for part in self.kinetic_parts]
        lines += [f"  V: {part.describe()}" for part in self.potential_parts]
        return "\n".join(lines)


@final
class NetworkHamiltonian(AbstractNetwork):
    """H = sum of kinetic parts of p + sum of potential parts of q and u."""

    kinetic_parts: tuple[AbstractEnergy, ...]
    potential_parts: tuple[AbstractEnergy, ...]
    coordinates: tuple[str, ...] = eqx.field(static=True)
    input_names: tuple[str, ...] = eqx.field(static=True, default=())

    def kinetic(self, p):
        return _sum(part(p, _no_inputs(p)) for part in self.kinetic_parts)

    def potential(self, q, u):
        if not self.potential_parts:
            return jnp.zeros(q.shape[1:], q.dtype)
        return _sum(part(q, u) for part in self.potential_parts)

    def velocity(self, p):
        return _sum(part.slope(p, _no_inputs(p)) for part in self.kinetic_parts)

    def force(self, q, u):
        if not self.potential_parts:
            return jnp.zeros_like(q)
        return -_sum(part.slope(q, u) for part in self.potential_parts)

    def with_inverses(self):
        inverted = tuple(part.with_inverse() for part in self.kinetic_parts)
        return with_parts(self, kinetic_parts=inverted)


class AbstractAssembled(AbstractSeparableHamiltonian):
    """What is stepped and evaluated as the network that `prepare` makes of it."""

    @abstractmethod
    def prepare(self) -> NetworkHamiltonian:
        """The network, each parameter where its elements are."""

    def kinetic(self, p):
        return self.prepare().kinetic(p)

    def potential(self, q, u):
        return self.prepare().potential(q, u)

    def velocity(self, p):
        return self.prepare().velocity(p)

    def force(self, q, u):
        return self.prepare().force(q, u)


Network = TypeVar("Network", bound=AbstractSeparableHamiltonian)


def with_parts(network: Network, **parts: tuple[AbstractEnergy, ...]) -> Network:
    """A copy of a network with other parts of its energy, by the names of the fields.

    To build a module from scratch, equinox would look at every coordinate's name.
    """
    other = copy.copy(network)
    for name, new in parts.items():
        object.__setattr__(other, name, new)
    return other


def _no_inputs(x):
    return jnp.zeros(0, x.dtype)


def _sum(parts):
    first, *rest = parts
    return sum(rest, start=first)
