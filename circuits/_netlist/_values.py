"""Values that elements and analyses may have. Each check returns what is wrong, or None."""

from .._elements import (
    Capacitor,
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
from ._law_faults import law_fault
from ._ranges import finite_fault, nonzero_fault, positive_fault
from ._tolerances import DISTRIBUTIONS
from ._tran import Ac, Tolerance, Tran
from ._waveform_faults import waveform_fault

SPACINGS = ("dec", "oct", "lin")


def element_fault(element: Element) -> str | None:  # noqa: PLR0911
    """What is wrong with an element's values."""
    match element:
        case Capacitor():
            return positive_fault("a capacitance (F)", element.capacitance) or _initial(element.ic)
        case Inductor():
            return positive_fault("an inductance (H)", element.inductance) or _initial(element.ic)
        case Resistor():
            return _resistance_fault(element.resistance)
        case CurrentSource() | VoltageSource():
            return waveform_fault(element.waveform) or finite_fault("an AC value", *element.ac)
        case Junction():
            return positive_fault("a critical current (A)", element.critical_current) or (
                finite_fault("the initial phase", element.phase)
            )
        case NonlinearInductor() | NonlinearCapacitor():
            return law_fault(element) or _initial(element.ic)
        case NonlinearResistor():
            return law_fault(element)
        case Gyrator():
            return nonzero_fault("the conductance (S) of a gyrator", element.conductance)
        case Transformer():
            return nonzero_fault("the ratio of a transformer", element.ratio)


def tran_fault(tran: Tran) -> str | None:
    """What is wrong with a transient analysis."""
    faults = [
        positive_fault("the step (s)", tran.step),
        positive_fault("the stop time (s)", tran.stop),
    ]
    if tran.max_step is not None:
        faults.append(positive_fault("the longest step (s)", tran.max_step))
    if tran.step > tran.stop:
        faults.append(
            f"the step ({tran.step:g} s) is longer than the run ({tran.stop:g} s): .tran takes the "
            "step first, then the stop time"
        )
    if not 0 <= tran.start < tran.stop:
        faults.append(f"the start has to lie between 0 and the stop time, not at {tran.start:g} s")
    return next(filter(None, faults), None)


def ac_fault(ac: Ac) -> str | None:
    """What is wrong with an AC analysis."""
    if ac.spacing not in SPACINGS:
        return f"the spacing is dec, oct or lin, not {ac.spacing!r}"
    if ac.points < 1:
        return f"the number of points has to be at least 1, not {ac.points}"
    found = positive_fault("the first frequency (Hz)", ac.start) or positive_fault(
        "the last frequency (Hz)", ac.stop
    )
    if found or ac.start <= ac.stop:
        return found
    return f"the last frequency ({ac.stop:g} Hz) lies below the first ({ac.start:g} Hz)"


def tolerance_fault(tolerance: Tolerance) -> str | None:
    """What is wrong with a tolerance."""
    if tolerance.distribution not in DISTRIBUTIONS:
        return f"a distribution is gauss or uniform, not {tolerance.distribution!r}"
    if 0 < tolerance.relative < 1:
        return None
    part = tolerance.relative
    hint = f"; write {part:g}% or {part / 100:g}" if 1 <= part < 100 else ""
    return f"a tolerance lies between 0 and 100 %, not at {100 * part:g} %{hint}"


def _resistance_fault(resistance: float) -> str | None:
    found = positive_fault("a resistance (Ohm)", resistance)
    if found and resistance < 0:
        return f"{found}; a negative one is a nonlinear resistor, B n+ n- i={{g*v}} g=-1m"
    return found


def _initial(value: float | None) -> str | None:
    return None if value is None else finite_fault("the initial condition", value)
