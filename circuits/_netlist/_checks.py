"""What makes a network: checked for netlists from files and from Python alike, in O(n)."""

from collections.abc import Iterator, Mapping, Sequence

from .._elements import GROUND, Coupling, Element
from .._errors import Location, NetlistError
from ._ranges import finite_fault
from ._tolerances import matcher
from ._tran import Ac, Tolerance, Tran
from ._values import ac_fault, element_fault, tolerance_fault, tran_fault
from ._words import place_of, quote, suggest


def check_elements(elements: Sequence[Element], couplings: Sequence[Coupling]) -> None:
    """Raise `NetlistError`, at the element's card where there is one, for

    - two of one name, one with both ends (of a port) on the same node;
    - a value that is not finite or out of range, an energy or current that is no function of
      its variable.
    """
    _check_names([*elements, *couplings])
    for element in elements:
        plus, minus, *port = element.nodes
        if plus == minus or (port and port[0] == port[1]):
            what = "both ends of a port" if port else "both ends"
            node = plus if plus == minus else port[0]
            raise NetlistError(
                f"{element.name} has {what} on node {quote(node)}; connect it to two nodes",
                element.location,
            )
        _refuse(element_fault(element), element.name, element.location)


def _check_names(parts: Sequence[Element | Coupling]) -> None:
    first: dict[str, Element | Coupling] = {}
    for part in parts:
        earlier = first.setdefault(part.name.lower(), part)
        if earlier is not part:
            place = earlier.location
            file = part.location.file if part.location else None
            where = place_of(place, file) if place else f"as {quote(earlier.name)}"
            raise NetlistError(
                f"there is already an element {quote(part.name)} {where}; rename one of them",
                part.location,
            )


def check_voltages(
    voltages: Mapping[str, tuple[float, Location | None]], elements: Sequence[Element]
) -> None:
    """Raise `NetlistError` for the voltage of a node that no element touches, or of ground."""
    if not voltages:
        return
    nodes = {GROUND, *(node for element in elements for node in element.nodes)}
    for node, (voltage, location) in voltages.items():
        what = f".ic v({node})"
        if node not in nodes:
            hint = suggest(node, nodes) or "; check the node's name"
            raise NetlistError(f"{what}: no element touches this node{hint}", location)
        _refuse(finite_fault("the voltage", voltage), what, location)
        if node == GROUND and voltage != 0:
            raise NetlistError(f"{what}: ground is at 0 V; remove this", location)


def check_analyses(tran: Tran | None, ac: Ac | None, temperature: float | None) -> None:
    """Raise `NetlistError` for times, frequencies or a temperature that make no sense."""
    if tran is not None:
        _refuse(tran_fault(tran), ".tran", tran.location)
    if ac is not None:
        _refuse(ac_fault(ac), ".ac", ac.location)
    if temperature is not None and not 0 <= temperature < float("inf"):
        raise NetlistError(
            f"the temperature has to be finite and not below 0 K, not {temperature:g} K"
        )


def check_tolerances(
    tolerances: Sequence[Tolerance], elements: Sequence[Element], couplings: Sequence[Coupling]
) -> None:
    """Raise `NetlistError` for a spread that makes no sense, or a pattern that fits no name."""
    for tolerance in tolerances:
        what = f".tolerance {tolerance.pattern}"
        _refuse(tolerance_fault(tolerance), what, tolerance.location)
        matches = matcher(tolerance.pattern.lower()).fullmatch
        if not any(matches(name) for name in _names(elements, couplings)):
            hint = suggest(tolerance.pattern, _names(elements, couplings))
            raise NetlistError(
                f"{what}: no element has such a name{hint or '; `*` stands for any text'}",
                tolerance.location,
            )


def _names(elements: Sequence[Element], couplings: Sequence[Coupling]) -> Iterator[str]:
    return (part.name.lower() for part in (*elements, *couplings))


def _refuse(fault: str | None, what: str, location: Location | None) -> None:
    if fault:
        raise NetlistError(f"{what}: {fault}", location)
