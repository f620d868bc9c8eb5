"""From netlist text to a `Netlist`."""

import os
import re
from pathlib import Path

from .._elements import Element
from .._errors import Location, NetlistError
from ._analyses import initial_voltages, tran
from ._branches import branch
from ._cards import capacitor, current_source, inductor
from ._lines import Card, Fault, split_deck
from ._netlist import Netlist
from ._parameters import parameters
from ._syntax import lower, parse_card
from ._words import quote

_ELEMENTS = {
    "c": ("capacitor", capacitor),
    "l": ("inductor", inductor),
    "i": ("current_source", current_source),
    "b": ("branch", branch),
}
_DOTS = (".param", ".ic", ".tran")
_FIRST_WORD = re.compile(r"""[^\s(),={};'"]*""")


def read_netlist(path: str | os.PathLike[str]) -> Netlist:
    """The netlist in the file at `path`.

    Raises `NetlistError` for a file that cannot be read or is not UTF-8 text, and
    wherever `parse_netlist` does.
    """
    name = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NetlistError(f"{name}: cannot read this file: {reason}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NetlistError(
            "this is not UTF-8 text; is it a netlist?", _place(content, error.start, name)
        ) from None
    return parse_netlist(text, name)


def parse_netlist(text: str, file: str = "<netlist>") -> Netlist:
    """The netlist that `text` spells; `file` names it in errors.

    Raises `NetlistError`, with the place in the text, for anything that is not understood:
    no part of a netlist is silently ignored.
    """
    if "\0" in text:
        head = text[: text.index("\0")]
        line, column = head.count("\n") + 1, len(head) - head.rfind("\n")
        raise NetlistError(
            "there is a NUL character; is this a text file?", Location(file, line, column)
        )
    title, cards = split_deck(text, file)
    kinds = [(_kind(card), card) for card in cards]
    values = parameters(card for kind, card in kinds if kind == ".param")
    return Netlist(
        title=title,
        elements=tuple(_element(k, card, values) for k, card in kinds if k in _ELEMENTS),
        initial_voltages=initial_voltages((card for k, card in kinds if k == ".ic"), values),
        tran=tran([card for k, card in kinds if k == ".tran"], values),
        parameters=values,
        file=file,
    )


def _place(content: bytes, offset: int, file: str) -> Location:
    head = content[:offset]
    return Location(file, head.count(b"\n") + 1, offset - head.rfind(b"\n"))


def _kind(card: Card) -> str:
    """An element's letter or a dot card's word. Raises `NetlistError` for an unsupported one."""
    match = _FIRST_WORD.match(card.text)
    word = lower(match[0] if match else "")
    if word[:1] in _ELEMENTS:
        return word[0]
    if word in _DOTS:
        return word
    raise card.error(_unsupported(word, card))


def _unsupported(word: str, card: Card) -> str:
    if not word:
        return f"a card begins with an element's name or a dot, not with {quote(card.text[0])}"
    if word[0] == ".":
        return f"{quote(word)} is not supported: physsim reads .param, .ic, .tran and .end"
    return (
        f"{quote(word)}: elements {quote(word[0].upper())} are not supported: physsim reads "
        "C, L, I, B (capacitors, inductors, current sources, junctions and nonlinear inductors)"
    )


def _element(kind: str, card: Card, values: dict[str, float]) -> Element:
    rule, read = _ELEMENTS[kind]
    try:
        return read(card, parse_card(rule, card), values)
    except Fault as fault:
        raise card.error(fault.message, fault.offset) from None
