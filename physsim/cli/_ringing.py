"""Whether what a run excites has died away when it ends: a spectrum is of the whole ringing."""

import math
import warnings

from circuits import Circuit

from ._analysis import si

_LEFT = 0.01
# Modes are found densely, in a time that grows with the cube of the coordinates.
_MOST_COORDINATES = 300


def warn_of_ringing(circuit: Circuit, t_end: float, where: str) -> None:
    """A warning where an oscillation that decays has more than 1 % of its amplitude at `t_end` (s).

    Nothing is told of lossless circuits, whose ringing never ends, and above 300 coordinates.
    """
    H = circuit.hamiltonian
    if H.is_lossless or len(H.coordinates) > _MOST_COORDINATES:
        return
    # About the start, so that a nonlinear circuit needs no state of rest.
    modes = circuit.modes(circuit.y0)
    decaying = (modes.frequencies > 0) & (modes.rates > 0)
    if not decaying.any():
        return
    rate = float(modes.rates[decaying].min())
    if math.exp(-rate * t_end) <= _LEFT:
        return
    warnings.warn(
        f"{where}: the run ends before the ringing does, which blurs its spectrum: the slowest "
        f"oscillation decays with a time constant of {si(1 / rate, 's', 3)}, so "
        f"{100 * math.exp(-rate * t_end):.2g} % of it is left; a t_end of "
        f"{si(_rounded_up(-math.log(_LEFT) / rate), 's')} would do",
        stacklevel=2,
    )


def _rounded_up(value: float) -> float:
    """To two digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit
