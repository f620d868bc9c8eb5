"""Linear losses, in parallel with the masses and in series with the springs.

    dq/dt =  dH/dp - R dH/dq          dp/dt = -dH/dq - G dH/dp

G and R are symmetric and positive semidefinite. In a circuit G are conductances across
capacitors and R resistances in series with inductors. The lossy drift (T and G) and the
lossy kick (V and R) are linear and solved exactly, so a splitting keeps its order.
"""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._hamiltonian import AbstractSeparableHamiltonian
from ._matrix_function import GeneralSpectrum
from ._relaxation import (
    AbstractRelaxation,
    DiagonalRelaxation,
    GyratingRelaxation,
    Slope,
    SparseRelaxation,
    modal_relaxation,
)
from .trailing import times

Losses = Float[Array, " n"] | Float[Array, "n n"]


class AbstractDamped(AbstractSeparableHamiltonian):
    """A separable system with linear losses G and R and, with a temperature, their noise."""

    conductance: eqx.AbstractVar[Losses | None]
    resistance: eqx.AbstractVar[Losses | None]
    temperature: eqx.AbstractVar[Float[Array, ""] | None]

    @property
    def is_lossless(self):
        return False

    @property
    def is_noisy(self):
        return self.temperature is not None

    @property
    def is_nystrom(self):
        # A kick that moves q breaks the Nystrom order conditions.
        return self.conservative.is_nystrom and self.resistance is None

    @property
    def has_clock(self):
        return self.conservative.has_clock

    @property
    def kinetic_is_quadratic(self):
        return self.conservative.kinetic_is_quadratic

    @property
    def kinetic_is_diagonal(self):
        return self.conservative.kinetic_is_diagonal

    @property
    def potential_is_quadratic(self):
        return self.conservative.potential_is_quadratic

    @property
    @abstractmethod
    def conservative(self) -> AbstractSeparableHamiltonian:
        """The system without its losses."""

    def kinetic(self, p):
        return self.conservative.kinetic(p)

    def potential(self, q, u):
        return self.conservative.potential(q, u)

    def velocity(self, p):
        return self.conservative.velocity(p)

    def force(self, q, u):
        return self.conservative.force(q, u)

    def vector_field(self, q, p, u):
        flows = LossyFlows(self.conservative, self.conductance, self.resistance, None, None)
        return flows.vector_field(q, p, u)

    @property
    def series_is_local(self) -> bool:
        """Whether each entry of a diagonal R acts on a stiffness of its own."""
        return False

    @property
    def conductance_factor(self) -> Float[Array, "r n"] | None:
        """F with G = F^T F, where it is known; otherwise the square root of G serves."""
        return None

    @property
    def resistance_factor(self) -> Float[Array, "r n"] | None:
        """F with R = F^T F, where it is known."""
        return None

    def prepare(self):
        return LossyFlows(
            self.conservative.prepare(), self.conductance, self.resistance, *self.relaxations()
        )

    def relaxations(self) -> tuple["AbstractRelaxation | None", "AbstractRelaxation | None"]:
        """How momenta relax by G, and positions by R."""
        H, n = self.conservative.prepare(), len(self.coordinates)
        G, R = self.conductance, self.resistance
        parallel = series = None
        if G is not None:
            rest = jnp.zeros(n, G.dtype)
            parallel = _parallel(H.velocity, rest, G, self)
        if R is not None:
            rest, u = jnp.zeros(n, R.dtype), jnp.zeros(len(self.input_names), R.dtype)
            series = _series(Slope(H, u), rest, R, self)
        return parallel, series


@final
class DampedHamiltonian(AbstractDamped):
    """`H` with losses and, with a temperature, their noise; made by `physsim.damped`."""

    H: AbstractSeparableHamiltonian
    conductance: Losses | None
    resistance: Losses | None
    temperature: Float[Array, ""] | None

    @property
    def coordinates(self):
        return self.H.coordinates

    @property
    def input_names(self):
        return self.H.input_names

    @property
    def is_even(self):
        return self.H.is_even

    @property
    def conservative(self):
        return self.H

    def parameter_names(self):
        names = list(self.H.parameter_names())
        for letter, losses in (("G", self.conductance), ("R", self.resistance)):
            if losses is not None:
                index = np.ndindex(losses.shape)
                names += [f"{letter}[{','.join(map(str, i))}]" for i in index]
        return (*names, "temperature") if self.temperature is not None else tuple(names)

    def describe(self):
        lines = [self.H.describe()]
        named = {"conductance G": self.conductance, "resistance R": self.resistance}
        for name, losses in named.items():
            if losses is not None:
                lines.append(f"  {name}: {'diagonal' if losses.ndim == 1 else 'dense matrix'}")
        if self.temperature is not None:
            lines.append("  thermal noise of these losses")
        return "\n".join(lines)


