"""Yoshida's triple jump, also Forest and Ruth's method."""

from typing import final

from ._splitting import AbstractSplitting
from ._tableau import Flow, SplittingTableau, palindrome

_W = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))

_TABLEAU = SplittingTableau(
    name="Yoshida4",
    order=4,
    first=Flow.DRIFT,
    a=palindrome((_W / 2,), odd=False),
    b=palindrome((_W,), odd=True),
    source="Yoshida, Phys. Lett. A 150:262 (1990); Forest & Ruth, Physica D 43:105 (1990)",
)


@final
class Yoshida4(AbstractSplitting):
    """Three leapfrogs in one, the middle one backwards. Order 4, 3 force evaluations a step."""

    @property
    def tableau(self):
        return _TABLEAU
