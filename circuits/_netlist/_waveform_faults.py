"""Values that waveforms may have. Each check returns what is wrong, or None."""

from itertools import pairwise

from .._waveforms import DC, PWL, Exp, Pulse, Sin, Waveform
from ._ranges import finite_fault, positive_fault


def waveform_fault(waveform: Waveform) -> str | None:
    """What is wrong with the values of a waveform."""
    match waveform:
        case DC(value):
            return finite_fault("the constant", value)
        case Sin():
            return _sin_fault(waveform)
        case Pulse():
            return _pulse_fault(waveform)
        case PWL(times, values):
            return _pwl_fault(times, values)
        case Exp():
            return _exp_fault(waveform)


def _sin_fault(sin: Sin) -> str | None:
    # ngspice reads a frequency of 0 as 1 / stop time.
    return positive_fault("the frequency (Hz) of SIN", sin.frequency) or finite_fault(
        "an argument of SIN", sin.offset, sin.amplitude, sin.delay, sin.damping, sin.phase
    )


def _pulse_fault(pulse: Pulse) -> str | None:
    # ngspice reads a rise, fall or width of 0 as the step or the stop time.
    times = {"rise": pulse.rise, "fall": pulse.fall, "width": pulse.width}
    if pulse.period is not None:
        times["period"] = pulse.period
    faults = (positive_fault(f"the {name} (s) of PULSE", value) for name, value in times.items())
    return next(filter(None, faults), None) or finite_fault(
        "an argument of PULSE", pulse.initial, pulse.pulsed, pulse.delay
    )


def _pwl_fault(times: tuple[float, ...], values: tuple[float, ...]) -> str | None:
    if not times or len(times) != len(values):
        return "PWL takes pairs of a time and a value: PWL(t1 x1 t2 x2 ...)"
    for earlier, later in pairwise(times):
        if not earlier < later:
            return f"the times of PWL have to increase, but {later:g} follows {earlier:g}"
    return finite_fault("an argument of PWL", *times, *values)


def _exp_fault(exp: Exp) -> str | None:
    # ngspice reads a time constant or a fall delay of 0 as the step, and a fall that comes
    # before the rise otherwise than by the formula.
    times = {"rise": exp.rise, "fall delay": exp.fall_delay, "fall": exp.fall}
    faults = (positive_fault(f"the {name} (s) of EXP", value) for name, value in times.items())
    found = next(filter(None, faults), None) or finite_fault(
        "an argument of EXP", exp.initial, exp.pulsed, exp.delay
    )
    if found or exp.delay < exp.fall_delay:
        return found
    return f"the fall delay of EXP ({exp.fall_delay:g} s) has to follow its delay ({exp.delay:g} s)"
