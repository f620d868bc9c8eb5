"""What a task's [response] asks for, and what its sources hold of it."""

import numpy as np

from circuits import Circuit, parse_number

from ._analysis import si
from ._response import waves
from ._task import Task
from ._waveform_file import read_waveform


def wanted_response(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """(frequencies in Hz, wanted magnitudes)."""
    options, where = task.response, f"{task.path}: [response] "
    ends: dict[str, float] = {}
    if options["csv"]:
        path = task.file(options["csv"])
        f, values = read_waveform(path, "magnitude")
        ends = {"from": float(f[0]), "to": float(f[-1])}
    low, high = (
        ends[key] if options[key] == "" and ends else _hertz(options[key], f"{where}{key}")
        for key in ("from", "to")
    )
    if not low < high:
        raise ValueError(f"{where}from must be below to")
    frequencies = np.linspace(low, high, options["points"])
    if options["csv"]:
        if low < f[0] or high > f[-1]:
            raise ValueError(f"{path}: covers {f[0]:.6g} to {f[-1]:.6g} Hz only")
        wanted = np.interp(frequencies, f, values)
        if not np.any(wanted > 0) or np.any(wanted < 0):
            raise ValueError(f"{where}csv: some magnitude must be above zero, and none below")
        return frequencies, wanted
    return frequencies, _in_band(frequencies, options["pass"], where)


def _in_band(frequencies: np.ndarray, given: list, where: str) -> np.ndarray:
    """1 in the pass-band and 0 elsewhere. `ValueError` where no frequency is in it."""
    band = [_hertz(x, f"{where}pass", least=0) for x in given]
    if len(band) != 2:
        raise ValueError(f"{where}pass is a pair of frequencies, got {given}")
    if not band[0] < band[1]:
        raise ValueError(f"{where}pass: the lower frequency comes first, got {given}")
    low, high = frequencies[0], frequencies[-1]
    if band[0] > high or band[1] < low:
        raise ValueError(
            f"{where}pass, {_range(*band)}, is outside of from and to, {_range(low, high)} "
            "(mega is meg; M is milli)"
        )
    inside = (frequencies >= band[0]) & (frequencies <= band[1])
    if not inside.any():
        raise ValueError(
            f"{where}points: none of {frequencies.size} frequencies is in pass; take more"
        )
    return inside.astype(float)


def _range(low: float, high: float) -> str:
    return f"{si(low, 'Hz')} to {si(high, 'Hz')}"


def _hertz(value, what: str, least: float | None = None) -> float:
    if value == "":
        raise ValueError(f"{what} is missing")
    number = parse_number(str(value), what, "Hz")
    if not (number > 0 or number == least):
        raise ValueError(f"{what} must be positive, got {value}")
    return number


def drive_spectrum(circuit: Circuit, frequencies, times) -> np.ndarray:
    """The magnitude of the sources' spectrum, those of several added in power."""
    import jax.numpy as jnp

    middles = times - times[0] / 2
    # A source may enter more than once, as its voltage and as its flux.
    sources = {signal.source: signal for signal in circuit.signals}.values()
    values = np.stack([np.asarray(s.value(jnp.asarray(middles))) for s in sources], axis=1)
    sums = waves(frequencies, middles).T @ values
    return np.sqrt(np.sum(sums**2, axis=1).reshape(2, -1).sum(axis=0))
