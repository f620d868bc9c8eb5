"""The state of a Hamiltonian system."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Inexact


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
