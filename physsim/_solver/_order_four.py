"""Optimised fourth-order splittings for any separable energy."""

from typing import final

from ._splitting import AbstractSplitting
from ._tableau import Flow, SplittingTableau, palindrome

_PEFRL = SplittingTableau(
    name="PEFRL",
    order=4,
    first=Flow.DRIFT,
    a=palindrome((0.1786178958448091, -0.0662645826698185), odd=True),
    b=palindrome((0.7123418310626054,), odd=False),
    source="Omelyan, Mryglod & Folk, Comput. Phys. Commun. 146:188 (2002), eq. 22",
)

_ROOT = 19.0**0.5

_MCLACHLAN = SplittingTableau(
    name="McLachlan4",
    order=4,
    first=Flow.KICK,
    a=palindrome((0.4, -0.1), odd=True),
    b=palindrome(((14 - _ROOT) / 108, (20 - 7 * _ROOT) / 108), odd=False),
    source="McLachlan, SIAM J. Sci. Comput. 16:151 (1995), order 4, type S, 5 stages",
)


@final
class PEFRL(AbstractSplitting):
    """Position-extended Forest-Ruth-like. Order 4, 4 force evaluations a step."""

    @property
    def tableau(self):
        return _PEFRL


@final
class McLachlan4(AbstractSplitting):
    """Order 4 with five stages: 6 force evaluations a step, small error constants."""

    @property
    def tableau(self):
        return _MCLACHLAN
