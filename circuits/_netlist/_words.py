"""Words for error messages: short quotations, likely spellings, places."""

import difflib
from collections.abc import Iterable
from itertools import islice

from .._errors import Location

_LONGEST_QUOTE = 40
# difflib compares with every candidate: a bound keeps an error in a huge network quick.
_MOST_CANDIDATES = 20_000


def quote(text: str) -> str:
    """The text between quotes, cut where it is long."""
    return f"'{text}'" if len(text) <= _LONGEST_QUOTE else f"'{text[:_LONGEST_QUOTE]}...'"


def suggest(name: str, candidates: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the nearest candidate, or nothing where none is near."""
    if len(name) > _LONGEST_QUOTE:
        return ""
    alike = (c for c in candidates if abs(len(c) - len(name)) <= 2)
    near = difflib.get_close_matches(name, list(islice(alike, _MOST_CANDIDATES)), n=1)
    return f"; did you mean {quote(near[0])}?" if near else ""


def place_of(place: Location, file: str | None) -> str:
    """``"on line 3"``, with the file's name where it is another than `file`."""
    return f"on line {place.line}" + ("" if place.file == file else f" of {place.file}")


def chain(names: Iterable[str]) -> str:
    """``"a -> b -> c"``, cut where it is long."""
    shown = list(names)
    return " -> ".join(shown if len(shown) <= 8 else [*shown[:4], "...", *shown[-3:]])
