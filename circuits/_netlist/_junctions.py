"""Josephson junctions, written out or by a ``.model`` of type jj."""

from collections.abc import Mapping, Sequence

from lark import Token

from .._elements import Capacitor, Junction, Resistor
from .._errors import Location
from ._expression import value_of
from ._lines import Fault
from ._scope import Scope
from ._settings import Settings, refuse_others
from ._syntax import offset_of
from ._words import quote, suggest


def junction(
    name: str,
    nodes: tuple[str, str],
    given: Settings,
    names: Mapping[str, float],
    location: Location,
) -> Junction:
    """``icrit=amps [phase=radians]``. Raises `Fault`."""
    known = ("icrit", "phase")
    refuse_others(given, known, "a junction takes icrit=amps and phase=radians")
    phase = value_of(given["phase"][1], names, "rad") if "phase" in given else 0.0
    return Junction(name, nodes, value_of(given["icrit"][1], names, "A"), phase, location)


def modelled(
    name: str,
    nodes: tuple[str, str],
    words: Sequence[Token],
    given: Settings,
    scope: Scope,
    location: Location,
) -> tuple[Junction | Capacitor | Resistor, ...]:
    """The junction ``name``, and ``name.cap`` and ``name.r`` beside it where the model has them.

    Raises `Fault` for a phase node, an unknown model, or a setting that a junction lacks.
    """
    *extra, model = words
    if extra:
        raise Fault(
            f"a junction has two nodes and no phase node: remove {quote(extra[0])}",
            offset_of(extra[0]),
        )
    refuse_others(given, ("area", "phase"), "a modelled junction takes area= and phase=radians")
    values = _model(model, scope)
    area = value_of(given["area"][1], scope.values, "") if "area" in given else 1.0
    if not area > 0:
        raise Fault(f"an area has to be greater than 0, not {area:g}", offset_of(given["area"][0]))
    phase = value_of(given["phase"][1], scope.values, "rad") if "phase" in given else 0.0
    elements: list[Junction | Capacitor | Resistor] = [
        Junction(name, nodes, area * values["icrit"], phase, location)
    ]
    if "cap" in values:
        elements.append(Capacitor(f"{name}.cap", nodes, area * values["cap"], None, location))
    if "r" in values:
        elements.append(Resistor(f"{name}.r", nodes, values["r"] / area, location))
    return tuple(elements)


def _model(token: Token, scope: Scope) -> Mapping[str, float]:
    model = scope.model(str(token))
    if model is None:
        hint = suggest(token, scope.model_names()) or "; define it: .model name jj(icrit=1m)"
        raise Fault(f"there is no model {quote(token)}{hint}", offset_of(token))
    return model
