"""The words of a measured quantity, `v(node)`, `v(node,node)` or `i(element)`, and its names."""

import re
from collections.abc import Collection

from ._elements import Element, node_name
from ._errors import NetlistError
from ._netlist import Netlist

_QUANTITY = re.compile(r"\s*([vi])\s*\(([^()]*)\)\s*", re.IGNORECASE)


def parse_quantity(quantity: str) -> tuple[str, list[str]]:
    """`v` or `i`, and the names in its parentheses: one or two nodes, or an element.

    Raises `NetlistError` for another quantity.
    """
    match = _QUANTITY.fullmatch(quantity)
    if not match or match.group(2).count(",") > (match.group(1) in "vV"):
        raise NetlistError(f"expected v(node), v(node,node) or i(element), got {quantity!r}")
    return match.group(1).lower(), [name.strip() for name in match.group(2).split(",")]


def find_node(nodes: Collection[str], file: str, name: str) -> str:
    """The one of `nodes` that has this name, in upper or lower case."""
    node = node_name(name)
    if node not in nodes:
        shown = ", ".join(list(nodes)[:10])
        raise NetlistError(f"there is no node {name!r} in {file} (nodes: {shown})")
    return node


def find_element(netlist: Netlist, name: str) -> Element:
    """The element of this name, in upper or lower case."""
    for element in netlist.elements:
        if element.name.lower() == name.strip().lower():
            return element
    shown = ", ".join(e.name for e in netlist.elements[:10])
    raise NetlistError(f"there is no element {name!r} in {netlist.file} (elements: {shown})")
