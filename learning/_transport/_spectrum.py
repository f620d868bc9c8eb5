"""How unevenly singular values are spread, and how subspaces lie to each other."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


@final
class Anisotropy(eqx.Module):
    """Of singular values sigma_1 >= ... >= sigma_n, over leading axes; k is min(top, n)."""

    ratio: Float[Array, "*batch"]
    """sigma_1 / sigma_k; infinite where the k-th vanishes."""
    top_energy: Float[Array, "*batch"]
    """The part of the sum of squares in the first k."""
    participation: Float[Array, "*batch"]
    """(sum sigma^2)^2 / sum sigma^4: about how many directions share the energy, 1 to n."""


def anisotropy(singular: Float[Array, "*batch n"], top: int = 10) -> Anisotropy:
    """The measures of `Anisotropy`; nothing but zeros counts as one direction."""
    k = min(top, singular.shape[-1])
    largest = singular[..., :1]
    relative = singular / jnp.where(largest == 0, 1.0, largest)
    squares = relative**2
    total = jnp.sum(squares, axis=-1)
    total = jnp.where(total == 0, 1.0, total)
    fourth = jnp.sum(squares**2, axis=-1)
    return Anisotropy(
        jnp.where(relative[..., 0] == 0, 1.0, relative[..., 0] / relative[..., k - 1]),
        jnp.sum(squares[..., :k], axis=-1) / total,
        jnp.where(fourth == 0, 1.0, total**2 / jnp.where(fourth == 0, 1.0, fourth)),
    )


def spread_of(rows: Float[Array, "s P"]) -> Float[Array, " r"]:
    """Standard deviations along the principal axes of samples in rows, descending.

    Their squares are the eigenvalues of the samples' covariance; r = min(s, P).
    """
    centred = rows - jnp.mean(rows, axis=0, keepdims=True)
    return jnp.linalg.svd(centred, compute_uv=False) / jnp.sqrt(max(len(rows) - 1, 1))


def principal_angles(
    first: Float[Array, "*batch n k"], second: Float[Array, "*batch n k"]
) -> Float[Array, "*batch k"]:
    """Angles in radians, ascending, between subspaces with orthonormal columns.

    By their sines where those are small, since the cosine of a small angle has no digits.
    Source: Bjorck & Golub, Math. Comp. 27:579 (1973).
    """
    inner = jnp.swapaxes(first, -1, -2) @ second
    cosines = jnp.linalg.svd(inner, compute_uv=False)
    sines = jnp.linalg.svd(second - first @ inner, compute_uv=False)[..., ::-1]
    small = cosines**2 > 0.5
    by_sine = jnp.arcsin(jnp.clip(sines, 0, 1))
    return jnp.where(small, by_sine, jnp.arccos(jnp.clip(cosines, 0, 1)))
