"""A splitting method as data: the list of its drifts and kicks."""

import functools
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, final

import numpy as np


class Flow(Enum):
    """Which part of H = T + V a substep follows exactly."""

    DRIFT = "drift"
    """T: positions move, momenta stay."""
    KICK = "kick"
    """V: momenta move, positions stay."""


class Substep(NamedTuple):
    """One exact flow: its length and its place in time, as fractions of the step."""

    flow: Flow
    length: float
    time: float
    """When a kick happens; time advances with the drifts."""


@final
@dataclass(frozen=True)
class SplittingTableau:
    """Drifts `a` and kicks `b`, alternating, the first one being `first`.

    `needs_quadratic_kinetic` marks Runge-Kutta-Nystrom splittings, which drop to order 4
    when T is not quadratic in p, or when drift and kick are exchanged.
    Raises `ValueError` if the coefficients do not sum to one or do not alternate.
    """

    name: str
    order: int
    first: Flow
    a: tuple[float, ...]
    b: tuple[float, ...]
    source: str
    needs_quadratic_kinetic: bool = False

    def __post_init__(self):
        lead, other = (self.a, self.b) if self.first is Flow.DRIFT else (self.b, self.a)
        if len(lead) - len(other) not in (0, 1):
            raise ValueError(
                f"{self.name}: {len(self.a)} drifts and {len(self.b)} kicks can't alternate"
            )
        for letter, values in (("a", self.a), ("b", self.b)):
            if abs(sum(values) - 1) > 1e-14:
                raise ValueError(f"{self.name}: coefficients {letter} sum to {sum(values)}, not 1")

    @functools.cached_property
    def substeps(self) -> tuple[Substep, ...]:
        """All substeps of one step, in order."""
        lead, other = (self.a, self.b) if self.first is Flow.DRIFT else (self.b, self.a)
        second = Flow.KICK if self.first is Flow.DRIFT else Flow.DRIFT
        time, steps = 0.0, []
        for i, length in enumerate(lead):
            pairs = [(self.first, length)] + [(second, x) for x in other[i : i + 1]]
            for flow, c in pairs:
                steps.append(Substep(flow, c, time))
                time += c if flow is Flow.DRIFT else 0.0
        return tuple(steps)

    @functools.cached_property
    def palindromic(self) -> bool:
        """Whether the list of substeps reads the same backwards."""
        lengths = [(s.flow, s.length) for s in self.substeps]
        return lengths == lengths[::-1]

    @functools.cached_property
    def force_evaluations(self) -> int:
        """Kicks a step."""
        return len(self.b)

    @functools.cached_property
    def stability_limit(self) -> float:
        """The largest omega h for which the harmonic oscillator stays bounded.

        Found on the trace of the one-step matrix, |tr M / 2| <= 1. High-order methods touch
        the bound at step resonances (omega h = pi for SRKN11b) well before they leave it
        for good; the first touch counts.
        """
        z = np.arange(1e-4, 10.0, 1e-4)
        unstable = np.abs(self._half_trace(z)) > 1 + 1e-12
        return float(z[np.argmax(unstable)]) if unstable.any() else float(z[-1])

    def _half_trace(self, z: np.ndarray) -> np.ndarray:
        """tr M / 2 of one step on the oscillator with omega h = z."""
        one, zero = np.ones_like(z), np.zeros_like(z)
        # The images of (1, 0) and (0, 1), side by side.
        q, p = np.stack([one, zero]), np.stack([zero, one])
        for s in self.substeps:
            if s.flow is Flow.DRIFT:
                q = q + s.length * z * p
            else:
                p = p - s.length * z * q
        return (q[0] + p[1]) / 2


def palindrome(half: tuple[float, ...], *, odd: bool) -> tuple[float, ...]:
    """Complete the first half of a palindromic list that sums to one.

    With `odd` the middle coefficient is 1 - 2 sum(half); otherwise the last coefficient of
    the half is 1/2 - sum(half) and the list is mirrored. Computing the dependent
    coefficient keeps the sum exact whatever the digits in print.
    """
    if odd:
        return (*half, 1.0 - 2.0 * sum(half), *half[::-1])
    full = (*half, 0.5 - sum(half))
    return full + full[::-1]
