"""How well a model predicts, and how fast it forgets."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from physsim import DivergenceError


def prediction_error(
    model: Any,
    observation: Callable[..., Any],
    states: Inexact[Array, "T M"],
    measured: Inexact[Array, "T N"],
    steps: int,
) -> float:
    """PE(n): the mean square of (measured - predicted), n = `steps` steps after `states`.

    `states` are what the model starts from at each time, `measured` what was measured there.
    Of models without inputs; after 0 steps the states themselves are compared. Raises
    `ValueError` for shapes that don't fit.
    """
    if len(states) != len(measured) or not 0 <= steps < len(measured):
        raise ValueError(
            f"{len(states)} states and {len(measured)} measurements for predictions over "
            f"{steps} steps: as many of both, and more than the steps"
        )
    return float(_prediction_error(model, observation, states, measured, steps))


@eqx.filter_jit
def _prediction_error(model, observation, states, measured, steps: int):
    def ahead(z):
        return jax.lax.fori_loop(0, steps, lambda _, z: model(z, None), z)

    predicted = jax.vmap(lambda z: observation(ahead(z)))(states[: len(states) - steps])
    return jnp.mean((predicted - measured[steps:]) ** 2)


def map_lyapunov_exponent(
    model: Any,
    z0: Inexact[Array, " M"],
    *,
    num_steps: int,
    discard: int = 1000,
    dt: float = 1.0,
    inputs: Any = None,
    seed: int = 0,
) -> float:
    """The largest Lyapunov exponent of z_{t+1} = F(z_t, x_t), per unit of `dt` a step.

    The mean of log |J_t v_t| along `num_steps` steps, after `discard` steps in which state and
    direction settle. `inputs` has num_steps + discard rows.

    Raises `DivergenceError` where the run leaves the finite numbers.
    Source: Benettin, Galgani & Strelcyn, Phys. Rev. A 14:2338 (1976).
    """
    direction = np.random.default_rng(seed).normal(size=np.shape(z0))
    tangent = jnp.asarray(direction / np.linalg.norm(direction), jnp.asarray(z0).dtype)
    growth = np.asarray(_growth(model, z0, tangent, inputs, num_steps + discard))
    if not np.all(np.isfinite(growth)):
        step = int(np.argmin(np.isfinite(growth)))
        raise DivergenceError(f"the run or its tangent diverged at step {step}")
    return float(np.mean(growth[discard:])) / dt


@eqx.filter_jit
def _growth(model, z0, tangent, inputs, num_steps: int) -> Float[Array, " steps"]:
    def one(carry, x):
        z, v = carry
        z, v = jax.jvp(lambda z: model(z, x), (z,), (v,))
        size = jnp.linalg.norm(v)
        growth = jnp.where(jnp.all(jnp.isfinite(z)), jnp.log(size), jnp.nan)
        return (z, v / size), growth

    return jax.lax.scan(one, (z0, tangent), inputs, length=num_steps)[1]
