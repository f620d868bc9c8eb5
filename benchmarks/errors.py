"""How far trees of arrays are apart."""

import jax
import jax.numpy as jnp
import numpy as np


def flat(tree) -> np.ndarray:
    """All numbers of a tree, one after the other."""
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])


def whole_error(found, exact) -> float:
    """Relative, over all arrays together."""
    a, b = flat(found), flat(exact)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def largest_error(found, exact) -> float:
    """The largest of any entry, relative to the largest entry of its array."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True)
    return max(float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b))) for a, b in pairs)
