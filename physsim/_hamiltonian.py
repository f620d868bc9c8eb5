"""What every Hamiltonian offers, and what a separable one adds.

A Hamiltonian is a pytree whose array leaves are its parameters, so `jax.grad` with
respect to it is dH/dtheta, in the shape of the Hamiltonian itself. States are of shape
[n], or [n, batch] with the batch on the trailing axis; energies are then scalars or [batch].
"""

from abc import abstractmethod
from typing import Any

import equinox as eqx
from jaxtyping import Array, Inexact

from ._parity import Parity


class AbstractHamiltonian(eqx.Module):
    """H(q, p, u): q, p of shape [n], inputs u of shape [m]; a scalar energy."""

    coordinates: eqx.AbstractVar[tuple[str, ...]]
    """Names of the n positions, used in messages and labelled results."""

    input_names: eqx.AbstractVar[tuple[str, ...]]
    """Names of the m inputs."""

    is_even: eqx.AbstractVar[bool]
    """Whether H(q, -p, u) = H(q, p, u): flipping the momenta then reverses time."""

    @property
    def parity(self) -> Parity:
        """Which parameters and inputs time reversal turns around.

        Raises `ValueError` where reversing them and the momenta changes the energy.
        """
        if not self.is_even:
            raise ValueError(
                "the energy is not even in p, and which parameters time reversal turns around "
                "is not known: declare it, parity=physsim.Parity(params=..., inputs=...)"
            )
        return Parity()

    @property
    def is_lossless(self) -> bool:
        """Whether nothing damps the flow, and nothing makes noise."""
        return True

    @property
    def is_noisy(self) -> bool:
        """Whether it has a temperature, so that a run draws noise."""
        return False

    @property
    def is_reciprocal(self) -> bool:
        """Whether no gyrator turns velocities about, which does no work."""
        return True

    @property
    def is_canonical(self) -> bool:
        """Whether the flow is Hamilton's own, without losses or gyrators."""
        return self.is_lossless and self.is_reciprocal

    @property
    def has_clock(self) -> bool:
        """Whether the last input is the time, which a run feeds by itself."""
        return False

    @property
    def conservative(self) -> "AbstractHamiltonian":
        """The system without its losses."""
        return self

    @abstractmethod
    def __call__(
        self,
        q: Inexact[Array, "n *batch"],
        p: Inexact[Array, "n *batch"],
        u: Inexact[Array, "m *#batch"],
    ) -> Inexact[Array, "*batch"]:
        """The energy."""

    @abstractmethod
    def vector_field(
        self,
        q: Inexact[Array, "n *batch"],
        p: Inexact[Array, "n *batch"],
        u: Inexact[Array, "m *#batch"],
    ) -> tuple[Inexact[Array, "n *batch"], Inexact[Array, "n *batch"]]:
        """(dq/dt, dp/dt), which is (dH/dp, -dH/dq) without losses."""

    @abstractmethod
    def parameter_names(self) -> tuple[str, ...]:
        """One name a scalar parameter, in the order of the flattened array leaves."""

    @abstractmethod
    def prepare(self) -> Any:
        """The same system with all that stays constant along a run computed once.

        Differentiable: a gradient with respect to the result is pulled back through
        the vector-Jacobian product of this method.
        """

    def with_inverses(self) -> "AbstractHamiltonian":
        """The same with the matrices that read-outs of a state invert inverted once.

        Differentiable like `prepare`; the result has further leaves, which follow from the
        parameters.
        """
        return self

    @abstractmethod
    def describe(self) -> str:
        """How the energy was compiled, for people."""


class AbstractSeparableHamiltonian(AbstractHamiltonian):
    """H = T(p) + V(q, u): what explicit splitting methods integrate."""

    kinetic_is_quadratic: eqx.AbstractVar[bool]
    """Whether T has no terms beyond second order in p."""

    kinetic_is_diagonal: eqx.AbstractVar[bool]
    """Whether each velocity depends on its own momentum alone."""

    potential_is_quadratic: eqx.AbstractVar[bool]
    """Whether V has no terms beyond second order in q, so that forces are linear."""

    @property
    def is_nystrom(self) -> bool:
        """Whether Runge-Kutta-Nystrom splittings keep their order."""
        return self.kinetic_is_quadratic

    @property
    def has_exact_flows(self) -> bool:
        """Whether drift and kick have closed forms, losses included."""
        return True

    def impulse(self, dp: Inexact[Array, "n *batch"]) -> Inexact[Array, "n *batch"]:
        """A change of the momenta, zero for coordinates that have none."""
        return dp

    @abstractmethod
    def kinetic(self, p: Inexact[Array, "n *batch"]) -> Inexact[Array, "*batch"]:
        """T(p)."""

    @abstractmethod
    def potential(
        self, q: Inexact[Array, "n *batch"], u: Inexact[Array, "m *#batch"]
    ) -> Inexact[Array, "*batch"]:
        """V(q, u)."""

    @abstractmethod
    def velocity(self, p: Inexact[Array, "n *batch"]) -> Inexact[Array, "n *batch"]:
        """dT/dp."""

    @abstractmethod
    def force(
        self, q: Inexact[Array, "n *batch"], u: Inexact[Array, "m *#batch"]
    ) -> Inexact[Array, "n *batch"]:
        """-dV/dq."""

    def drift(self, q: Any, p: Any, tau: Inexact[Array, ""], sums: Any) -> tuple[Any, Any]:
        """The exact flow of T over the time `tau`, added up by `sums`."""
        return sums.add(q, tau * self.velocity(sums.value(p))), p

    def kick(self, q: Any, p: Any, tau: Inexact[Array, ""], u: Any, sums: Any) -> tuple[Any, Any]:
        """The exact flow of V(., u) over the time `tau`, added up by `sums`."""
        return q, sums.add(p, tau * self.impulse(self.force(sums.value(q), u)))

    def __call__(self, q, p, u):
        return self.kinetic(p) + self.potential(q, u)

    def vector_field(self, q, p, u):
        return self.velocity(p), self.impulse(self.force(q, u))
