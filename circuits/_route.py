"""From coordinates and sources to the fluxes of a tree's branches.

The fluxes of the tree are x = (x_C, x_R, x_V): x_V are integrals of source voltages. The
coordinates q differ from them so that drift and kick stay exact:

    x_C = q_C - S x_V          a source in a loop of capacitors adds charge, S = C_eff^-1 c
    x_R = q_R - N x_C - N_V x_V    resistors that share nodes pass voltages on
"""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physsim.trailing import as_column


@final
class Route(eqx.Module):
    """The linear map (q, u) -> x and its transpose; absent matrices are zero."""

    offset: Float[Array, "charges sources"] | None
    """S."""
    transfer: Float[Array, "resistors charges"] | None
    """N."""
    source_transfer: Float[Array, "resistors sources"] | None
    """N_V."""
    bias: Float[Array, "charges sources"] | None
    """What a source voltage drives through resistors into the capacitors."""
    num_charges: int = eqx.field(static=True)
    fluxes: tuple[int, ...] = eqx.field(static=True)
    """Which inputs are fluxes of the sources."""
    voltages: tuple[int, ...] = eqx.field(static=True)
    """Which inputs are their voltages."""

    def __call__(self, q: Float[Array, "n *batch"], u: Float[Array, "m *#batch"]) -> Array:
        """x [n + sources, *batch]."""
        flux = as_column(u[np.array(self.fluxes, int)], q)
        charged, resistive = q[: self.num_charges], q[self.num_charges :]
        if self.offset is not None:
            charged = charged - self.offset @ flux
        if self.transfer is not None:
            resistive = resistive - self.transfer @ charged
        if self.source_transfer is not None:
            resistive = resistive - self.source_transfer @ flux
        flux = jnp.broadcast_to(flux, (flux.shape[0], *q.shape[1:])).astype(q.dtype)
        return jnp.concatenate([charged, resistive, flux])

    def pull(self, slope: Float[Array, "x *batch"], n: int) -> Array:
        """The derivative by q [n, *batch] from that by x."""
        charged, resistive = slope[: self.num_charges], slope[self.num_charges : n]
        if self.transfer is not None:
            charged = charged - self.transfer.T @ resistive
        return jnp.concatenate([charged, resistive])

    def drive(self, u: Float[Array, "m *#batch"]) -> Array | float:
        """The constant force of the source voltages on the charges."""
        if self.bias is None:
            return 0.0
        return self.bias @ u[np.array(self.voltages, int)]

    def source_voltages(self, u: Float[Array, "m *#batch"]) -> Array:
        """V(t) of the sources."""
        return u[np.array(self.voltages, int)]
