"""A linear unit as a netlist of LC tanks, for ngspice.

One step of drift-kick-drift leapfrog is, up to the scale of p, a rotation by phi with
cos phi = 1 - h^2 A / 2, and an input r turns up as a kick h r / sqrt(A) in the middle of the step.
That is what a lossless tank of frequency phi / tau does from sample to sample under a current
that is held for the time tau, which kicks sin(phi/2) / (phi/2) as much as a pulse in the
middle. So the tanks are no approximation of the unit: their fluxes at the samples are its q.
"""

import itertools
from typing import Any

import numpy as np
from jaxtyping import Float

_CAPACITANCE = 1e-9
_EDGE = 1e-4
"""How much of a sample an input takes to change: ngspice needs finite slopes."""


def tank_netlist(
    unit: Any,
    read_out: Float[np.ndarray, "H n"],
    signals: Float[np.ndarray, "m T"],
    *,
    sample: float = 1e-6,
    points: int = 200,
) -> str:
    """The deck: inputs u1.., a tank a mode with its couplings, read-outs v(y1), v(y2), ...

    `sample` is the time of a step in s, `points` the integration steps of ngspice in it. A flux of
    1 V x sample in a tank stands for q = 1, and 1 V at a read-out for C q = 1. Read at the times
    `sample`, 2 `sample`, ... the outputs are those of the unit after each step, from rest.

    Raises `ValueError` for a unit that is not linear.
    """
    import learning

    if not isinstance(unit, learning.LinearHRU):
        raise ValueError(f"only a LinearHRU is a set of LC tanks, not a {type(unit).__name__}")
    h, A, B = (np.asarray(x, float) for x in (unit.core.h, unit.core.A, unit.projection.B))
    phi = np.arccos(1 - h**2 * A / 2)
    omega = phi / sample
    inductance = 1 / (omega**2 * _CAPACITANCE)
    # The held current whose kick is h / sqrt(A), in units where flux / sample is q.
    held = h / np.sqrt(A) * (phi / 2) / np.sin(phi / 2)
    conductance = (held * _CAPACITANCE * omega)[:, None] * B
    gain = np.asarray(read_out, float) * inductance / sample
    length = signals.shape[1] * sample
    lines = ["* linear recurrent unit: LC tanks, driven by u1.., read out at y1.."]
    lines += [_source(j, row, sample) for j, row in enumerate(signals, 1)]
    for i, (L, row) in enumerate(zip(inductance, conductance, strict=True), 1):
        lines += [f"C{i} t{i} 0 {_CAPACITANCE:g} ic=0", f"L{i} t{i} s{i} {L:.12g} ic=0"]
        lines += [f"Vs{i} s{i} 0 0"]
        lines += [f"G{i}_{j} 0 t{i} u{j} 0 {g:.12g}" for j, g in enumerate(row, 1)]
    for k, row in enumerate(gain, 1):
        lines += [f"F{k}_{i} 0 y{k} Vs{i} {g:.12g}" for i, g in enumerate(row, 1)]
        lines += [f"R{k} y{k} 0 1"]
    step = sample / points
    lines += [f".tran {step:.12g} {length:.12g} 0 {step:.12g} uic", ".end"]
    return "\n".join(lines) + "\n"


def _source(j: int, row, sample: float) -> str:
    """One input, held over each sample."""
    edge = _EDGE * sample
    points = [(0.0, row[0])]
    for k, (before, after) in enumerate(itertools.pairwise(row), 1):
        if before != after:
            points += [(k * sample - edge / 2, before), (k * sample + edge / 2, after)]
    text = " ".join(f"{t:.12g} {x:.12g}" for t, x in points)
    return f"Vu{j} u{j} 0 PWL({text})"
