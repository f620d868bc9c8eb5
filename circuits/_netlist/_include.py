"""``.include``: the cards of other files, in the place of the card that names them."""

import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from .._errors import NetlistError
from ._files import read_text
from ._kinds import first_word
from ._lines import Card, split_part
from ._words import chain, quote

_WORDS = (".include", ".inc")
_FILE = re.compile(r"""\.\w+\s+(?:"([^"]+)"|'([^']+)'|([^\s"']+))\s*""")
_MOST_FILES = 1000
_DEEPEST = 50


@final
@dataclass(frozen=True)
class Source:
    """A file being read: its path, its name in errors, and the files that led to it.

    ``path`` is None for text that is no file; ``root`` is the folder that files may come from,
    None where there is none.
    """

    name: str
    path: Path | None
    root: Path | None
    above: "tuple[Source, ...]" = ()
    count: Iterator[int] = field(default_factory=itertools.count)


def included(cards: Iterable[Card], source: Source) -> Iterator[Card]:
    """The cards, with those of included files in their places.

    Raises `NetlistError` for a file that lies outside of the netlist's folder, that includes
    itself, or that cannot be read.
    """
    for card in cards:
        if card.text[0] == "." and first_word(card) in _WORDS:
            part = _open(card, source)
            yield from included(split_part(_read(card, part), part.name), part)
        else:
            yield card


def _open(card: Card, source: Source) -> Source:
    match = _FILE.fullmatch(card.text)
    if match is None:
        raise card.error('the form is: .include file, or .include "file with blanks"')
    written = next(filter(None, match.groups()))
    if source.root is None:
        raise card.error(
            f"{quote(written)}: text that is no file has no folder to include from; give "
            "parse_netlist one, folder=..., or read the netlist from a file"
        )
    here = source.path.parent if source.path else source.root
    path = _resolved(card, here, written)
    if Path(written).is_absolute() or not path.is_relative_to(source.root):
        raise card.error(
            f"{quote(written)} is outside of the netlist's folder: files are included from that "
            "folder only, by relative paths; copy it there"
        )
    name = os.path.join(os.path.dirname(source.name) if source.path else here, written)
    above = (*source.above, source)
    _refuse_cycle(card, path, name, above)
    if len(above) > _DEEPEST or next(source.count) >= _MOST_FILES:
        raise card.error(f"files include files more than {_DEEPEST} deep or {_MOST_FILES} in all")
    return Source(name, path, source.root, above, source.count)


def _resolved(card: Card, here: Path, written: str) -> Path:
    try:
        return (here / written).resolve()
    # RuntimeError: links that point at each other.
    except (OSError, ValueError, RuntimeError) as error:
        raise card.error(f"cannot read {quote(written)}: {error}") from None


def _refuse_cycle(card: Card, path: Path, name: str, above: tuple[Source, ...]) -> None:
    paths = [source.path for source in above]
    if path in paths:
        names = [source.name for source in above[paths.index(path) :]]
        raise card.error(f"these files include each other: {chain([*names, name])}; remove one")


def _read(card: Card, part: Source) -> str:
    assert part.path is not None
    try:
        return read_text(part.path, part.name)
    except NetlistError as error:
        if error.location is not None:
            raise
        raise card.error(error.message) from None
