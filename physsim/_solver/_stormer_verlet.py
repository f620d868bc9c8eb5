"""Stormer-Verlet, drift-kick-drift ("position Verlet"): one force a step."""

from typing import final

from ._splitting import AbstractSplitting
from ._tableau import Flow, SplittingTableau

_TABLEAU = SplittingTableau(
    name="StormerVerlet",
    order=2,
    first=Flow.DRIFT,
    a=(0.5, 0.5),
    b=(1.0,),
    source="Hairer, Lubich & Wanner, Geometric Numerical Integration, I.1.4 and II.5",
)


@final
class StormerVerlet(AbstractSplitting):
    """Leapfrog in the order drift-kick-drift. Order 2, 1 force evaluation a step."""

    @property
    def tableau(self):
        return _TABLEAU
