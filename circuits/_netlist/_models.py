"""``.model`` cards: what the junctions of a process have in common."""

from collections.abc import Iterable, Mapping

from lark import Token

from ._expression import new_name, value_of
from ._lines import Card, Fault, faults_of
from ._settings import Settings, refuse_others, settings
from ._syntax import Node, offset_of
from ._words import quote

_UNITS = {"icrit": "A", "cap": "F", "rn": "Ohm", "r0": "Ohm", "rtype": ""}
# JoSIM's words for what a cosine energy and one linear resistance cannot say.
_GAP = ("vg", "delv", "icon", "icrange", "icfact", "tdelay", "temp", "tc", "cpr", "phi", "d")

Models = dict[str, dict[str, float]]


def models(
    cards: Iterable[tuple[Card, list[Node]]], names: Mapping[str, float], note: str
) -> Models:
    """By name: the critical current ``icrit`` (A), capacitance ``cap`` (F) and resistance ``r``
    (Ohm) of a junction of area 1, the last two where it has them.

    `note` is added to errors. Raises `NetlistError` for a model defined twice, of another type
    than jj, or with values that make no junction of the kinds that there are.
    """
    known: Models = {}
    for card, (name, kind, *rest) in cards:
        assert isinstance(name, Token)
        with faults_of(card, note):
            if name in known:
                raise Fault(f"there is already a model {quote(name)}; rename one", offset_of(name))
            if kind != "jj":
                raise Fault(
                    f"a model of type {quote(str(kind))} is not supported: there are junctions, "
                    "jj; a transistor or diode has no Hamiltonian",
                    offset_of(kind),
                )
            known[new_name(name)] = _values(settings(rest), names)
    return known


def _values(given: Settings, names: Mapping[str, float]) -> dict[str, float]:
    _refuse_strangers(given)
    values = {k: value_of(given[k][1], names, unit) for k, unit in _UNITS.items() if k in given}
    for key, value in values.items():
        if key != "rtype" and not value > 0:
            raise Fault(f"{key} has to be greater than 0, not {value:g}", offset_of(given[key][0]))
    kind = values.pop("rtype", None)
    if kind not in (None, 0.0, 1.0):
        raise Fault(
            "rtype is 0 (no resistance) or 1 (a linear one); a piecewise-linear resistance is "
            "written beside the junction: B n+ n- i={...}",
            offset_of(given["rtype"][0]),
        )
    resistances = [values.pop(key) for key in ("rn", "r0") if key in values]
    if kind == 1.0 and not resistances:
        raise Fault("rtype=1 needs rn=ohms or r0=ohms", offset_of(given["rtype"][0]))
    if resistances and kind != 0.0:
        values["r"] = resistances[0]
    return values


def _refuse_strangers(given: Settings) -> None:
    for key in _GAP:
        if key in given:
            raise Fault(
                f"{quote(key)} belongs to a junction with an energy gap or another current; here "
                "its current is icrit sin(phase), its resistance linear: remove it, or add "
                "B n+ n- i={...}",
                offset_of(given[key][0]),
            )
    refuse_others(given, tuple(_UNITS), "a model jj takes icrit, cap, rn, r0 and rtype")
    if "icrit" not in given:
        raise Fault("a model jj needs icrit=amps", 0)
    if "rn" in given and "r0" in given:
        raise Fault(
            "rn= and r0= together are a resistance with an energy gap; here it is linear: keep r0= "
            "for voltages below the gap, or rn= for those above",
            offset_of(given["rn"][0]),
        )
