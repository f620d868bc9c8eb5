"""What every Hamiltonian offers, and what a separable one adds.

A Hamiltonian is a pytree whose array leaves are its parameters, so `jax.grad` with
respect to it is dH/dtheta, in the shape of the Hamiltonian itself.
"""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float


class AbstractHamiltonian(eqx.Module):
    """H(q, p, u): q, p of shape [n], inputs u of shape [m]; a scalar energy."""

    coordinates: eqx.AbstractVar[tuple[str, ...]]
    """Names of the n positions, used in messages and labelled results."""

    input_names: eqx.AbstractVar[tuple[str, ...]]
    """Names of the m inputs."""

    @abstractmethod
    def __call__(
        self, q: Float[Array, " n"], p: Float[Array, " n"], u: Float[Array, " m"]
    ) -> Float[Array, ""]:
        """The energy."""

    @abstractmethod
    def vector_field(
        self, q: Float[Array, " n"], p: Float[Array, " n"], u: Float[Array, " m"]
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """(dq/dt, dp/dt) = (dH/dp, -dH/dq)."""

    @abstractmethod
    def parameter_names(self) -> tuple[str, ...]:
        """One name a scalar parameter, in the order of the flattened array leaves."""


class AbstractSeparableHamiltonian(AbstractHamiltonian):
    """H = T(p) + V(q, u): what explicit splitting methods integrate."""

    kinetic_is_quadratic: eqx.AbstractVar[bool]
    """Whether T has no terms beyond second order; Nystrom methods need it."""

    kinetic_is_even: eqx.AbstractVar[bool]
    """Whether T(-p) = T(p): flipping the momenta then reverses time."""

    @abstractmethod
    def kinetic(self, p: Float[Array, " n"]) -> Float[Array, ""]:
        """T(p)."""

    @abstractmethod
    def potential(self, q: Float[Array, " n"], u: Float[Array, " m"]) -> Float[Array, ""]:
        """V(q, u)."""

    @abstractmethod
    def velocity(self, p: Float[Array, " n"]) -> Float[Array, " n"]:
        """dT/dp."""

    @abstractmethod
    def force(self, q: Float[Array, " n"], u: Float[Array, " m"]) -> Float[Array, " n"]:
        """-dV/dq."""

    @abstractmethod
    def prepare(self) -> "AbstractSeparableHamiltonian":
        """The same energy with all that stays constant along a run computed once.

        Differentiable: a gradient with respect to the result is pulled back through
        the vector-Jacobian product of this method.
        """

    def __call__(self, q, p, u):
        return self.kinetic(p) + self.potential(q, u)

    def vector_field(self, q, p, u):
        return self.velocity(p), self.force(q, u)
