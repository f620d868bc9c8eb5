"""Initial voltages of the tree capacitors, from `ic=` and `.ic`."""

import numpy as np
from jaxtyping import Float

from ._elements import Capacitor
from ._errors import NetlistError
from ._graph import NormalTree
from ._netlist import Netlist


def initial_voltages(netlist: Netlist, tree: NormalTree) -> Float[np.ndarray, " n"]:
    """The voltage of each tree capacitor at t = 0, in V.

    Its own `ic=` counts; without one, the difference of its nodes' `.ic` voltages, 0 where
    none is given. Raises `NetlistError` if another `ic=` or `.ic` then contradicts them.
    """
    at = netlist.initial_voltages
    volts = np.array([_voltage(c, at) for c in tree.tree])
    for c in tree.cotree:
        if c.ic is not None:
            _require(f"ic={c.ic:g} of {c.name}", c.ic, tree.path(*c.nodes), volts, c.location)
    for node, (value, location) in at.items():
        reference = tree.reference(node)
        expected = value - at.get(reference, (0.0, None))[0]
        _require(f".ic v({node})={value:g}", expected, tree.path(node, reference), volts, location)
    return volts


def _voltage(c: Capacitor, at) -> float:
    if c.ic is not None:
        return c.ic
    plus, minus = (at.get(node, (0.0, None))[0] for node in c.nodes)
    return plus - minus


def _require(what, expected, path, volts, location) -> None:
    actual = sum(sign * volts[column] for column, sign in path)
    if abs(actual - expected) > 1e-9 * max(1e-12, abs(expected), abs(actual)):
        raise NetlistError(
            f"{what} contradicts the other initial voltages, which make it {actual:g}: initial "
            "voltages must add up to zero around every loop of capacitors (0 V where none is given)",
            location,
        )
