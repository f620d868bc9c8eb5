"""From the waveform on a current source's card to the waveform."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from lark import Token, Tree

from .._waveforms import DC, PWL, Pulse, Sin, Waveform
from ._expression import value_of
from ._lines import Fault
from ._syntax import Node, offset_of

_UNITLESS = ""
# Units by argument, how many arguments at least, and how the waveform is written.
_SHAPES = {
    "sin": (
        ("A", "A", "Hz", "s", _UNITLESS, "deg"),
        3,
        "SIN(offset amplitude frequency [delay [damping [phase]]])",
    ),
    "pulse": (
        ("A", "A", "s", "s", "s", "s", "s"),
        6,
        "PULSE(initial pulsed delay rise fall width [period])",
    ),
}


def waveform(node: Node, names: Mapping[str, float]) -> Waveform:
    """The waveform of a ``dc`` or ``shape`` part. Raises `Fault` for too few or many values."""
    assert isinstance(node, Tree)
    if node.data == "dc":
        return DC(value_of(node.children[0], names, "A"))
    shape, *arguments = node.children
    assert isinstance(shape, Token)
    if shape == "pwl":
        return _pwl(shape, arguments, names)
    units, least, form = _SHAPES[shape]
    if not least <= len(arguments) <= len(units):
        count = f"{least} to {len(units)} values, not {len(arguments)}"
        raise Fault(f"{form} takes {count}", offset_of(shape))
    values = [value_of(a, names, u) for a, u in zip(arguments, units, strict=False)]
    return Sin(*values) if shape == "sin" else Pulse(*values)


def _pwl(shape: Token, arguments: Sequence[Node], names: Mapping[str, float]) -> PWL:
    if len(arguments) % 2:
        raise Fault(
            "PWL(t1 i1 t2 i2 ...) takes pairs of a time and a current, and the last time has no "
            "current",
            offset_of(arguments[-1]),
        )
    values = [value_of(a, names, u) for a, u in zip(arguments, cycle(("s", "A")), strict=False)]
    return PWL(tuple(values[::2]), tuple(values[1::2]))
