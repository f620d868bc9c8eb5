"""From lines to blocks: the deck's own lines, and those of subcircuits nested in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import final

from lark import Token

from .._elements import GROUND, node_name
from ._kinds import Line
from ._lines import Card, Fault, faults_of
from ._syntax import Node, offset_of
from ._words import place_of, quote

# Cards about the run, not about the network.
_DECK_ONLY = (".tran", ".ac", ".op", ".temp", ".options", ".tolerance", ".title")


@final
@dataclass(slots=True, eq=False)
class NetlistBlock:
    """Lines in their order, and the subcircuits that are defined between them, by name."""

    lines: list[Line] = field(default_factory=list)
    subcircuits: "dict[str, Subcircuit]" = field(default_factory=dict)


@final
@dataclass(slots=True, eq=False)
class Subcircuit:
    """A ``.subckt``: its ports, its ``params:`` settings, and what it is made of."""

    name: str
    ports: tuple[str, ...]
    defaults: list[Node]
    card: Card
    block: NetlistBlock = field(default_factory=NetlistBlock)


def blocks(lines: Iterable[Line]) -> NetlistBlock:
    """The deck's block. Raises `NetlistError` where .subckt and .ends do not pair up."""
    deck = NetlistBlock()
    open_ones: list[Subcircuit] = []
    for line in lines:
        block = open_ones[-1].block if open_ones else deck
        if line.kind == ".subckt":
            open_ones.append(_begin(line, block))
        elif line.kind == ".ends":
            _end(line, open_ones)
        elif open_ones and line.kind in _DECK_ONLY:
            raise line.card.error(
                f"{quote(line.kind)} is about the whole run: move it out of the subcircuit "
                f"{quote(open_ones[-1].name)}"
            )
        else:
            block.lines.append(line)
    if open_ones:
        last = open_ones[-1]
        raise last.card.error(f"the subcircuit {quote(last.name)} has no .ends; add one after it")
    return deck


def _begin(line: Line, block: NetlistBlock) -> Subcircuit:
    token, *rest = line.parts()
    ports = [part for part in rest if isinstance(part, Token)]
    name = str(token)
    if name in block.subcircuits:
        place = place_of(block.subcircuits[name].card.locate(0), line.card.file)
        raise line.card.error(
            f"there is already a subcircuit {quote(name)} {place}; rename one", offset_of(token)
        )
    with faults_of(line.card):
        _check_ports(ports)
    names = tuple(node_name(str(port)) for port in ports)
    subcircuit = Subcircuit(name, names, rest[len(ports) :], line.card)
    block.subcircuits[name] = subcircuit
    return subcircuit


def _check_ports(ports: list[Token]) -> None:
    seen = set()
    for port in ports:
        if node_name(str(port)) == GROUND:
            raise Fault(
                "ground is the same everywhere and needs no port: remove it", offset_of(port)
            )
        if port in seen:
            raise Fault(f"the port {quote(port)} is given twice", offset_of(port))
        seen.add(port)


def _end(line: Line, open_ones: list[Subcircuit]) -> None:
    names = line.parts()
    if not open_ones:
        raise line.card.error("there is no .subckt that this .ends could end; remove it")
    last = open_ones.pop()
    if names and str(names[0]) != last.name:
        raise line.card.error(
            f"this ends {quote(str(names[0]))}, but the subcircuit {quote(last.name)} "
            f"{place_of(last.card.locate(0), line.card.file)} is open; end that first",
            offset_of(names[0]),
        )
