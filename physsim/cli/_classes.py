"""Classification by energies: the read-out that gathers most says the class."""

from typing import final

import equinox as eqx
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


def cross_entropy(energies: Float[Array, " classes"], label: Int[Array, ""]) -> Float[Array, ""]:
    """-log of the share of all energy that the label's read-out gathers."""
    return -jnp.log(_share(energies, label))


def missed_share(energies: Float[Array, " classes"], label: Int[Array, ""]) -> Float[Array, ""]:
    """The share of all energy that goes elsewhere."""
    return 1.0 - _share(energies, label)


def _share(energies, label):
    least = jnp.asarray(_LEAST, energies.dtype)
    return (energies[label] + least) / (jnp.sum(energies) + least * energies.size)


LOSSES = {"cross-entropy": cross_entropy, "energy": missed_share}


def class_cost(readouts: tuple[Readout, ...], unit: float, count: int, loss: str):
    """The cost of a run whose label says which read-out should gather the energy."""
    return learning.Outcome(Energies(readouts, unit, count), LOSSES[loss])


def accuracy(energies: Float[np.ndarray, "N classes"], labels: Int[np.ndarray, " N"]) -> float:
    """The share of runs in which the label's read-out gathers most."""
    return float(np.mean(np.argmax(energies, axis=1) == labels))
