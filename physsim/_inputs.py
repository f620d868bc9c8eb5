"""Inputs of a run: none, an array held over each step, or a function of time.

The step loop scans over `rows` (one a step) and asks for the input at a fraction of the
step, so a function is sampled at the very times of the integrator's stages.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PyTree, Shaped

from ._hamiltonian import AbstractHamiltonian

Inputs = Shaped[Array, "*batch steps m"] | Callable[..., Any] | None
"""What users pass: an array [K, m], a callable t -> [m], or nothing."""


class AbstractDrive(eqx.Module):
    """The part of the inputs that is the same in every step."""

    @abstractmethod
    def at(
        self, row: PyTree, k: Shaped[Array, ""], fraction: Any, dt: Inexact[Array, ""]
    ) -> Inexact[Array, "m *batch"]:
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
        return self.function(clock(k, fraction, dt))


@final
class ClockedDrive(AbstractDrive):
    """Another drive with the time as one more input, the last."""

    drive: AbstractDrive

    @property
    def function(self):
        return getattr(self.drive, "function", None)

    def at(self, row, k, fraction, dt):
        u = self.drive.at(row, k, fraction, dt)
        t = jnp.broadcast_to(clock(k, fraction, dt), (1, *u.shape[1:]))
        return jnp.concatenate([u, t.astype(u.dtype)])


def clock(k: Shaped[Array, ""], fraction: Any, dt: Inexact[Array, ""]) -> Array:
    """(k + fraction) dt: counted from zero, since accumulating dt loses digits in float32."""
    return (k.astype(dt.dtype) + fraction) * dt


def make_drive(
    inputs: Inputs, H: AbstractHamiltonian, num_steps: int, dtype, batch: int | None = None
) -> tuple[AbstractDrive, Inexact[Array, "steps m *batch"] | None]:
    """(drive, rows) for what the user passed; a batch's own inputs come out trailing.

    Raises `ValueError` if the Hamiltonian's inputs are not fed, or in another shape.
    """
    names = H.input_names[:-1] if H.has_clock else H.input_names
    drive, rows = _plain_drive(inputs, names, num_steps, dtype, batch)
    return (ClockedDrive(drive) if H.has_clock else drive), rows


def _plain_drive(inputs, names, num_steps, dtype, batch):
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
    rows = jnp.asarray(inputs).astype(dtype)
    shared = (num_steps, len(names))
    if batch is not None and rows.shape == (batch, *shared):
        return HeldDrive(), jnp.moveaxis(rows, 0, -1)
    if rows.shape != shared:
        raise ValueError(
            f"inputs must have shape (num_steps, inputs) = {shared}"
            f"{f' or {(batch, *shared)}' if batch else ''}, got {rows.shape}"
        )
    return HeldDrive(), rows
