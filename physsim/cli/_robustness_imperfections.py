"""What each imperfection of a machine is called, how far it is swept, and how levels are told."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import EngFormatter

from learning import Sweep


class Units(NamedTuple):
    """What turns `EchoErrors`, which are dimensionless, into what a designer knows.

    The angular frequency is 1 / sqrt(L C), geometric means of the circuit's values: its unit.
    """

    time: float
    """In s."""
    energy: float
    """In J."""
    angle: float
    """omega T: radians at that frequency in one run."""
    power: float
    """The mean energy of a momentum in the run, dimensionless, over the run's time."""


Levels = Float[np.ndarray, " levels"]


@final
@dataclass(frozen=True)
class Imperfection:
    """A field of `EchoErrors` for people: Q, energy taken up over energy, s, bits or a share."""

    name: str
    levels: Callable[[Units], Levels]
    """From mild to severe, as `EchoErrors` has them."""
    shown: Callable[[float, Units], float] = lambda level, units: float(level)
    """A level as people give it."""
    bound: Callable[[float], str] = "below {:.2g}".format
    """What the machine has to keep, by the worst level that it bears."""
    label: Callable[[float], str] = "{:.2g}".format
    """A level on an axis."""
    title: str = ""
    """Of its plot, where that is not the name."""
    note: str = ""
    """In the progress bar, where that is not the field."""


def _seconds(name: str, levels: Levels) -> Imperfection:
    bound, label = EngFormatter("s", places=1), EngFormatter("s", places=0)
    return Imperfection(
        name, lambda units: levels, lambda level, units: level * units.time,
        lambda x: f"below {bound(x)}", label,
    )  # fmt: skip


def _bits(name: str, levels: list[float]) -> Imperfection:
    return Imperfection(
        name, lambda units: np.array(levels), bound=lambda x: f"of at least {math.ceil(x)}"
    )


def _share(name: str, levels: Levels) -> Imperfection:
    return Imperfection(name, lambda units: levels)


IMPERFECTIONS = {
    "loss": Imperfection(
        "Q",
        lambda units: np.logspace(-2, 1, 7) / units.angle,
        lambda level, units: 1.0 / level,
        "of at least {:.3g}".format,
        note="Q",
    ),
    "diffusion": Imperfection(
        "thermal noise (energy taken up in a run, relative)",
        lambda units: np.logspace(-11, 1, 7) * units.power,
        lambda level, units: level / units.power,
        title="thermal noise (energy / energy)",
        note="thermal noise",
    ),
    "drift": _share("drift between the passes", np.logspace(-4, -1, 7)),
    "mismatch": _share("mismatch between the echoes", np.logspace(-6, -1, 6)),
    "flip_gain": _share("gain error of the flip", np.logspace(-3, 0, 7)),
    "flip_delay": _seconds("delay of the flip", np.logspace(-3, 0, 7)),
    "flip_jitter": _seconds("jitter of the flip", np.logspace(-5, 0, 6)),
    "readout_noise": _share("read-out noise", np.logspace(-6, 0, 7)),
    "adc_bits": _bits("ADC bits", [24.0, 20.0, 16.0, 12.0, 10.0, 8.0, 6.0]),
    "dac_bits": _bits("DAC bits", [12.0, 8.0, 6.0, 4.0, 3.0, 2.0, 1.0]),
}
"""By the field of `EchoErrors`."""


def sweeps(units: Units) -> list[Sweep]:
    """Each imperfection from mild to severe."""
    return [Sweep(field, row.levels(units)) for field, row in IMPERFECTIONS.items()]


def shown(sweep: Sweep, units: Units) -> list[float]:
    """The levels of a sweep as people give them."""
    return [IMPERFECTIONS[sweep.field].shown(level, units) for level in sweep.levels]
