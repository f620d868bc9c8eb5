"""Trees of arrays in another precision."""

from typing import Any, TypeVar

import equinox as eqx
import jax

Tree = TypeVar("Tree")


def cast(tree: Tree, dtype: Any) -> Tree:
    """A stack, or any tree of arrays, in another precision."""
    return jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, tree)
