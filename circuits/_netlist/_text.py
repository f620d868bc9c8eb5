"""A netlist in its own language."""

from collections.abc import Iterator
from dataclasses import astuple
from decimal import Decimal

from .._elements import (
    Capacitor,
    Coupling,
    CurrentSource,
    Element,
    Gyrator,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    Transformer,
    VoltageSource,
)
from .._waveforms import DC, PWL, Exp, Pulse, Sin, Waveform
from ._expression_text import expression_text
from ._netlist import Netlist
from ._options import ZERO_CELSIUS
from ._syntax import WORD
from ._tran import Ac, Tran
from ._words import quote

_LETTERS = {
    Capacitor: "C",
    Inductor: "L",
    Resistor: "R",
    CurrentSource: "I",
    VoltageSource: "V",
    Junction: "B",
    NonlinearInductor: "B",
    NonlinearCapacitor: "B",
    NonlinearResistor: "B",
    Gyrator: "P",
    Transformer: "P",
    Coupling: "K",
}


def to_text(netlist: Netlist) -> str:
    """The netlist, so that `parse_netlist` of the text equals it, but for locations.

    Numbers keep all their digits. An element whose name does not begin with the letter of its
    kind, as in subcircuits, is written with the letter and a colon before its name. Raises
    `ValueError` for a name, node or title that the language has no spelling for.
    """
    if netlist.title != netlist.title.strip() or len(netlist.title.splitlines()) > 1:
        raise ValueError(f"the title {netlist.title!r} is no line of a netlist")
    lines = [netlist.title]
    lines += [f".param {name}={_number(value)}" for name, value in netlist.parameters.items()]
    lines += map(_element, netlist.elements)
    lines += map(_coupling, netlist.couplings)
    lines += [f".ic v({_word(n)})={_number(v)}" for n, (v, _) in netlist.initial_voltages.items()]
    return "\n".join([*lines, *_analyses(netlist), ".end", ""])


def _element(element: Element) -> str:
    head = " ".join([_name(element), *map(_word, element.nodes)])
    return " ".join([head, *_rest(element)])


def _rest(element: Element) -> Iterator[str]:
    match element:
        case Capacitor(capacitance=value) | Inductor(inductance=value):
            yield _number(value)
            yield from _initial(element.ic)
        case Resistor(resistance=value):
            yield _number(value)
        case CurrentSource() | VoltageSource():
            yield _waveform(element.waveform)
            if element.ac != (0.0, 0.0):
                yield f"AC {_numbers(element.ac)}"
        case Junction():
            yield f"icrit={_number(element.critical_current)}"
            if element.phase:
                yield f"phase={_number(element.phase)}"
        case NonlinearInductor() | NonlinearCapacitor():
            yield f"energy={{{expression_text(element.energy)}}}"
            yield from _own(element.parameters)
            yield from _initial(element.ic)
        case NonlinearResistor():
            yield f"i={{{expression_text(element.current)}}}"
            yield from _own(element.parameters)
        case Gyrator():
            yield f"gyrator={_number(element.conductance)}"
        case Transformer():
            yield f"ratio={_number(element.ratio)}"


def _initial(ic: float | None) -> Iterator[str]:
    if ic is not None:
        yield f"ic={_number(ic)}"


def _own(parameters: tuple[tuple[str, float], ...]) -> Iterator[str]:
    return (f"{name}={_number(value)}" for name, value in parameters)


def _coupling(coupling: Coupling) -> str:
    coils = map(_word, coupling.inductors)
    return " ".join([_name(coupling), *coils, _number(coupling.coefficient)])


def _waveform(waveform: Waveform) -> str:
    match waveform:
        case DC(value):
            return f"DC {_number(value)}"
        case Sin() | Exp():
            return f"{type(waveform).__name__.upper()}({_numbers(astuple(waveform))})"
        case Pulse():
            return f"PULSE({_numbers(tuple(x for x in astuple(waveform) if x is not None))})"
        case PWL(times, values):
            pairs = (_numbers(pair) for pair in zip(times, values, strict=True))
            return "PWL({})".format("\n+ ".join(pairs))


def _analyses(netlist: Netlist) -> Iterator[str]:
    if netlist.tran is not None:
        yield _tran(netlist.tran)
    if netlist.ac is not None:
        yield _ac(netlist.ac)
    if netlist.op:
        yield ".op"
    if netlist.temperature is not None:
        celsius = Decimal(repr(float(netlist.temperature))) - ZERO_CELSIUS
        yield f".temp {celsius:f}"
    for tolerance in netlist.tolerances:
        spread = f"{_word(tolerance.pattern)}={_number(tolerance.relative)}"
        yield f".tolerance {spread} dist={tolerance.distribution}"


def _tran(tran: Tran) -> str:
    times = [tran.step, tran.stop]
    if tran.max_step is not None:
        times += [tran.start, tran.max_step]
    elif tran.start:
        times += [tran.start]
    return f".tran {_numbers(tuple(times))}"


def _ac(ac: Ac) -> str:
    return f".ac {ac.spacing} {ac.points} {_numbers((ac.start, ac.stop))}"


def _name(part: Element | Coupling) -> str:
    name, letter = part.name, _LETTERS[type(part)]
    plain = name[:1].upper() == letter and name[1:2] != ":"
    return _word(name if plain else f"{letter}:{name}")


def _word(text: str) -> str:
    # A lone `$` begins a comment.
    if not WORD.fullmatch(text) or text == "$" or "\0" in text:
        raise ValueError(f"the name {quote(text)} cannot stand in a netlist: rename it")
    return text


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(map(_number, values))


def _number(value: float) -> str:
    # float(): the repr of a NumPy number names its type.
    return repr(float(value))
