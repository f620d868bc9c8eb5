"""What makes a network: checked for netlists from files and from Python alike, in O(n)."""

from collections.abc import Mapping, Sequence

from .._elements import GROUND, Element
from .._errors import Location, NetlistError
from ._tran import Tran
from ._values import element_fault, finite_fault, tran_fault
from ._words import quote, suggest


def check(
    elements: Sequence[Element],
    voltages: Mapping[str, tuple[float, Location | None]],
    tran: Tran | None,
    file: str,
) -> None:
    """Raise `NetlistError`, at the element's card where there is one, for

    - no elements at all, two of one name, one with both ends on the same node;
    - a value that is not finite or out of range, an energy that is no function of the flux;
    - an initial voltage of a node that no element touches, or of ground.
    """
    _check_names(elements, file)
    nodes = {GROUND}
    for element in elements:
        plus, minus = element.nodes
        if plus == minus:
            raise NetlistError(
                f"{element.name} has both ends on node {quote(plus)}; connect it to two nodes",
                element.location,
            )
        nodes.update(element.nodes)
        _refuse(element_fault(element), element.name, element.location)
    _check_voltages(voltages, nodes)
    if tran is not None:
        _refuse(tran_fault(tran), ".tran", tran.location)


def _check_names(elements: Sequence[Element], file: str) -> None:
    if not elements:
        raise NetlistError(
            "there are no elements; the first line is a title, elements such as 'C1 a 0 1p' "
            "start on the second",
            Location(file, 1, 1),
        )
    first: dict[str, Element] = {}
    for element in elements:
        earlier = first.setdefault(element.name.lower(), element)
        if earlier is not element:
            place = earlier.location
            where = f" on line {place.line}" if place else f" as {quote(earlier.name)}"
            raise NetlistError(
                f"there is already an element {quote(element.name)}{where}; rename one of them",
                element.location,
            )


def _check_voltages(voltages: Mapping[str, tuple[float, Location | None]], nodes: set[str]) -> None:
    for node, (voltage, location) in voltages.items():
        what = f".ic v({node})"
        if node not in nodes:
            hint = suggest(node, nodes) or "; check the node's name"
            raise NetlistError(f"{what}: no element touches this node{hint}", location)
        _refuse(finite_fault("the voltage", voltage), what, location)
        if node == GROUND and voltage != 0:
            raise NetlistError(f"{what}: ground is at 0 V; remove this", location)


def _refuse(fault: str | None, what: str, location: Location | None) -> None:
    if fault:
        raise NetlistError(f"{what}: {fault}", location)
