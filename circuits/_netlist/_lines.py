"""From text to cards: logical lines that remember where each character came from."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import final

from .._errors import Location, NetlistError
from ._words import quote

# `;` anywhere, or a `$` that stands alone: node names may contain `$`.
_COMMENT = re.compile(r";|(?<!\S)\$(?!\S)")


class Fault(Exception):
    """What is wrong, and the offset in the card at which: the card makes it a `NetlistError`."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@contextmanager
def faults_of(card: "Card", note: str = "") -> Iterator[None]:
    """Turns a `Fault` into the `NetlistError` that points into `card`; `note` ends its words."""
    try:
        yield
    except Fault as fault:
        raise card.error(fault.message + note, fault.offset) from None


@final
@dataclass(frozen=True, slots=True)
class Card:
    """A logical line: a card with its continuation lines joined by blanks, no comments."""

    text: str
    file: str
    pieces: tuple[tuple[int, int, int], ...]  # offset in the text, line, column; ascending

    def locate(self, offset: int) -> Location:
        """The place in the file of the character at `offset`."""
        piece = bisect_right(self.pieces, offset, key=lambda p: p[0]) - 1
        start, line, column = self.pieces[max(piece, 0)]
        return Location(self.file, line, column + offset - start)

    def error(self, message: str, offset: int = 0) -> NetlistError:
        """The error that points at the character at `offset`."""
        return NetlistError(message, self.locate(offset))


def split_deck(text: str, file: str) -> tuple[str, Iterator[Card]]:
    """The title (the first line, always) and the cards up to ``.end``.

    The cards raise `NetlistError` for a continuation of nothing and for text after ``.end``.
    """
    title, *lines = _split(text)
    return title.strip(), _cards(_join(_strip(lines, 2), file), file)


def split_part(text: str, file: str) -> Iterator[Card]:
    """The cards of a file that another includes: it has no title.

    They raise `NetlistError` for a continuation of nothing and for ``.end``.
    """
    for group in _join(_strip(_split(text), 1), file):
        card = _card(group, file)
        if _is_end(card.text):
            raise card.error("an included file goes on where it was included: remove .end from it")
        yield card


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


# A piece is a physical line's text without comment or indent, its line, and its column.
_Piece = tuple[str, int, int]


def _strip(lines: list[str], first: int) -> Iterator[_Piece]:
    for number, line in enumerate(lines, start=first):
        text = line.lstrip()
        if not text or text[0] == "*":
            continue
        column = len(line) - len(text) + 1
        if ";" in text or "$" in text:
            comment = _COMMENT.search(text)
            text = text[: comment.start()] if comment else text
        text = text.rstrip()
        if text:
            yield text, number, column


def _join(pieces: Iterator[_Piece], file: str) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    for piece in pieces:
        text, line, column = piece
        if text[0] != "+":
            if group:
                yield group
            group = [piece]
        elif group:
            group.append((text[1:], line, column + 1))
        else:
            raise NetlistError(
                "'+' continues a card, but there is none before it; the first line of a netlist "
                "is its title",
                Location(file, line, column),
            )
    if group:
        yield group


def _cards(groups: Iterator[list[_Piece]], file: str) -> Iterator[Card]:
    for group in groups:
        text, line, column = group[0]
        if _is_end(text):
            rest = text[4:].lstrip()
            same_line = [(rest, line, column + len(text) - len(rest))] if rest else []
            _refuse_text(chain(same_line, group[1:], chain.from_iterable(groups)), file)
        else:
            yield _card(group, file)


def _is_end(text: str) -> bool:
    return text[:4].lower() == ".end" and not text[4:5].strip()


def _refuse_text(pieces: Iterator[_Piece], file: str) -> None:
    for text, line, column in pieces:
        raise NetlistError(
            f"{quote(text)} stands after .end and would be ignored; remove it, make it a "
            "comment with '*', or move .end to the last line",
            Location(file, line, column),
        )


def _card(group: list[_Piece], file: str) -> Card:
    if len(group) == 1:
        text, line, column = group[0]
        return Card(text, file, ((0, line, column),))
    offset, pieces = 0, []
    for text, line, column in group:
        pieces.append((offset, line, column))
        offset += len(text) + 1
    return Card(" ".join(text for text, _, _ in group), file, tuple(pieces))
