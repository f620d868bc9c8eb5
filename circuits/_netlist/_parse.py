"""From netlist text to a `Netlist`."""

import dataclasses
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from .._elements import GROUND, Coupling, Element
from .._errors import Location, NetlistError, NetlistWarning
from ._analyses import ac, initial_voltages, only, op, tran
from ._blocks import NetlistBlock, blocks
from ._branches import branch
from ._cards import (
    capacitor,
    coupling,
    current_source,
    inductor,
    resistor,
    two_port,
    voltage_source,
)
from ._files import read_text, refuse_nul
from ._include import Source, included
from ._kinds import Line, first_word, line_of
from ._lines import Card, Fault, split_deck
from ._netlist import Netlist
from ._options import temperature
from ._scope import Scope, deck_scope, flat
from ._tolerances import tolerances
from ._words import quote

_ELEMENTS = {
    "c": capacitor,
    "l": inductor,
    "r": resistor,
    "i": current_source,
    "v": voltage_source,
    "p": two_port,
    "k": coupling,
}


def read_netlist(path: str | os.PathLike[str]) -> Netlist:
    """The netlist in the file at `path`, with the files that it includes from its folder.

    Raises `NetlistError` for a file that cannot be read or is not UTF-8 text, and
    wherever `parse_netlist` does.
    """
    name = os.fspath(path)
    text = read_text(Path(path), name)
    resolved = Path(path).resolve()
    return _parse(text, Source(name, resolved, resolved.parent))


def parse_netlist(
    text: str, file: str = "<netlist>", *, folder: str | os.PathLike[str] | None = None
) -> Netlist:
    """The netlist that `text` spells; `file` names it in errors.

    Files are included from `folder` and below it; without one, ``.include`` is refused.

    Raises `NetlistError`, with the place in the text, for anything that is not understood:
    no part of a netlist is silently ignored. Warns (`NetlistWarning`) of options of SPICE
    that have no meaning here, of a title that reads as a card, and of ohms such as ``50M``.
    """
    refuse_nul(text, file)
    root = None if folder is None else Path(folder).resolve()
    return _parse(text, Source(file, None, root))


def _parse(text: str, source: Source) -> Netlist:
    title, cards = split_deck(text, source.name)
    scope = deck_scope(blocks(map(line_of, included(cards, source))))
    elements, couplings, starts = _network(flat(scope))
    if not elements:
        raise NetlistError(
            "there are no elements; the first line is a title, elements such as 'C1 a 0 1p' "
            "start on the second",
            Location(source.name, 1, 1),
        )
    _warn_of_lost_card(Card(title, source.name, ((0, 1, 1),)), scope, elements)
    dots: dict[str, list[Line]] = {}
    for line in scope.block.lines:
        if line.kind[0] == ".":
            dots.setdefault(line.kind, []).append(line)

    def of(kind: str) -> list[Line]:
        return dots.get(kind, [])

    values = dict(scope.values)
    return Netlist(
        title=_title(title, only(of(".title"))),
        elements=tuple(elements),
        initial_voltages=initial_voltages(starts),
        tran=tran(only(of(".tran")), values),
        parameters=values,
        file=source.name,
        couplings=tuple(couplings),
        ac=ac(only(of(".ac")), values),
        op=op(only(of(".op"))),
        temperature=temperature(of(".temp"), of(".options"), values),
        tolerances=tolerances(of(".tolerance"), values),
    )


def _network(
    lines: Iterable[tuple[Line, Scope]],
) -> tuple[list[Element], list[Coupling], list[tuple[Line, Scope]]]:
    """Elements, couplings, and the ``.ic`` cards with their scopes."""
    elements: list[Element] = []
    couplings: list[Coupling] = []
    starts: list[tuple[Line, Scope]] = []
    for line, scope in lines:
        if line.kind[0] != ".":
            for element in _read(line, scope):
                if isinstance(element, Coupling):
                    couplings.append(element)
                else:
                    elements.append(element)
        elif line.kind == ".ic":
            starts.append((line, scope))
    return elements, couplings, starts


def _read(line: Line, scope: Scope) -> Iterable[Element | Coupling]:
    # `faults_of` would cost a tenth of the time that a plain card takes.
    try:
        parts = line.parts() if scope.prefix else line.read()
        if line.kind == "b":
            found = branch(line.card, parts, scope)
        else:
            found = (_ELEMENTS[line.kind](line.card, parts, scope.values),)
    except Fault as fault:
        raise line.card.error(fault.message + scope.note, fault.offset) from None
    return tuple(map(scope.place, found)) if scope.prefix else found


def _warn_of_lost_card(title: Card, scope: Scope, elements: list[Element]) -> None:
    """A first line that would read as a card here most likely is one."""
    if title.text and _reads_as_card(title, scope, elements):
        words = (
            f"the first line is the title, so {quote(title.text)} is not read; where it is a card, "
            "put a title or an empty line above it"
        )
        warnings.warn(str(title.error(words)), NetlistWarning, stacklevel=2)


def _reads_as_card(title: Card, scope: Scope, elements: list[Element]) -> bool:
    try:
        line = line_of(title)
        alone = dataclasses.replace(scope, block=NetlistBlock([line], scope.block.subcircuits))
        found, couplings, _ = _network(flat(alone))
    except NetlistError:
        return False
    # Words such as "Low pass filter 2" read as a card, too, but for the names in it.
    if line.kind[0] == "." or any(map(str.isdigit, first_word(title))):
        return True
    nodes = {GROUND, *(node for element in elements for node in element.nodes)}
    return all(nodes.issuperset(e.nodes) for e in found) and not couplings


def _title(title: str, line: Line | None) -> str:
    """The first line, or what a .title card says where that is empty."""
    if line is None:
        return title
    if title:
        raise line.card.error(
            "the first line is the title already; remove .title, or leave the first line empty"
        )
    return _rest(line.card)


def _rest(card: Card) -> str:
    _, *rest = card.text.split(maxsplit=1)
    if not rest:
        raise card.error("the form is: .title text")
    return rest[0].strip()
