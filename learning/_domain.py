"""What is trained: some entries of a Hamiltonian, within bounds, as a vector of free numbers."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PyTree

from physsim import AbstractHamiltonian


@final
class Domain(eqx.Module):
    """The trained entries of a Hamiltonian's flattened leaves, and their open bounds.

    A trained value theta is a smooth function of a free number z:

    - without bounds, theta = z;
    - with one, theta = lower + exp(z) or upper - exp(z); lower = 0 trains the logarithm;
    - with two, theta = lower + w sigmoid(4 z / w), w their distance; between positive bounds the
      same holds for logarithms. In the middle a change of z is the same change of theta (or of
      its logarithm).
    """

    index: Int[Array, " P"]
    lower: Float[Array, " P"]
    upper: Float[Array, " P"]

    def take(self, tree: PyTree) -> Float[Array, " P"]:
        """The trained entries of a tree in the shape of the Hamiltonian."""
        return _flat(tree)[self.index]

    @eqx.filter_jit
    def to_free(self, H: AbstractHamiltonian) -> Float[Array, " P"]:
        """The z of the values of `H`, which lie within the bounds."""
        return _to_free(self.take(H), self.lower, self.upper)

    @eqx.filter_jit
    def from_free(self, H: AbstractHamiltonian, z: Float[Array, " P"]) -> AbstractHamiltonian:
        """`H` with the values that z stands for."""
        arrays, rest = eqx.partition(H, eqx.is_inexact_array)
        flat, unravel = ravel_pytree(arrays)
        values = from_free(z, self.lower, self.upper)
        return eqx.combine(unravel(flat.at[self.index].set(values)), rest)

    def slope(self, gradient: PyTree, z: Float[Array, " P"]) -> Float[Array, " P"]:
        """dL/dz from dL/dH."""
        _, pull = jax.vjp(lambda z: from_free(z, self.lower, self.upper), z)
        return pull(self.take(gradient))[0]


def make_domain(
    H: AbstractHamiltonian,
    *,
    trainable: PyTree | None = None,
    positive: PyTree | None = None,
    lower: PyTree | None = None,
    upper: PyTree | None = None,
) -> Domain:
    """A domain from trees in the shape of `H` (leaves: arrays, or one value for all entries).

    `trainable` (default: all) and `positive` (default: none) are boolean, `lower` and `upper`
    infinite where there is no bound. Raises `ValueError` where nothing is trained, or a start
    is outside its bounds.
    """
    index = np.flatnonzero(_entries(H, trainable, True))
    if not index.size:
        raise ValueError("nothing is trained: `trainable` is False everywhere")
    start = np.asarray(_flat(H))[index]
    below, above = (
        np.broadcast_to(_entries(H, x, d), _flat(H).shape)[index].astype(start.dtype)
        for x, d in ((lower, -np.inf), (upper, np.inf))
    )
    below = np.where(_entries(H, positive, False)[index], np.maximum(below, 0.0), below)
    _check_bounds(np.array(H.parameter_names())[index], start, below, above)
    return Domain(jnp.asarray(index), jnp.asarray(below), jnp.asarray(above))


def _check_bounds(names, start, lower, upper) -> None:
    for name, x, low, high in zip(names, start, lower, upper, strict=True):
        if low < x < high:
            continue
        if low == 0 and x <= 0:
            raise ValueError(f"{name} is to stay positive, but starts at zero or below: {x:.6g}")
        raise ValueError(
            f"{name} starts at {x:.6g}, outside its bounds, above {low:.6g} and below {high:.6g}"
        )


def _flat(tree) -> Float[Array, " entries"]:
    return ravel_pytree(eqx.filter(tree, eqx.is_inexact_array))[0]


def _entries(H, tree, default) -> np.ndarray:
    """One value an entry of the flattened leaves of `H`."""
    leaves = jax.tree.leaves(eqx.filter(H, eqx.is_inexact_array))
    given = [default] * len(leaves) if tree is None else jax.tree.leaves(tree)
    if len(given) != len(leaves):
        raise ValueError(f"masks and bounds must have {len(leaves)} leaves like H: {len(given)}")
    pairs = zip(given, leaves, strict=True)
    return np.concatenate([np.broadcast_to(np.asarray(x), leaf.shape).ravel() for x, leaf in pairs])


def _interval(lower, upper):
    """(which have both bounds, which of these are positive, start and width of the interval)."""
    both = jnp.isfinite(lower) & jnp.isfinite(upper)
    logarithmic = both & (lower > 0)
    low, high = jnp.where(both, lower, 1.0), jnp.where(both, upper, 2.0)
    safe_low = jnp.where(logarithmic, low, 1.0)
    safe_high = jnp.where(logarithmic, high, 2.0)
    start = jnp.where(logarithmic, jnp.log(safe_low), low)
    width = jnp.where(logarithmic, jnp.log(safe_high / safe_low), high - low)
    return both, logarithmic, start, width


def from_free(
    z: Float[Array, " P"], lower: Float[Array, " P"], upper: Float[Array, " P"]
) -> Float[Array, " P"]:
    """theta(z). Branches not taken are kept finite, for the sake of their derivatives."""
    both, logarithmic, start, width = _interval(lower, upper)
    above, below = jnp.isfinite(lower) & ~both, jnp.isfinite(upper) & ~both
    inside = start + width * jax.nn.sigmoid(4.0 * jnp.where(both, z, 0.0) / width)
    inside = jnp.where(logarithmic, jnp.exp(jnp.where(logarithmic, inside, 0.0)), inside)
    # exp(log(upper)) may round to just above it.
    inside = jnp.where(both, jnp.clip(inside, lower, upper), 0.0)
    distance = jnp.exp(jnp.where(above | below, z, 0.0))
    one_sided = jnp.where(above, lower + distance, jnp.where(below, upper - distance, z))
    return jnp.where(both, inside, one_sided)


def _to_free(theta, lower, upper):
    both, logarithmic, start, width = _interval(lower, upper)
    inside = jnp.where(logarithmic, jnp.log(jnp.where(logarithmic, theta, 1.0)), theta)
    share = jnp.where(both, (inside - start) / width, 0.5)
    above, below = jnp.isfinite(lower) & ~both, jnp.isfinite(upper) & ~both
    distance = jnp.where(above, theta - lower, jnp.where(below, upper - theta, 1.0))
    one_sided = jnp.where(above | below, jnp.log(distance), theta)
    return jnp.where(both, width / 4.0 * jax.scipy.special.logit(share), one_sided)
