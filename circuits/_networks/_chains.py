"""Linear chains: ladders and rings."""

import itertools

from .._elements import Inductor
from .._netlist import Netlist
from ._checks import Values, at_least, node_names, starts, to_ground


def ladder(
    sections: int, *, inductance: float = 1e-6, capacitance: float = 1e-12, v_in: float = 1.0
) -> Netlist:
    """An LC ladder: capacitors from n1..nN to ground, inductors between neighbours.

    The first node starts at `v_in` volts. Raises `NetlistError` for values that
    are not positive.

    >>> print(circuits.ladder(2).to_text().strip())
    LC ladder of 2 sections
    C1 n1 0 1e-12
    C2 n2 0 1e-12
    L1 n1 n2 1e-06
    .ic v(n1)=1.0
    .end
    """
    at_least("the number of sections of a ladder", sections, 2)
    names = node_names(sections)
    pairs = enumerate(itertools.pairwise(names), 1)
    inductors = [Inductor(f"L{i}", pair, inductance) for i, pair in pairs]
    elements = (*to_ground(names, capacitance), *inductors)
    return Netlist(f"LC ladder of {sections} sections", elements, {"n1": (v_in, None)})


def ring(
    sections: int,
    *,
    inductance: float = 1e-6,
    capacitance: float = 1e-12,
    voltages: Values | None = None,
) -> Netlist:
    """A closed LC ladder: capacitors from n1..nN to ground, an inductor from each node to the next.

    Its waves have wave numbers k = 2 pi m / N and frequencies 2 |sin(k / 2)| / sqrt(L C). Values
    in H and F; `voltages` (V) are the initial ones of n1..nN, by default 1 V at n1. Raises
    `NetlistError` for fewer than 3 sections and for values that are not positive.
    """
    at_least("the number of sections of a ring", sections, 3)
    names = node_names(sections)
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    inductors = [Inductor(f"L{i}", pair, inductance) for i, pair in enumerate(pairs, 1)]
    elements = (*to_ground(names, capacitance), *inductors)
    return Netlist(f"LC ring of {sections} sections", elements, starts(names, voltages))
