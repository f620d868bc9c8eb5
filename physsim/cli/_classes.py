"""Classification by energies: the read-out that gathers most says the class."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import learning
from circuits import Readout

_LEAST = 1e-12


@final
class Energies(eqx.Module):
    """The mean square of each read-out over the steps whose target (a window) is one.

    A square stands for the power in a resistor too large to load the circuit.
    """

    readouts: tuple[Readout, ...]
    unit: float = eqx.field(static=True)
    count: int = eqx.field(static=True)

    def __call__(self, H, y, u, window):
        values = jnp.stack([readout(H, y, u) for readout in self.readouts])
        return window * (values / self.unit) ** 2 / self.count


@final
class CrossEntropy(eqx.Module):
    """-log of the label's share of E^sharpness, E being the energies at the read-outs.

    At sharpness 1 it is the energy that must go to the right read-out; the higher it is, the more
    it only matters which read-out gathers most.
    """

    sharpness: float = eqx.field(static=True)

    def __call__(
        self, energies: Float[Array, " classes"], label: Int[Array, ""]
    ) -> Float[Array, ""]:
        least = jnp.asarray(_LEAST, energies.dtype)
        return -jax.nn.log_softmax(self.sharpness * jnp.log(energies + least))[label]


@final
class MissedShare(eqx.Module):
    """The share of all energy that goes elsewhere."""

    def __call__(
        self, energies: Float[Array, " classes"], label: Int[Array, ""]
    ) -> Float[Array, ""]:
        least = jnp.asarray(_LEAST, energies.dtype)
        return 1.0 - (energies[label] + least) / (jnp.sum(energies) + least * energies.size)


LOSSES = {"cross-entropy": CrossEntropy, "energy": lambda sharpness: MissedShare()}


def class_cost(
    readouts: tuple[Readout, ...], unit: float, count: int, loss: str, sharpness: float = 1.0
):
    """The cost of a run whose label says which read-out should gather the energy."""
    return learning.Outcome(Energies(readouts, unit, count), LOSSES[loss](sharpness))


def accuracy(energies: Float[np.ndarray, "N classes"], labels: Int[np.ndarray, " N"]) -> float:
    """The share of runs in which the label's read-out gathers most."""
    return float(np.mean(np.argmax(energies, axis=1) == labels))
