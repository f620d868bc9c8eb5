"""SPICE numbers: ``1p``, ``10uH``, ``1meg``, ``2.5e-3``."""

import math
import re

from ._lines import Fault
from ._words import quote

_NUMBER = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:e([+-]?[0-9]+))?(\S*)")
_SUFFIXES = {
    "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3,
    "k": 3, "meg": 6, "g": 9, "t": 12,
}  # fmt: skip
_UNITS = {"f": "F", "h": "H", "a": "A", "v": "V", "s": "s", "hz": "Hz", "wb": "Wb", "j": "J"}
_UNITS |= {"c": "C", "ohm": "Ohm", "ω": "Ohm", "rad": "rad", "deg": "deg"}
SUFFIXES = (
    "the suffixes are f p n u m k meg g t, then, if you like, a unit: F H A V s Hz Wb C Ohm S J "
    "rad deg"
)
_LONGEST = 100


def _endings() -> dict[str, tuple[int, str]]:
    endings = {unit: (0, symbol) for unit, symbol in _UNITS.items()}
    for suffix, exponent in _SUFFIXES.items():
        endings |= {suffix + unit: (exponent, symbol) for unit, symbol in _UNITS.items()}
    # Suffixes come last so that they win, as in SPICE: 1F is a femto-something.
    endings |= {suffix: (exponent, "") for suffix, exponent in _SUFFIXES.items()}
    return endings | {"": (0, "")}


_ENDINGS = _endings()


def number(text: str, offset: int, unit: str | None = None) -> float:
    """The number that `text` (lower case) spells, in SI units.

    `unit` is the unit of the quantity, which a unit in the text has to match (None: any
    but degrees, which an expression could not tell from radians). Raises `Fault`, at
    `offset`, for what is no number, an unknown suffix, a wrong unit, or out of range.
    """
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        hint = "" if text[:1].isdigit() else "; an expression goes in braces: {2*pi*f0}"
        raise Fault(f"{quote(text)} is not a number such as 1.5, 2e-3 or 10u{hint}", offset)
    mantissa, exponent, ending = match.groups()
    if ending not in _ENDINGS:
        raise Fault(f"unknown suffix {quote(ending)} in {quote(text)}: {SUFFIXES}", offset)
    shift, written = _ENDINGS[ending]
    _match_units(text, written, unit, offset)
    # One decimal string, so that 3.3p is the double nearest to 3.3e-12.
    value = float(f"{mantissa}e{int(exponent or 0) + shift}")
    if math.isinf(value) or (value == 0 and any(c in "123456789" for c in mantissa)):
        raise Fault(f"{quote(text)} is outside the range of numbers, 5e-324 to 1.8e308", offset)
    return value


def _match_units(text: str, written: str, unit: str | None, offset: int) -> None:
    if unit is None and written == "deg":
        raise Fault(f"{quote(text)} in degrees: write radians, {{90*pi/180}}", offset)
    # In lower case siemens are spelled like seconds.
    if (written, unit) == ("s", "S"):
        return
    if written and unit is not None and written != unit:
        wanted = f"in {unit}" if unit else "a number without a unit"
        raise Fault(f"{quote(text)} is in {written}; the value here is {wanted}", offset)
