"""Networks built in Python."""

import itertools

from ._elements import Capacitor, Inductor
from ._netlist import Netlist


def ladder(
    sections: int, *, inductance: float = 1e-6, capacitance: float = 1e-12, v_in: float = 1.0
) -> Netlist:
    """An LC ladder: capacitors from n1..nN to ground, inductors between neighbours.

    The first node starts at `v_in` volts. Raises `NetlistError` for values that
    are not positive.
    """
    if sections < 2:
        raise ValueError(f"a ladder needs at least 2 sections, got {sections}")
    names = [f"n{i}" for i in range(1, sections + 1)]
    capacitors = [Capacitor(f"C{i}", (n, "0"), capacitance) for i, n in enumerate(names, 1)]
    pairs = enumerate(itertools.pairwise(names), 1)
    inductors = [Inductor(f"L{i}", pair, inductance) for i, pair in pairs]
    elements = (*capacitors, *inductors)
    return Netlist(f"LC ladder of {sections} sections", elements, {"n1": (v_in, None)})
