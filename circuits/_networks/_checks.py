"""Checks of a builder's arguments, and the names and starts of its nodes."""

from collections.abc import Mapping, Sequence

import numpy as np

from .._elements import GROUND, Capacitor
from .._errors import NetlistError

Values = Sequence[float] | np.ndarray
"""Numbers, one a node."""

Starts = Mapping[str, tuple[float, None]]


def at_least(what: str, count: int, least: int) -> None:
    """Raise `NetlistError` where `count` is no whole number of at least `least`."""
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise NetlistError(f"{what} has to be a whole number of at least {least}, got {count}")


def positive(**values: float) -> None:
    """Raise `NetlistError` for a value that is not positive, by its argument's name."""
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise NetlistError(f"{name} has to be positive and finite, got {value:g}")


def not_negative(**values: float) -> None:
    """Raise `NetlistError` for a value that is negative, by its argument's name."""
    for name, value in values.items():
        if not 0 <= value < float("inf"):
            raise NetlistError(f"{name} has to be finite and not negative, got {value:g}")


def node_names(count: int) -> list[str]:
    """n1, n2, ..."""
    return [f"n{i}" for i in range(1, count + 1)]


def to_ground(names: Sequence[str], capacitance: float) -> list[Capacitor]:
    """A capacitor C1, C2, ... from each node to ground."""
    return [Capacitor(f"C{i}", (n, GROUND), capacitance) for i, n in enumerate(names, 1)]


def one_a_node(
    what: str, values: Values | None, names: Sequence[str], default: float = 0.0
) -> list[float]:
    """`values`, or the default for every node. Raises `NetlistError` for another number."""
    if values is None:
        return [default] * len(names)
    if len(values) != len(names):
        raise NetlistError(
            f"{what} has to have one value a node: {len(names)} ({names[0]} to {names[-1]}), got "
            f"{len(values)}"
        )
    return [float(value) for value in values]


def starts(names: Sequence[str], voltages: Values | None) -> Starts:
    """Initial voltages: those given, one a node, or 1 V at the first node."""
    if voltages is None:
        return {names[0]: (1.0, None)}
    given = one_a_node("voltages", voltages, names)
    return {name: (v, None) for name, v in zip(names, given, strict=True)}
