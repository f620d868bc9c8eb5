"""Nodes that only one terminal touches: often a name misspelt."""

import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from ._elements import GROUND, Element, Gyrator, Transformer
from ._errors import NetlistError, NetlistWarning
from ._netlist import Netlist
from ._netlist._words import quote, suggest

_MOST_WARNINGS = 5
# From here to the caller of `circuits.load`.
_STACK = 4


def warn_of_dangling(netlist: Netlist) -> None:
    """A `NetlistWarning`, at the element's card, for each of the first few dangling nodes."""
    nodes = {node for element in netlist.elements for node in element.nodes}
    for element, node in islice(_dangling(netlist), _MOST_WARNINGS):
        hint = suggest(node, nodes - {node})
        what = f"only {element.name} touches node {quote(node)}, where no current can flow{hint}"
        warnings.warn(str(NetlistError(what, element.location)), NetlistWarning, _STACK)


def _dangling(netlist: Netlist) -> Iterator[tuple[Element, str]]:
    """Elements with a node that nothing else touches.

    Not where such a node is of use: a voltage is measured at the open end of a coupled coil or
    of a two-port, and a node whose start `.ic` gives is no misspelling.
    """
    touched = Counter(node for element in netlist.elements for node in element.nodes)
    coupled = {name.lower() for k in netlist.couplings for name in k.inductors}
    for element in netlist.elements:
        if isinstance(element, Gyrator | Transformer) or element.name.lower() in coupled:
            continue
        for node in element.nodes:
            if touched[node] == 1 and node != GROUND and node not in netlist.initial_voltages:
                yield element, node
