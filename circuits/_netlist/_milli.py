"""M is milli in SPICE, whoever writes it for mega: where that is likely, it is said."""

import re
import warnings

from lark import Token

from .._errors import NetlistError, NetlistWarning
from ._lines import Card
from ._syntax import Node, offset_of, written
from ._words import quote

_CAPITAL = re.compile(r"[\d.]M(?![eE][gG])")


def capital_milli(text: str) -> bool:
    """Whether a number has the suffix M, in capitals."""
    return _CAPITAL.search(text) is not None


def warn_of_milli(value: Node, card: Card, unit: str) -> None:
    """Warn (`NetlistWarning`) of a resistance or a frequency such as ``50M``."""
    if not (isinstance(value, Token) and capital_milli(text := written(value, card))):
        return
    words = (
        f"{quote(text)} is in milli{unit}, since M and m are the same in SPICE; write meg for "
        f"mega{unit}, or m"
    )
    place = card.locate(offset_of(value))
    warnings.warn(str(NetlistError(words, place)), NetlistWarning, stacklevel=2)
