"""From what stands on a source's card to its waveform and its amplitude in an AC analysis."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from lark import Token, Tree

from .._waveforms import DC, PWL, Exp, Pulse, Sin, Waveform
from ._expression import value_of
from ._lines import Fault
from ._syntax import Node, offset_of

_UNITLESS = ""
_LEVEL = "level"
# Units by argument (a level is in the source's own), how many arguments at least, and how
# the waveform is written.
_SHAPES = {
    "sin": (
        (_LEVEL, _LEVEL, "Hz", "s", _UNITLESS, "deg"),
        3,
        "SIN(offset amplitude frequency [delay [damping [phase]]])",
    ),
    "pulse": (
        (_LEVEL, _LEVEL, "s", "s", "s", "s", "s"),
        6,
        "PULSE(initial pulsed delay rise fall width [period])",
    ),
    "exp": (
        (_LEVEL, _LEVEL, "s", "s", "s", "s"),
        6,
        "EXP(initial pulsed delay rise fall_delay fall)",
    ),
}
_MAKE = {"sin": Sin, "pulse": Pulse, "exp": Exp}


def source(
    parts: Sequence[Node], names: Mapping[str, float], unit: str
) -> tuple[Waveform, tuple[float, float]]:
    """Waveform (0 without one) and (magnitude, phase in degrees) of a source in `unit`.

    Raises `Fault` for a second waveform or amplitude, and for an initial value.
    """
    shapes, amplitudes = [], []
    for part in parts:
        assert isinstance(part, Tree)
        if part.data == "stateless":
            raise Fault(
                "a source has no state that could start somewhere: remove ic=", offset_of(part)
            )
        (amplitudes if part.data == "amplitude" else shapes).append(part)
    if len(shapes) > 1:
        raise Fault(
            "a source has one waveform, and here is a second: only one applies in a transient "
            "analysis, put a constant into the waveform's own offset",
            offset_of(shapes[1]),
        )
    if len(amplitudes) > 1:
        raise Fault("AC is given twice; keep one", offset_of(amplitudes[1]))
    wave = _waveform(shapes[0], names, unit) if shapes else DC(0.0)
    return wave, _amplitude(amplitudes[0], names, unit) if amplitudes else (0.0, 0.0)


def sine_frequencies(parts: Sequence[Node]) -> list[Node]:
    """What stands for the frequency of a SIN."""
    shapes = [part.children for part in parts if isinstance(part, Tree)]
    return [children[3] for children in shapes if children[0] == "sin" and len(children) > 3]


def _amplitude(part: Tree, names: Mapping[str, float], unit: str) -> tuple[float, float]:
    magnitude, *phase = part.children
    return value_of(magnitude, names, unit), value_of(phase[0], names, "deg") if phase else 0.0


def _waveform(node: Tree, names: Mapping[str, float], unit: str) -> Waveform:
    if node.data in ("dc", "constant"):
        return DC(value_of(node.children[0], names, unit))
    shape, *arguments = node.children
    assert isinstance(shape, Token)
    if shape == "pwl":
        return _pwl(shape, arguments, names, unit)
    units, least, form = _SHAPES[shape]
    if not least <= len(arguments) <= len(units):
        most = "" if least == len(units) else f" to {len(units)}"
        count = f"{least}{most} values, not {len(arguments)}"
        raise Fault(f"{form} takes {count}", offset_of(shape))
    units = [unit if u == _LEVEL else u for u in units]
    return _MAKE[shape](*(value_of(a, names, u) for a, u in zip(arguments, units, strict=False)))


def _pwl(shape: Token, arguments: Sequence[Node], names: Mapping[str, float], unit: str) -> PWL:
    if len(arguments) % 2:
        raise Fault(
            "PWL(t1 x1 t2 x2 ...) takes pairs of a time and a value, and the last time has no "
            "value",
            offset_of(arguments[-1]),
        )
    values = [value_of(a, names, u) for a, u in zip(arguments, cycle(("s", unit)), strict=False)]
    return PWL(tuple(values[::2]), tuple(values[1::2]))
