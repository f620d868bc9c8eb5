"""Of many like cases `make test` runs some, and `make slow` the others."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def mostly_slow(cases: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """The cases as parameters of a test, all but the quick ones marked slow."""
    cases = list(cases)
    assert all(case in cases for case in quick), "a quick case is none of the cases"
    slow = [pytest.mark.slow]
    return [pytest.param(case, marks=[] if case in quick else slow) for case in cases]
