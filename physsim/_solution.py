"""What a run returns."""

from typing import TYPE_CHECKING, final

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ._types import PhaseState

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


@final
class Solution(eqx.Module):
    """A trajectory, saved every few steps, the initial state first.

    `ts` [S+1], `ys` with `q` and `p` of shape [S+1, n], `energies` [S+1], `final` [n]; of a
    run of B samples all but `ts` have a leading axis [B].
    """

    ts: Float[Array, " saves"]
    ys: PhaseState
    energies: Float[Array, "*batch saves"]
    final: PhaseState
    coordinates: tuple[str, ...] = eqx.field(static=True)

    def to_xarray(self) -> "xarray.Dataset":
        """A labelled dataset with variables q, p [time, coordinate] and energy [time].

        Of several samples they have a leading dimension `sample`.
        """
        import xarray

        sample = ("sample",) * (self.energies.ndim - 1)
        return xarray.Dataset(
            {
                "q": ((*sample, "time", "coordinate"), np.asarray(self.ys.q)),
                "p": ((*sample, "time", "coordinate"), np.asarray(self.ys.p)),
                "energy": ((*sample, "time"), np.asarray(self.energies)),
            },
            coords={"time": np.asarray(self.ts), "coordinate": list(self.coordinates)},
        )

    def plot(self) -> "Figure":
        """Positions, momenta and relative energy error over time, of the first sample."""
        from ._plot import plot_solution

        return plot_solution(self)
