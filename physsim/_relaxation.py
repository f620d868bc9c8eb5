"""Exact solutions of linear losses over a time: what lossy drifts and kicks are made of."""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._matrix_function import GeneralSpectrum, Spectrum
from .trailing import as_column


class AbstractRelaxation(eqx.Module):
    """The exact solution of s' = -A L s, with A and L symmetric and L >= 0.

    s is the velocity (A inverse masses, L conductances) or the force (A stiffnesses, L
    resistances).
    """

    @property
    @abstractmethod
    def fastest(self) -> Float[Array, ""]:
        """The largest rate, per unit time."""

    @abstractmethod
    def travel(self, s: Float[Array, "n *batch"], tau: Float[Array, ""]) -> Array:
        """The integral of s over `tau`, from its value at the start."""

    @abstractmethod
    def loss(self, s: Float[Array, "n *batch"], tau: Float[Array, ""]) -> Array:
        """L times that integral."""

    @abstractmethod
    def noise(self, normal: Float[Array, "n *batch"], tau, temperature) -> Array:
        """What white noise of spectral density 2 kT L leaves after `tau`; `normal` is N(0, 1)."""


@final
class DiagonalRelaxation(AbstractRelaxation):
    """A and L diagonal: every entry relaxes alone."""

    rates: Float[Array, " n"]
    losses: Float[Array, " n"]

    @property
    def fastest(self):
        return jnp.max(jnp.abs(self.rates), initial=0.0)

    def travel(self, s, tau):
        return as_column(tau * _phi1(self.rates * tau), s) * s

    def loss(self, s, tau):
        return as_column(self.losses, s) * self.travel(s, tau)

    def noise(self, normal, tau, temperature):
        variance = 2.0 * temperature * self.losses * tau * _phi1(2.0 * self.rates * tau)
        return as_column(jnp.sqrt(variance), normal) * normal


@final
class ModalRelaxation(AbstractRelaxation):
    """L = F^T F: with w = F s, w' = -F A F^T w, whose modes relax alone.

    No inverse of what may be singular is needed.
    """

    spectrum: Spectrum
    """Of F A F^T [r, r]."""
    factor: Float[Array, "r n"]
    coupled: Float[Array, "n r"]
    """A F^T."""

    @property
    def fastest(self):
        return jnp.max(jnp.abs(self.spectrum.rates), initial=0.0)

    def travel(self, s, tau):
        inner = self.spectrum.apply(_travel, tau, self.factor @ s)
        return tau * s - self.coupled @ inner

    def loss(self, s, tau):
        inner = self.spectrum.apply(_relaxed, tau, self.factor @ s)
        return self.factor.T @ inner

    def noise(self, normal, tau, temperature):
        rates, vectors = self.spectrum.rates, self.spectrum.vectors
        variance = 2.0 * temperature * tau * _phi1(2.0 * rates * tau)
        draw = normal[: rates.shape[0]]
        return self.factor.T @ (vectors @ (as_column(jnp.sqrt(variance), draw) * draw))


@final
class Slope(eqx.Module):
    """dV/dq at constant inputs."""

    H: Any
    u: Float[Array, " m"]

    def __call__(self, q):
        return -self.H.force(q, self.u)

    def linear(self, x):
        """The stiffness at q = 0, times x: all there is to know where V is quadratic in x."""
        return jax.jvp(self, (jnp.zeros_like(x),), (x,))[1]


@final
class SparseRelaxation(AbstractRelaxation):
    """A diagonal L, on whose entries A acts diagonally: every one relaxes alone.

    A as a whole, applied by `slope`, may couple them to others, which have no losses.
    """

    rates: Float[Array, " n"]
    losses: Float[Array, " n"]
    slope: Slope

    @property
    def fastest(self):
        return jnp.max(jnp.abs(self.rates), initial=0.0)

    def travel(self, s, tau):
        moved = as_column(self.losses * tau * tau * _phi2(self.rates * tau), s) * s
        return tau * s - self.slope.linear(moved)

    def loss(self, s, tau):
        return as_column(self.losses * tau * _phi1(self.rates * tau), s) * s

    def noise(self, normal, tau, temperature):
        variance = 2.0 * temperature * self.losses * tau * _phi1(2.0 * self.rates * tau)
        return as_column(jnp.sqrt(variance), normal) * normal


@final
class GyratingRelaxation(AbstractRelaxation):
    """L not symmetric: the rates of A L are complex."""

    spectrum: GeneralSpectrum
    """Of A L."""
    losses: Float[Array, "n n"]

    @property
    def fastest(self):
        return jnp.max(jnp.abs(self.spectrum.rates), initial=0.0)

    def travel(self, s, tau):
        return self.spectrum.apply(_relaxed, tau, s)

    def loss(self, s, tau):
        return self.losses @ self.travel(s, tau)

    def noise(self, normal, tau, temperature):
        raise ValueError("noise of a network with gyrators and resistors is not simulated in time")


def modal_relaxation(
    A: Float[Array, "n n"],
    losses: Float[Array, " n"] | Float[Array, "n n"],
    factor: Float[Array, "r n"] | None,
) -> ModalRelaxation:
    """The relaxation with dense A; `factor` is F of L = F^T F, found here where it is None."""
    if factor is None or factor.shape[0] > A.shape[0]:
        factor = jnp.diag(jnp.sqrt(losses)) if losses.ndim == 1 else _square_root(losses)
    coupled = A @ factor.T
    return ModalRelaxation(Spectrum.of(factor @ coupled), factor, coupled)


def _square_root(matrix):
    values, vectors = jnp.linalg.eigh(matrix)
    return (vectors * jnp.sqrt(jnp.maximum(values, 0.0))[None, :]) @ vectors.T


def _relaxed(rates, tau):
    return tau * _phi1(rates * tau)


def _travel(rates, tau):
    return tau * tau * _phi2(rates * tau)


def _phi1(z):
    """(1 - exp(-z)) / z."""
    small = jnp.abs(z) < 1e-8
    safe = jnp.where(small, 1.0, z)
    return jnp.where(small, 1.0 - z / 2, -jnp.expm1(-safe) / safe)


def _phi2(z):
    """(exp(-z) - 1 + z) / z^2; a series where the difference would cancel."""
    small = jnp.abs(z) < 0.5
    safe = jnp.where(small, 1.0, z)
    series = jnp.zeros_like(z)
    for k in range(16, 1, -1):
        series = (1.0 - z * series) / k
    return jnp.where(small, series, (jnp.expm1(-safe) + safe) / safe**2)
