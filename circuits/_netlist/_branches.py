"""From the parts of a B card to a junction or an element with an energy or a current law."""

from collections.abc import Sequence

from lark import Token

from .._elements import Capacitor, Junction, Resistor
from ._cards import ends
from ._junctions import junction, modelled
from ._laws import LAWS, NonlinearElement, law
from ._lines import Card, Fault
from ._scope import Scope
from ._settings import settings
from ._syntax import Node, offset_of
from ._words import quote

Branch = Junction | Capacitor | Resistor | NonlinearElement


def branch(card: Card, parts: Sequence[Node], scope: Scope) -> tuple[Branch, ...]:
    """A junction (``icrit=``), a junction by its model with what shunts it, or an element with
    an ``energy=`` or a current ``i=``. Raises `Fault`.
    """
    name, nodes, rest = ends(card, parts)
    place = card.locate(0)
    words = [part for part in rest if isinstance(part, Token)]
    given = settings(rest[len(words) :])
    if words:
        return modelled(name, nodes, words, given, scope, place)
    kinds = [key for key in given if key in ("icrit", *LAWS)]
    if len(kinds) > 1:
        first, second = kinds[:2]
        raise Fault(f"{first}= and {second}= exclude each other", offset_of(given[second][0]))
    if not kinds:
        raise Fault(
            f"{quote(name)} needs icrit=amps or a model (a Josephson junction), "
            "energy={U(flux)} or energy={E(charge)} (a nonlinear inductor or capacitor), or "
            "i={I(v)} (a nonlinear resistor)",
            0,
        )
    if kinds == ["icrit"]:
        return (junction(name, nodes, given, scope.values, place),)
    return (law(name, nodes, given, scope.values, place),)
