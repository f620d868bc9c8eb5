"""The state of a Hamiltonian system, and the type of its numbers."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PyTree


@final
class PhaseState(eqx.Module):
    """A point in phase space: positions `q` and momenta `p`, both of shape [..., n].

    Leading axes are time or batch. In a circuit q are node fluxes and p charges.
    """

    q: Inexact[Array, "*batch n"]
    p: Inexact[Array, "*batch n"]

    def reverse(self) -> "PhaseState":
        """The time-reversed state S y = (q, -p)."""
        return PhaseState(self.q, -self.p)


def dtype_of(H: PyTree) -> jnp.dtype:
    """That of the parameters of a Hamiltonian, or JAX's default where there are none."""
    leaves = jax.tree.leaves(eqx.filter(H, eqx.is_inexact_array))
    return jnp.result_type(*leaves) if leaves else jnp.zeros(()).dtype
