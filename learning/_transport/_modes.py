"""The modes of a map, by which the phase of credit is told."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

_DEFECTIVE = 1e10


@final
class MapModes(eqx.Module):
    """Eigenvectors of a Jacobian: J right = right diag(values), left^H right = 1.

    Of complex pairs the member above the real axis; the slowest to decay come first.
    """

    values: Complex[Array, " k"]
    right: Complex[Array, "n k"]
    left: Complex[Array, "n k"]

    def time_constants(self) -> Float[np.ndarray, " k"]:
        """-1 / ln |value|, in steps; infinite for what does not decay, negative for growth."""
        with np.errstate(divide="ignore"):
            rates = -np.log(np.abs(np.asarray(self.values)))
            return np.where(np.abs(rates) < 1e-12, np.inf, 1 / rates)


def has_modes(jacobian: Float[Array, "n n"]) -> bool:
    """Whether a step's Jacobian has a full set of eigenvectors, to ten digits.

    That is a condition number below 1e10 of the matrix of eigenvectors, each of unit length; a
    critically damped or a free motion has no full set. Raises `numpy.linalg.LinAlgError` where
    the Jacobian is not finite.
    """
    return bool(np.linalg.cond(np.linalg.eig(np.asarray(jacobian))[1]) < _DEFECTIVE)


def map_modes(jacobian: Float[Array, "n n"], most: int = 8) -> MapModes:
    """The modes of one step's Jacobian; `ValueError` where it has no full set of them."""
    J = np.asarray(jacobian)
    values, right = np.linalg.eig(J)
    if not has_modes(jacobian):
        raise ValueError(
            "the Jacobian has no full set of eigenvectors (a critically damped or a free motion): "
            "modal rates are not defined there"
        )
    left = np.linalg.inv(right).conj().T
    # Moduli that differ by rounding alone are equal: then the lowest frequency comes first.
    order = np.lexsort((np.imag(values), -np.round(np.abs(values), 10)))
    order = order[np.imag(values[order]) >= -1e-12][:most]
    dtype = np.result_type(J.dtype, np.complex64)
    kept = (values[order], right[:, order], left[:, order])
    return MapModes(*(jnp.asarray(x.astype(dtype)) for x in kept))
