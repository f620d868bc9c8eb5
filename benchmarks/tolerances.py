"""10,000 delay lines of 100 sections with tolerances, in one call: yield, time and memory

A step of current enters a lossless ladder, all 199 values 5 % off (standard deviation). A line is
good if the step arrives within 0.7 % of the nominal delay.
"""

import physsim
from circuits import Circuit, CurrentSource, Netlist, Pulse, crossing, ladder, monte_carlo

from . import report
from .memory import peak_mib
from .timing import Laps

_SECTIONS, _SPREAD, _MARGIN = 100, 0.05, 0.007
_STOP, _STEP, _LEVEL = 1.3e-6, 2e-9, 1.0


def measure(quick: bool) -> dict:
    """One row: what the samples do, what the linear prediction says, and what it took."""
    samples = 500 if quick else 10_000
    circuit = Circuit(_line())
    options = {
        "tolerances": {"L*": _SPREAD, "C*": _SPREAD}, "t_end": _STOP, "dt": _STEP,
        "solver": physsim.StormerVerlet(),
    }  # fmt: skip
    nominal = monte_carlo(circuit, "v(n100)", _arrival, samples=2, **options).nominal
    limits = (nominal * (1 - _MARGIN), nominal * (1 + _MARGIN))
    laps = Laps()
    spread = monte_carlo(circuit, "v(n100)", _arrival, samples=samples, limits=limits, **options)
    wall, cpu = laps.lap()
    row = {
        "samples": samples, "sections": _SECTIONS,
        "s": wall, "CPU s": cpu, "peak MiB": peak_mib(),
        "delay, ns": 1e9 * float(nominal),
        "deviation, ns": 1e9 * float(spread.figures.std()),
        "predicted, ns": 1e9 * float(spread.predicted_deviation),
        "yield": spread.yield_, "predicted yield": spread.predicted_yield,
    }  # fmt: skip
    print(" ", row, flush=True)
    return {"rows": [row]}


def _line() -> Netlist:
    line = ladder(_SECTIONS, inductance=1e-6, capacitance=100e-12, v_in=0.0)
    step = CurrentSource("I1", ("0", "n1"), Pulse(0.0, 10e-3, 0.0, 20e-9, 20e-9, 1.0, 2.0))
    return Netlist(line.title, (*line.elements, step))


def _arrival(t, x):
    return crossing(t, x, _LEVEL)


def table(result: dict) -> str:
    """Markdown."""
    (row,) = result["rows"]
    return report.markdown(row, [[f"{value:.4g}" for value in row.values()]])
