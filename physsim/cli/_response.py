"""The frequency response of a run: how a read-out's spectrum compares with a wanted one."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import learning
from circuits import Readout


@final
class SpectrumReadout(eqx.Module):
    """Fourier sums of a read-out at M frequencies: rows of cosines, then of sines [F = 2 M]."""

    readout: Readout
    unit: float = eqx.field(static=True)

    def __call__(self, H, y, u, waves):
        return self.readout(H, y, u) / self.unit * waves


@final
class ShapeError(eqx.Module):
    """1 - cosine between the magnitudes of the response and the wanted ones.

    The response is the read-out's spectrum over the drive's: a gain shared by all
    frequencies does not matter, only the shape.
    """

    wanted: Float[Array, " M"]
    drive: Float[Array, " M"]

    def __call__(self, sums: Float[Array, " F"], label) -> Float[Array, ""]:
        magnitudes = self.magnitudes(sums)
        size = jnp.sqrt(jnp.sum(magnitudes**2) * jnp.sum(self.wanted**2))
        return 1.0 - jnp.sum(magnitudes * self.wanted) / size

    def magnitudes(self, sums: Float[Array, " F"]) -> Float[Array, " M"]:
        power = jnp.sum(jnp.reshape(sums, (2, -1)) ** 2, axis=0)
        # A magnitude of zero has no slope.
        floor = 1e-12 * jnp.mean(power)
        return jnp.sqrt(power + floor) / self.drive


def waves(
    frequencies: Float[np.ndarray, " M"], times: Float[np.ndarray, " K"]
) -> Float[np.ndarray, "K 2*M"]:
    """Cosines and sines at the times, times the step: their sums are Fourier integrals."""
    angles = 2 * np.pi * np.outer(times, frequencies)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * (times[1] - times[0])


def response_cost(
    readout: Readout,
    unit: float,
    wanted: Float[np.ndarray, " M"],
    drive: Float[np.ndarray, " M"],
) -> learning.Outcome:
    """The cost of a run whose targets are `waves`.

    Raises `ValueError` where the drive has next to nothing at some frequency, or no signal at all.
    """
    if not drive.max() > 0:
        raise ValueError(
            "[response] the sources hold no spectrum, as they give no signal: write a short "
            "pulse, such as PULSE(0 1 0 1n 1n 2n), in place of DC"
        )
    if drive.min() < 1e-3 * drive.max():
        raise ValueError(
            "[response] the sources hold less than 1/1000 of their spectrum at "
            f"frequency {int(np.argmin(drive)) + 1} of {drive.size}: use a shorter pulse, or "
            "other frequencies"
        )
    return learning.Outcome(
        SpectrumReadout(readout, unit),
        ShapeError(jnp.asarray(wanted), jnp.asarray(drive / drive.max())),
    )
