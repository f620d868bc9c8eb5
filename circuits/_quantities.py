"""The units in which a circuit is integrated: all numbers of order one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from scipy.constants import e as ELEMENTARY_CHARGE
from scipy.constants import h as PLANCK

FLUX_QUANTUM = PLANCK / (2 * ELEMENTARY_CHARGE)
"""h / 2e, in Wb."""

REDUCED_FLUX_QUANTUM = FLUX_QUANTUM / (2 * math.pi)
"""Phi_0 / 2 pi, in Wb: a junction's flux in this unit is its phase in radians."""


@final
@dataclass(frozen=True)
class Scales:
    """One dimensionless unit of each quantity, in SI.

    C0 and L0 set the time t0 = sqrt(L0 C0); the flux unit sets all amplitudes. Canonical
    pairs stay canonical: flux * charge = energy * time.
    """

    capacitance: float
    inductance: float
    flux: float

    @property
    def time(self) -> float:
        return math.sqrt(self.inductance * self.capacitance)

    @property
    def voltage(self) -> float:
        return self.flux / self.time

    @property
    def current(self) -> float:
        return self.flux / self.inductance

    @property
    def resistance(self) -> float:
        return math.sqrt(self.inductance / self.capacitance)

    @property
    def charge(self) -> float:
        return self.capacitance * self.voltage

    @property
    def energy(self) -> float:
        return self.flux * self.current


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive values, at least one."""
    return math.exp(sum(math.log(v) for v in values) / len(values))
