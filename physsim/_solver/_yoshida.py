"""Compositions of leapfrogs, merged into one list of drifts and kicks."""

import itertools
from typing import final

from ._splitting import AbstractSplitting
from ._tableau import Flow, SplittingTableau, palindrome

_W = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))

_YOSHIDA_4 = palindrome((_W,), odd=True)
# Solution A.
_YOSHIDA_6 = palindrome((0.7845136104775573, 0.23557321335935813, -1.177679984178871), odd=True)
# Solution D.
_YOSHIDA_8 = palindrome(
    (
        0.91484424622974,
        0.253693336566229,
        -1.44485223686048,
        -0.158240635368243,
        1.93813913762276,
        -1.96061023297549,
        0.102799849391985,
    ),
    odd=True,
)


def _leapfrogs(name: str, order: int, weights: tuple[float, ...], source: str):
    """The tableau of drift-kick-drift leapfrogs of lengths `weights`, in a row."""
    inner = tuple((x + y) / 2 for x, y in itertools.pairwise(weights))
    drifts = (weights[0] / 2, *inner, weights[-1] / 2)
    return SplittingTableau(
        name=name, order=order, first=Flow.DRIFT, a=drifts, b=weights, source=source
    )


_TABLEAU_4 = _leapfrogs(
    "Yoshida4",
    4,
    _YOSHIDA_4,
    "Yoshida, Phys. Lett. A 150:262 (1990); Forest & Ruth, Physica D 43:105 (1990)",
)
_TABLEAU_6 = _leapfrogs(
    "Yoshida6", 6, _YOSHIDA_6, "Yoshida, Phys. Lett. A 150:262 (1990), solution A"
)
_TABLEAU_8 = _leapfrogs(
    "Yoshida8", 8, _YOSHIDA_8, "Yoshida, Phys. Lett. A 150:262 (1990), solution D"
)


@final
class Yoshida4(AbstractSplitting):
    """Three leapfrogs in one, the middle one backwards. Order 4, 3 force evaluations a step."""

    @property
    def tableau(self):
        return _TABLEAU_4


@final
class Yoshida6(AbstractSplitting):
    """Seven leapfrogs in one. Order 6, 7 force evaluations a step."""

    @property
    def tableau(self):
        return _TABLEAU_6


@final
class Yoshida8(AbstractSplitting):
    """Fifteen leapfrogs in one. Order 8, 15 force evaluations a step."""

    @property
    def tableau(self):
        return _TABLEAU_8
