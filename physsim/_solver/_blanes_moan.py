"""The splittings of Blanes and Moan, J. Comput. Appl. Math. 142:313 (2002)."""

from typing import final

from ._splitting import AbstractSplitting
from ._tableau import Flow, SplittingTableau, palindrome

_SOURCE = "Blanes & Moan, J. Comput. Appl. Math. 142:313 (2002)"

_S6 = SplittingTableau(
    name="BlanesMoan4",
    order=4,
    first=Flow.DRIFT,
    a=palindrome((0.0792036964311957, 0.353172906049774, -0.0420650803577195), odd=True),
    b=palindrome((0.209515106613362, -0.143851773179818), odd=False),
    source=f"{_SOURCE}, Table 2, S_6",
)

_S10 = SplittingTableau(
    name="BlanesMoan6",
    order=6,
    first=Flow.DRIFT,
    a=palindrome(
        (
            0.0502627644003922,
            0.413514300428344,
            0.0450798897943977,
            -0.188054853819569,
            0.54196067845078,
        ),
        odd=True,
    ),
    b=palindrome(
        (0.148816447901042, -0.132385865767784, 0.067307604692185, 0.432666402578175),
        odd=False,
    ),
    source=f"{_SOURCE}, Table 2, S_10",
)

_SRKN6B = SplittingTableau(
    name="SRKN6b",
    order=4,
    first=Flow.KICK,
    a=palindrome((0.245298957184271, 0.60487266571108), odd=False),
    b=palindrome((0.0829844064174052, 0.396309801498368, -0.0390563049223486), odd=True),
    source=f"{_SOURCE}, Table 3, SRKN_6^b",
    needs_quadratic_kinetic=True,
)

_SRKN11B = SplittingTableau(
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
    source=f"{_SOURCE}, Table 3, SRKN_11^b",
    needs_quadratic_kinetic=True,
)

_SRKN14A = SplittingTableau(
    name="SRKN14a",
    order=6,
    first=Flow.DRIFT,
    a=palindrome(
        (
            0.0378593198406116,
            0.102635633102435,
            -0.0258678882665587,
            0.314241403071447,
            -0.130144459517415,
            0.106417700369543,
            -0.00879424312851058,
        ),
        odd=True,
    ),
    b=palindrome(
        (
            0.09171915262446165,
            0.183983170005006,
            -0.05653436583288827,
            0.004914688774712854,
            0.143761127168358,
            0.328567693746804,
        ),
        odd=False,
    ),
    source=f"{_SOURCE}, Table 3, SRKN_14^a",
    needs_quadratic_kinetic=True,
)


@final
class BlanesMoan4(AbstractSplitting):
    """S_6: order 4 for any T(p) + V(q), 6 force evaluations a step."""

    @property
    def tableau(self):
        return _S6


@final
class BlanesMoan6(AbstractSplitting):
    """S_10: order 6 for any T(p) + V(q), 10 force evaluations a step."""

    @property
    def tableau(self):
        return _S10


@final
class SRKN6b(AbstractSplitting):
    """Order 4 for T quadratic in p, 7 force evaluations a step."""

    @property
    def tableau(self):
        return _SRKN6B


@final
class SRKN11b(AbstractSplitting):
    """Order 6 for T quadratic in p, 12 force evaluations a step; the default for signals."""

    @property
    def tableau(self):
        return _SRKN11B


@final
class SRKN14a(AbstractSplitting):
    """Order 6 for T quadratic in p, 14 force evaluations a step; for the smallest errors."""

    @property
    def tableau(self):
        return _SRKN14A
