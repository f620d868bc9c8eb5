"""Runge-Kutta-Nystrom splittings of Blanes and Moan: T quadratic in p."""

from typing import final

from ._splitting import AbstractSplitting
from ._tableau import Flow, SplittingTableau, palindrome

_TABLEAU = SplittingTableau(
    name="SRKN11b",
    order=6,
    first=Flow.KICK,
    a=palindrome(
        (
            0.123229775946271,
            0.290553797799558,
            -0.127049212625417,
            -0.246331761062075,
            0.357208872795928,
        ),
        odd=True,
    ),
    b=palindrome(
        (
            0.0414649985182624,
            0.198128671918067,
            -0.0400061921041533,
            0.0752539843015807,
            -0.0115113874206879,
        ),
        odd=False,
    ),
    source="Blanes & Moan, J. Comput. Appl. Math. 142:313 (2002), Table 3, SRKN_11^b",
    needs_quadratic_kinetic=True,
)


@final
class SRKN11b(AbstractSplitting):
    """Order 6, 12 force evaluations a step; the default for signals."""

    @property
    def tableau(self):
        return _TABLEAU
