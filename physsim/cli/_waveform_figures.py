"""Figures of waveforms by name: `frequency v(out)`, `crossing v(out) level=0.5`."""

import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ._analysis import unit_of

# Name: how many waveforms, the unit (None: that of the waveform), options.
_FIGURES: dict[str, tuple[int, str | None, tuple[str, ...]]] = {
    "rms": (1, None, ()),
    "mean": (1, None, ()),
    "final": (1, None, ()),
    "maximum": (1, None, ()),
    "frequency": (1, "Hz", ()),
    "quality": (1, "", ()),
    "crossing": (1, "s", ("level", "count")),
    "delay": (2, "s", ("level",)),
}
_WORD = re.compile(r"[vi]\s*\([^()]*\)|\S+", re.IGNORECASE)
HELP = (
    "What to measure: rms, mean, final, maximum, frequency or quality (of a ring-down) of a "
    "waveform, as 'rms v(out)'; 'crossing v(out) level=0.5'; 'delay v(in) v(out) level=0.5'."
)


class WaveformFigure(NamedTuple):
    """A figure read off waveforms: measure(t, x, ...) in `unit`."""

    text: str
    quantities: list[str]
    measure: Callable[..., Any]
    unit: str


def parse_figure(text: str) -> WaveformFigure:
    """Raises `ValueError` for an unknown figure, and where waveforms or options do not fit."""
    import circuits

    words = _WORD.findall(text)
    name = words[0].lower() if words else ""
    if name not in _FIGURES:
        raise ValueError(
            f"--figure {text!r}: expected one of {', '.join(_FIGURES)}, then what it is read off: "
            '"frequency v(out)"'
        )
    count, unit, allowed = _FIGURES[name]
    quantities = [word for word in words[1:] if "=" not in word]
    if len(quantities) != count:
        example = " ".join(["v(in)", "v(out)"][-count:])
        raise ValueError(f'--figure {text!r}: {name} is read off {count}: "{name} {example}"')
    options: dict[str, Any] = {}
    for word in words[1:]:
        key, is_option, value = word.partition("=")
        if is_option and key not in allowed:
            known = f"it has {', '.join(allowed)}" if allowed else "it has none"
            raise ValueError(f"--figure {text!r}: {name} has no option {key!r}; {known}")
        if is_option:
            options[key] = circuits.parse_number(value, f"--figure {key}", "")
    if "count" in options:
        options["count"] = int(options["count"])
    measure = functools.partial(getattr(circuits, name), **options)
    return WaveformFigure(
        text, quantities, measure, unit_of(quantities[0]) if unit is None else unit
    )
