"""What sort of card each line is."""

import re
from dataclasses import dataclass
from typing import final

from ._lines import Card
from ._refusals import unsupported
from ._syntax import Node, lower, parse_card
from ._words import quote

# The grammar's rule of each card, by the letter of an element or the word after a dot.
_RULES = {
    "c": "capacitor",
    "l": "inductor",
    "r": "resistor",
    "i": "current_source",
    "v": "voltage_source",
    "b": "branch",
    "p": "two_port",
    "k": "coupling",
    "x": "call",
    ".param": "param",
    ".ic": "initial",
    ".tran": "tran",
    ".ac": "ac",
    ".op": "op",
    ".temp": "temp",
    ".options": "options",
    ".tolerance": "tolerance",
    ".subckt": "subckt",
    ".ends": "ends",
    ".model": "model",
    ".title": "",
}
_SPELLINGS = {".option": ".options", ".opt": ".options"}
_FIRST_WORD = re.compile(r"""[^\s(),={};'"]*""")


@final
@dataclass(slots=True)
class Line:
    """A card, its sort (an element's letter or a dot's word), and its parts once they are read."""

    kind: str
    card: Card
    _parts: list[Node] | None = None

    def parts(self) -> list[Node]:
        """The card's parts, without a dot's word. Raises `NetlistError` for bad syntax.

        Kept: a subcircuit's lines serve all of its copies.
        """
        if self._parts is None:
            self._parts = self.read()
        return self._parts

    def read(self) -> list[Node]:
        """The parts of a card that is read once: in a large deck they are not worth keeping."""
        parts = parse_card(_RULES[self.kind], self.card)
        return parts[1:] if self.kind[0] == "." else parts


def line_of(card: Card) -> Line:
    """The card with its sort. Raises `NetlistError` for an unsupported one."""
    word = first_word(card)
    if not word:
        raise card.error(
            f"a card begins with an element's name or a dot, not with {quote(card.text[0])}"
        )
    kind = _SPELLINGS.get(word, word) if word[0] == "." else word[0]
    if kind not in _RULES:
        raise card.error(unsupported(word))
    return Line(kind, card)


def first_word(card: Card) -> str:
    """What the card begins with, in lower case."""
    match = _FIRST_WORD.match(card.text)
    return lower(match[0] if match else "")
