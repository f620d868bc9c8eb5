"""Thermal noise: the exact Ornstein-Uhlenbeck part of a damped system."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ._damping import AbstractDamped
from ._relaxation import AbstractRelaxation
from ._types import PhaseState


@final
class Thermostat(eqx.Module):
    """Losses and their noise, for a time tau at a time, the positions' and momenta's apart.

    It leaves exp(-H / kT) as it is, exactly. Composed as half a thermostat, a step of a
    symplectic method, half a thermostat, a run samples that distribution with the bias of
    the method's energy error alone: of order dt^p for a method of order p. Single paths are
    of weak order 2. Source: Leimkuhler & Matthews, Molecular Dynamics (2015), 7.
    """

    system: Any
    parallel: AbstractRelaxation | None
    series: AbstractRelaxation | None
    temperature: Float[Array, ""]

    def __call__(
        self, y: PhaseState, u: Float[Array, "m *batch"], tau: Float[Array, ""], keys: PyTree
    ) -> PhaseState:
        """The state after `tau` of losses and noise; one key, or one a column of a batch."""
        q, p = y.q, y.p
        if self.parallel is not None:
            normal = _normal(_fold(keys, 0), p)
            p = p - self.parallel.loss(self.system.velocity(p), tau)
            p = p + self.parallel.noise(normal, tau, self.temperature)
        if self.series is not None:
            normal = _normal(_fold(keys, 1), q)
            q = q + self.series.loss(self.system.force(q, u), tau)
            q = q + self.series.noise(normal, tau, self.temperature)
        return PhaseState(q, p)


def make_thermostat(H: AbstractDamped) -> Thermostat:
    """The thermostat of a damped system with a temperature."""
    assert H.temperature is not None
    return Thermostat(H.conservative.prepare(), *H.relaxations(), H.temperature)


def step_keys(keys: PyTree, k: Int[Array, ""]) -> tuple[PyTree, PyTree]:
    """Keys of the two halves of step k."""
    return _fold(keys, 2 * k), _fold(keys, 2 * k + 1)


def _fold(keys, number):
    if keys.ndim == 0:
        return jax.random.fold_in(keys, number)
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)


def _normal(keys, like) -> Array:
    if keys.ndim == 0:
        return jax.random.normal(keys, like.shape, like.dtype)
    draw = jax.vmap(lambda key: jax.random.normal(key, like.shape[:1], like.dtype), out_axes=-1)
    return draw(keys)


def check_key(H: Any, key: Any, backward: bool) -> None:
    """`ValueError` unless a key is given exactly where there is noise."""
    if H.is_noisy and key is None:
        raise ValueError(
            "the system has a temperature: pass key=jax.random.key(seed) for its noise"
        )
    if key is not None and not H.is_noisy:
        raise ValueError("key is for thermal noise, and this system has no temperature")
    if H.is_noisy and backward:
        raise ValueError("a noisy run can't be run backward")
    if key is not None and not jnp.issubdtype(jnp.asarray(key).dtype, jax.dtypes.prng_key):
        raise ValueError("key must be a new-style key, made by jax.random.key(seed)")
