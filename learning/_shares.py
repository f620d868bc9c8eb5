"""What gradients are added up from."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, Int, PyTree


@final
class Shares(eqx.Module):
    """Parts of a gradient: by Hamiltonian, prepared system, drive, held inputs and step.

    A single step's `held` is one row [m]; in a sum it has a row for every step.
    """

    H: Any
    system: Any
    drive: Any
    held: Inexact[Array, "..."] | None
    dt: Inexact[Array, ""]

    def plus(self, step: "Shares", k: Int[Array, ""]) -> "Shares":
        """This sum with the shares of step k added; the rows are updated in place."""
        held = None if self.held is None else self.held.at[k].add(step.held)
        return Shares(
            add(self.H, step.H),
            add(self.system, step.system),
            add(self.drive, step.drive),
            held,
            self.dt + step.dt,
        )

    def inputs(self):
        """What `Gradients.inputs` holds."""
        return self.held if self.held is not None else getattr(self.drive, "function", None)


def zeros(tree: PyTree) -> PyTree:
    """Zeros shaped like the floating-point arrays of `tree`."""
    return jax.tree.map(jnp.zeros_like, eqx.filter(tree, eqx.is_inexact_array))


def add(a: PyTree, b: PyTree) -> PyTree:
    return jax.tree.map(jnp.add, a, b)


def slope(function: Any, *arguments: Any) -> Any:
    """The gradient of a scalar function by all its arguments, complex ones included."""
    value, pull = eqx.filter_vjp(function, *arguments)
    return pull(jnp.ones_like(value))
