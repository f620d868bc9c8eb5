"""Values that elements and analyses may have. Each check returns what is wrong, or None."""

import math
import sys
from itertools import pairwise

import sympy

from .._elements import (
    FLUX,
    Capacitor,
    CurrentSource,
    Element,
    Inductor,
    Junction,
    NonlinearInductor,
)
from .._waveforms import DC, PWL, Pulse, Sin, Waveform
from ._tran import Tran


def element_fault(element: Element) -> str | None:
    """What is wrong with an element's values."""
    match element:
        case Capacitor():
            return _positive("a capacitance (F)", element.capacitance) or _initial(element.ic)
        case Inductor():
            return _positive("an inductance (H)", element.inductance) or _initial(element.ic)
        case CurrentSource():
            return _waveform_fault(element.waveform)
        case Junction():
            return _positive("a critical current (A)", element.critical_current) or finite_fault(
                "the initial phase", element.phase
            )
        case NonlinearInductor():
            return _energy_fault(element) or _initial(element.ic)


def tran_fault(tran: Tran) -> str | None:
    """What is wrong with an analysis."""
    faults = [_positive("the step (s)", tran.step), _positive("the stop time (s)", tran.stop)]
    if tran.max_step is not None:
        faults.append(_positive("the longest step (s)", tran.max_step))
    if not 0 <= tran.start < tran.stop:
        faults.append(f"the start has to lie between 0 and the stop time, not at {tran.start:g} s")
    return next(filter(None, faults), None)


def finite_fault(what: str, *values: float) -> str | None:
    """Says that `what` is to be finite where one of `values` is not."""
    wrong = next((value for value in values if not math.isfinite(value)), None)
    return None if wrong is None else f"{what} has to be a finite number, not {wrong:g}"


def _positive(what: str, value: float) -> str | None:
    if value > 0 and math.isfinite(value):
        return None
    return f"{what} has to be finite and greater than 0, not {value:g}"


def _initial(value: float | None) -> str | None:
    return None if value is None else finite_fault("the initial condition", value)


def _waveform_fault(waveform: Waveform) -> str | None:
    match waveform:
        case DC(value):
            return finite_fault("the current", value)
        case Sin():
            return _sin_fault(waveform)
        case Pulse():
            return _pulse_fault(waveform)
        case PWL(times, values):
            return _pwl_fault(times, values)


def _sin_fault(sin: Sin) -> str | None:
    # ngspice reads a frequency of 0 as 1 / stop time.
    return _positive("the frequency (Hz) of SIN", sin.frequency) or finite_fault(
        "an argument of SIN", sin.offset, sin.amplitude, sin.delay, sin.damping, sin.phase
    )


def _pulse_fault(pulse: Pulse) -> str | None:
    # ngspice reads a rise, fall or width of 0 as the step or the stop time.
    times = {"rise": pulse.rise, "fall": pulse.fall, "width": pulse.width}
    if pulse.period is not None:
        times["period"] = pulse.period
    faults = (_positive(f"the {name} (s) of PULSE", value) for name, value in times.items())
    return next(filter(None, faults), None) or finite_fault(
        "an argument of PULSE", pulse.initial, pulse.pulsed, pulse.delay
    )


def _pwl_fault(times: tuple[float, ...], values: tuple[float, ...]) -> str | None:
    if not times or len(times) != len(values):
        return "PWL takes pairs of a time and a current: PWL(t1 i1 t2 i2 ...)"
    for earlier, later in pairwise(times):
        if not earlier < later:
            return f"the times of PWL have to increase, but {later:g} follows {earlier:g}"
    return finite_fault("an argument of PWL", *times, *values)


def _energy_fault(inductor: NonlinearInductor) -> str | None:
    own = {sympy.Symbol(name, real=True): name for name, _ in inductor.parameters}
    used = inductor.energy.free_symbols
    if unknown := sorted(str(s) for s in used - own.keys() - {FLUX}):
        return (
            f"the energy contains {unknown[0]}, which is neither Symbol('flux', real=True) nor a "
            "parameter of the element as a real symbol"
        )
    if idle := [name for symbol, name in own.items() if symbol not in used]:
        return f"the energy does not contain the parameter {idle[0]}; remove it"
    if FLUX not in used:
        return "the energy does not depend on flux; write energy={flux**2/(2*1n)} for 1 nH"
    infinite = (sympy.I, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)
    if inductor.energy.has(*infinite) or inductor.energy.is_extended_real is False:
        return "the energy is not a finite real number"
    if any(abs(n) > sys.float_info.max for n in inductor.energy.atoms(sympy.Number)):
        return "a number in the energy is too large"
    return finite_fault("a parameter", *(value for _, value in inductor.parameters))
