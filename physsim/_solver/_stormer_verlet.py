"""The two leapfrogs and symplectic Euler: one force a step."""

from typing import final

import equinox as eqx

from ._splitting import AbstractSplitting
from ._tableau import Flow, SplittingTableau

_SOURCE = "Hairer, Lubich & Wanner, Geometric Numerical Integration, I.1.4 and II.5"

_LEAPFROGS = {
    Flow.DRIFT: SplittingTableau(
        name="StormerVerlet (position Verlet)",
        order=2,
        first=Flow.DRIFT,
        a=(0.5, 0.5),
        b=(1.0,),
        source=_SOURCE,
    ),
    Flow.KICK: SplittingTableau(
        name="StormerVerlet (velocity Verlet)",
        order=2,
        first=Flow.KICK,
        a=(1.0,),
        b=(0.5, 0.5),
        source=_SOURCE,
    ),
}

_EULERS = {
    first: SplittingTableau(
        name=f"SymplecticEuler ({first.value} first)",
        order=1,
        first=first,
        a=(1.0,),
        b=(1.0,),
        source="de Vogelaere (1956); Hairer, Lubich & Wanner, I.1.2",
    )
    for first in Flow
}


@final
class StormerVerlet(AbstractSplitting):
    """Leapfrog, order 2: drift-kick-drift ("position Verlet", one force a step) by default.

    With `first=Flow.KICK`, kick-drift-kick ("velocity Verlet").
    """

    first: Flow = eqx.field(static=True, default=Flow.DRIFT)

    @property
    def tableau(self):
        return _LEAPFROGS[self.first]


@final
class SymplecticEuler(AbstractSplitting):
    """Drift, then kick (or kick first): order 1, for comparison. Not palindromic."""

    first: Flow = eqx.field(static=True, default=Flow.DRIFT)

    @property
    def tableau(self):
        return _EULERS[self.first]
