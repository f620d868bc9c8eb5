"""Inputs of a run: none, an array held over each step, or a function of time.

The step loop scans over `rows` (one a step) and asks for the input at a fraction of the
step, so a function is sampled at the very times of the integrator's stages.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, Shaped

from ._hamiltonian import AbstractHamiltonian

Inputs = Shaped[Array, "steps m"] | Callable[..., Any] | None
"""What users pass: an array [K, m], a callable t -> [m], or nothing."""


class AbstractDrive(eqx.Module):
    """The part of the inputs that is the same in every step."""

    @abstractmethod
    def at(
        self, row: PyTree, k: Int[Array, ""], fraction: float, dt: Float[Array, ""]
    ) -> Float[Array, " m"]:
        """The inputs at time (k + fraction) dt, `row` being the k-th row."""


@final
class NoDrive(AbstractDrive):
    """No inputs."""

    def at(self, row, k, fraction, dt):
        return jnp.zeros(0, dt.dtype)


@final
class HeldDrive(AbstractDrive):
    """A row of an array, held over its step."""

    def at(self, row, k, fraction, dt):
        return row


@final
class SampledDrive(AbstractDrive):
    """A function of time; a pytree function's own array leaves can be differentiated."""

    function: Callable[..., Any]

    def at(self, row, k, fraction, dt):
        # The clock counts steps from zero: accumulating dt loses digits in float32.
        return self.function((k.astype(dt.dtype) + fraction) * dt)


def make_drive(
    inputs: Inputs, H: AbstractHamiltonian, num_steps: int, dtype
) -> tuple[AbstractDrive, Float[Array, "steps m"] | None]:
    """(drive, rows) for what the user passed.

    Raises `ValueError` if the Hamiltonian's inputs are not fed, or in another shape.
    """
    names = H.input_names
    if inputs is None:
        if names:
            raise ValueError(
                f"the Hamiltonian has inputs {', '.join(names)}: pass inputs, an array of shape "
                f"({num_steps}, {len(names)}) or a callable t -> ({len(names)},)"
            )
        return NoDrive(), None
    if callable(inputs):
        shape = eqx.filter_eval_shape(inputs, jnp.zeros((), dtype)).shape
        if shape != (len(names),):
            raise ValueError(f"inputs(t) must have shape ({len(names)},), got {shape}")
        return SampledDrive(inputs), None
    rows = jnp.asarray(inputs)
    if rows.shape != (num_steps, len(names)):
        raise ValueError(
            f"inputs must have shape (num_steps, inputs) = ({num_steps}, {len(names)}), "
            f"got {rows.shape}"
        )
    return HeldDrive(), rows.astype(dtype)