@final
class LossyFlows(eqx.Module):
    """What splittings and collocations step: drifts with G, kicks with R."""

    H: Any
    conductance: Losses | None
    resistance: Losses | None
    parallel: AbstractRelaxation | None
    series: AbstractRelaxation | None

    def __call__(self, q, p, u):
        return self.H(q, p, u)

    def vector_field(self, q, p, u):
        velocity, force = self.H.velocity(p), self.H.force(q, u)
        return (
            velocity + times(self.resistance, force),
            self.H.impulse(force - times(self.conductance, velocity)),
        )

    def drift(self, q, p, tau, sums):
        if self.parallel is None:
            return self.H.drift(q, p, tau, sums)
        velocity = self.H.velocity(sums.value(p))
        return (
            sums.add(q, self.parallel.travel(velocity, tau)),
            sums.add(p, -self.parallel.loss(velocity, tau)),
        )

    def kick(self, q, p, tau, u, sums):
        if self.series is None:
            return self.H.kick(q, p, tau, u, sums)
        force = self.H.force(sums.value(q), u)
        return (
            sums.add(q, self.series.loss(force, tau)),
            sums.add(p, self.H.impulse(self.series.travel(force, tau))),
        )


def damped(
    H: AbstractSeparableHamiltonian,
    *,
    conductance: Any = None,
    resistance: Any = None,
    temperature: Any = None,
) -> DampedHamiltonian:
    """`H` with linear losses: dp/dt loses G dH/dp, dq/dt loses R dH/dq.

    `conductance` G and `resistance` R are scalars, vectors [n] (diagonal) or symmetric
    positive semidefinite matrices [n, n]. G needs T quadratic in p, R needs V quadratic in
    q. `temperature` is k_B T in units of energy; runs then need a random key, and end up
    in the canonical distribution exp(-H / k_B T).

    Raises `ValueError` where these do not hold.
    """
    n = len(H.coordinates)
    if conductance is None and resistance is None:
        raise ValueError("pass conductance, resistance or both: without losses there is no damping")
    if conductance is not None and not H.kinetic_is_quadratic:
        raise ValueError("conductance needs T quadratic in p: its damped drift has no closed form")
    if resistance is not None and not H.potential_is_quadratic:
        raise ValueError("resistance needs V quadratic in q: its damped kick has no closed form")
    kT = None if temperature is None else jnp.asarray(temperature, float)
    if kT is not None and not float(kT) >= 0:
        raise ValueError(f"the temperature must not be negative, got {temperature}")
    return DampedHamiltonian(
        H, _losses("conductance", conductance, n), _losses("resistance", resistance, n), kT
    )


def _losses(name: str, value: Any, n: int) -> Losses | None:
    if value is None:
        return None
    x = np.asarray(value, float)
    if x.ndim == 0:
        x = np.full(n, x)
    if x.shape not in ((n,), (n, n)):
        raise ValueError(f"{name} must be a scalar or of shape ({n},) or ({n}, {n}), got {x.shape}")
    if not np.all(np.isfinite(x)):
        raise ValueError(f"{name} has entries that are not finite")
    if x.ndim == 2 and not np.allclose(x, x.T, rtol=1e-12, atol=0):
        raise ValueError(f"{name} must be symmetric; a skew part is no loss")
    lowest = x.min() if x.ndim == 1 else np.linalg.eigvalsh(x)[0]
    if lowest < -1e-12 * np.abs(x).max():
        raise ValueError(f"{name} must be positive semidefinite: it would supply energy")
    return jnp.asarray(value if np.shape(value) == x.shape else x, float)


def _parallel(velocity, rest: Array, G: Losses, H: AbstractDamped) -> AbstractRelaxation:
    if H.kinetic_is_diagonal and G.ndim == 1:
        a = jax.jvp(velocity, (rest,), (jnp.ones_like(rest),))[1]
        return DiagonalRelaxation(a * G, G)
    A = jax.jacfwd(velocity)(rest)
    if H.is_reciprocal:
        return modal_relaxation(A, G, H.conductance_factor)
    return GyratingRelaxation(GeneralSpectrum.of(A @ G), G)


def _series(slope: Slope, rest: Array, R: Losses, H: AbstractDamped) -> AbstractRelaxation:
    if H.series_is_local and R.ndim == 1:
        lossy = (R > 0).astype(R.dtype)
        return SparseRelaxation(R * slope.linear(lossy), R, slope)
    return modal_relaxation(jax.jacfwd(slope)(rest), R, H.resistance_factor)
