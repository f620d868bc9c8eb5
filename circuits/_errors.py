"""The one error a bad netlist or network raises, and the place it points at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Location:
    """A place in a netlist file; lines and columns are counted from 1."""

    file: str
    line: int
    column: int


class NetlistError(ValueError):
    """A netlist that cannot be understood or simulated.

    ``str()`` is one line, ``file:line:column: message``, without the prefix where the
    location is unknown (a network built in Python).
    """

    def __init__(self, message: str, location: Location | None = None) -> None:
        super().__init__(message, location)
        self.message = message
        self.location = location

    def __str__(self) -> str:
        if self.location is None:
            return _one_line(self.message)
        place = self.location
        return _one_line(f"{place.file}:{place.line}:{place.column}: {self.message}")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first few names in a row, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


class NetlistWarning(UserWarning):
    """Something in a netlist that has no meaning here and was left out, or looks like a slip."""
