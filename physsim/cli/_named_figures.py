"""Figures by name: `frequency v(out)`, `crossing v(out) level=0.5`, `cutoff v(out)`."""

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from ._analysis import frequencies, only_source, unit_of
from ._files import console
from ._options import integrator, seconds


class _Kind(NamedTuple):
    curves: int
    """How many it is read off."""
    unit: str | None
    """None: that of the curve."""
    options: dict[str, str]
    """Their units by name."""
    of_response: bool = False


_KINDS = {
    "rms": _Kind(1, None, {}),
    "mean": _Kind(1, None, {}),
    "final": _Kind(1, None, {}),
    "maximum": _Kind(1, None, {}),
    "frequency": _Kind(1, "Hz", {}),
    "quality": _Kind(1, "", {}),
    "crossing": _Kind(1, "s", {"level": "", "count": ""}),
    "delay": _Kind(2, "s", {"level": ""}),
    "cutoff": _Kind(1, "Hz", {}, of_response=True),
    "bandwidth": _Kind(1, "Hz", {}, of_response=True),
    "peak_frequency": _Kind(1, "Hz", {}, of_response=True),
    "peak_gain": _Kind(1, None, {}, of_response=True),
    "gain": _Kind(1, None, {"at": "Hz"}, of_response=True),
}
_WORD = re.compile(r"[vi]\s*\([^()]*\)|\S+", re.IGNORECASE)
HELP = (
    "What to measure. Of a run: rms, mean, final, maximum, frequency or quality (of a ring-down), "
    "as 'rms v(out)'; 'crossing v(out) level=0.5'; 'delay v(in) v(out) level=0.5'. Of the response "
    "to all AC sources: cutoff (-3 dB), bandwidth, peak_frequency or peak_gain, as 'cutoff "
    "v(out)'; 'gain v(out) at=1meg'. Gains are in V or A, for the sources' AC amplitudes."
)


class NamedFigure(NamedTuple):
    """measure(t, x, ...) of a run, or measure(f, size, ...) of a response, in `unit`."""

    text: str
    quantities: list[str]
    measure: Callable[..., Any]
    unit: str
    of_response: bool

    @property
    def stem(self) -> str:
        """For file names: another figure does not overwrite this one."""
        return re.sub(r"\W+", "_", self.text).strip("_")

    def circuit(self, circuit):
        """The circuit, for a response driven by its only source where none has an AC amplitude."""
        alone = only_source(circuit) if self.of_response else None
        if alone is None:
            return circuit
        console.print(f"responses to an amplitude of 1 of {alone}")
        netlist = circuit.netlist
        elements = tuple(
            replace(e, ac=(1.0, 0.0)) if e.name == alone else e for e in netlist.elements
        )
        return type(circuit)(replace(netlist, elements=elements))

    def options(
        self, circuit, sweep: str | None, t_end: str | None, dt: str | None, method: str | None
    ) -> dict[str, Any]:
        """How to get what it is read off, from the command line's words."""
        run = {"--t-end": t_end, "--dt": dt, "--integrator": method}
        beside = run if self.of_response else {"--sweep": sweep}
        given = [name for name, value in beside.items() if value is not None]
        if given:
            what = "a response" if self.of_response else "a run"
            raise ValueError(f"{', '.join(given)}: {self.text} is read off {what}; leave it out")
        if self.of_response:
            return {"frequencies": frequencies(circuit, sweep)}
        return {
            "t_end": seconds(t_end, "--t-end"),
            "dt": seconds(dt, "--dt"),
            "solver": integrator(method),
        }


def parse_figure(text: str) -> NamedFigure:
    """Raises `ValueError` for an unknown figure, and where curves or options do not fit."""
    import circuits

    words = _WORD.findall(text)
    name = words[0].lower() if words else ""
    if name not in _KINDS:
        raise ValueError(
            f"--figure {text!r}: expected one of {', '.join(_KINDS)}, then what it is read off: "
            '"frequency v(out)"'
        )
    kind = _KINDS[name]
    quantities = [word for word in words[1:] if "=" not in word]
    if len(quantities) != kind.curves:
        example = " ".join(["v(in)", "v(out)"][-kind.curves :])
        curves = ("one curve", "two curves")[kind.curves - 1]
        raise ValueError(f'--figure {text!r}: {name} is read off {curves}: "{name} {example}"')
    options: dict[str, Any] = {}
    for word in words[1:]:
        key, is_option, value = word.partition("=")
        if is_option and key not in kind.options:
            known = f"it has {', '.join(kind.options)}" if kind.options else "it has none"
            raise ValueError(f"--figure {text!r}: {name} has no option {key!r}; {known}")
        if is_option:
            options[key] = circuits.parse_number(value, f"--figure {key}", kind.options[key])
    if "count" in options:
        options["count"] = int(options["count"])
    if "at" in kind.options and not options.get("at", 0) > 0:
        raise ValueError(f'--figure {text!r}: at which frequency? "{name} {quantities[0]} at=1meg"')
    measure = functools.partial(getattr(circuits, name), **options)
    unit = unit_of(quantities[0]) if kind.unit is None else kind.unit
    return NamedFigure(text, quantities, measure, unit, kind.of_response)
