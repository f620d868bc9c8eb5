"""Ranges of numbers. Each check returns what is wrong, or None."""

import math


def finite_fault(what: str, *values: float) -> str | None:
    """Says that `what` is to be finite where one of `values` is not."""
    wrong = next((value for value in values if not math.isfinite(value)), None)
    return None if wrong is None else f"{what} has to be a finite number, not {wrong:g}"


def positive_fault(what: str, value: float) -> str | None:
    """Says that `what` is to be positive where it is not."""
    if value > 0 and math.isfinite(value):
        return None
    return f"{what} has to be finite and greater than 0, not {value:g}"


def nonzero_fault(what: str, value: float) -> str | None:
    """Says that `what` is not to be 0 where it is."""
    if value != 0 and math.isfinite(value):
        return None
    return f"{what} has to be finite and not 0, not {value:g}"
