"""Splittings with the harmonic part exact: for weakly nonlinear networks."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact

from .._hamiltonian import AbstractHamiltonian, AbstractSeparableHamiltonian
from .._normal_form import normal_form, root_of
from .._types import PhaseState, dtype_of
from ..trailing import as_column
from ._splitting import AbstractSplitting
from ._tableau import Flow, SplittingTableau, palindrome

_SOURCE = "Blanes, Casas, Farres, Laskar, Makazaga & Murua, Appl. Numer. Math. 68:58 (2013)"

_ABA864 = SplittingTableau(
    name="ABA864",
    order=4,
    first=Flow.DRIFT,
    a=palindrome((0.07113342649822312, 0.24115342795664013, 0.5214117617728147), odd=False),
    b=palindrome((0.18308368747219722, 0.3107828598985748, -0.026564618511958793), odd=True),
    source=_SOURCE,
)

_ABA1064 = SplittingTableau(
    name="ABA1064",
    order=4,
    first=Flow.DRIFT,
    a=palindrome(
        (0.03809449742241219, 0.14529871611691375, 0.20762769572554118, 0.43590970365152604),
        odd=True,
    ),
    b=palindrome((0.0958588808370752, 0.20444615314299874, 0.2170703479789911), odd=False),
    source=_SOURCE,
)


@final
class HarmonicSplit(eqx.Module):
    """H in the normal coordinates of its harmonic part: q = B X, p = B^-T Y.

    The drift turns each mode by its angle; the kick is what is left of the force.
    `frequencies` [n], zero for modes that are free or unstable (they drift straight).
    """

    H: AbstractSeparableHamiltonian
    basis: Inexact[Array, "n n"]
    inverse: Inexact[Array, "n n"]
    frequencies: Inexact[Array, " n"]

    def __call__(self, q, p, u):
        return self.H(q, p, u)

    def drift(self, q, p, tau, sums):
        """Rotation by omega tau as three shears, each of which keeps areas to the last bit."""
        omega = as_column(self.frequencies, sums.value(q))
        angle = omega * tau
        half_turns = jnp.round(angle / np.pi)
        rest = angle - half_turns * np.pi
        slide = jnp.where(omega > 0, jnp.tan(rest / 2), tau / 2)
        turn = jnp.where(omega > 0, jnp.sin(rest), 0.0)
        sign = 1.0 - 2.0 * (half_turns % 2)
        q = sums.add(q, slide * sums.value(p))
        p = sums.add(p, -turn * sums.value(q))
        q = sums.add(q, slide * sums.value(p))
        return jax.tree.map(lambda x: sign * x, (q, p))

    def harmonic(self, q, p):
        """The energy of the drift. Its derivative by each frequency is constant along it."""
        omega = as_column(self.frequencies, q)
        turning = omega * (q * q + p * p) / 2
        return jnp.sum(jnp.where(omega > 0, turning, p * p / 2), axis=0)

    def potential(self, q, u):
        """The energy of the kick: what the harmonic part leaves of V."""
        omega = as_column(self.frequencies, q)
        return self.H.potential(self.basis @ q, u) - jnp.sum(omega * q * q / 2, axis=0)

    def kick(self, q, p, tau, u, sums):
        modes = sums.value(q)
        rest = self.basis.T @ self.H.force(self.basis @ modes, u)
        return q, sums.add(p, tau * (rest + as_column(self.frequencies, modes) * modes))


def harmonic_split(H: AbstractSeparableHamiltonian) -> HarmonicSplit:
    """The harmonic part of `H` about q = 0 without inputs, diagonalised."""
    # Canonical: with M^-1 = R R^T and W the modes of R^T K R, B = R W / sqrt(omega).
    dtype = dtype_of(H)
    u, rest = jnp.zeros(len(H.input_names), dtype), jnp.zeros(len(H.coordinates), dtype)
    _, root, squares, modes = normal_form(H, rest, rest, u)
    frequencies = root_of(squares)
    scale = jnp.where(frequencies > 0, frequencies, 1.0) ** 0.5
    basis = (root @ modes) / scale[None, :]
    inverse = scale[:, None] * jax.scipy.linalg.solve_triangular(root.T, modes, lower=False).T
    return HarmonicSplit(H, basis, inverse, frequencies)


class AbstractHarmonicSplitting(AbstractSplitting):
    """A splitting into the exact harmonic flow and the rest of the force.

    The error is proportional to the nonlinearity, so steps may be as long as a fast
    period. The modes are dense matrices: for networks of up to some hundred nodes.
    """

    @property
    def stability_limit(self):
        return float("inf")

    def check(self, H: AbstractHamiltonian) -> None:
        super().check(H)
        assert isinstance(H, AbstractSeparableHamiltonian)
        if not (H.is_nystrom and H.is_canonical):
            raise ValueError(
                f"{self.name} needs T quadratic in p, and a system without losses or gyrators"
            )

    def drift_energy(self, system, q, p):
        return system.harmonic(q, p)

    def prepare(self, H):
        return harmonic_split(H.prepare())

    def start(self, system, y):
        return PhaseState(system.inverse @ y.q, system.basis.T @ y.p)

    def read(self, system, state):
        return PhaseState(system.basis @ state.q, system.inverse.T @ state.p)


@final
class ABA864(AbstractHarmonicSplitting):
    """Error eps h^8 + eps^2 h^6 + eps^3 h^4 for a nonlinearity eps: 7 forces a step."""

    @property
    def tableau(self):
        return _ABA864


@final
class ABA1064(AbstractHarmonicSplitting):
    """Error eps h^10 + eps^2 h^6 + eps^3 h^4 for a nonlinearity eps: 8 forces a step."""

    @property
    def tableau(self):
        return _ABA1064
