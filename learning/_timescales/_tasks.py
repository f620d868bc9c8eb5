"""Sequences whose last state tells a number that depends on inputs long ago.

A task draws (inputs [T, m], target): what counts is in the first channels, the others are noise.
Targets have mean about 0 and variance about 1.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Draw = Callable[[Any, int, int, Any], tuple[Any, Any]]


def _noise(key, steps, channels, dtype):
    return jax.random.normal(key, (steps, channels), dtype)


def adding(key, steps, channels, dtype):
    """The sum of the two marked values, uniform in (0, 1), one in each half.

    Source: Hochreiter & Schmidhuber, Neural Computation 9:1735 (1997), section 5.4.
    """
    a, b, c, d = jax.random.split(key, 4)
    xs = _noise(a, steps, channels, dtype)
    values = jax.random.uniform(b, (steps,), dtype)
    half = steps // 2
    first = jax.random.randint(c, (), 0, half)
    second = jax.random.randint(d, (), half, steps)
    marks = jnp.zeros(steps, dtype).at[first].set(1).at[second].set(1)
    xs = xs.at[:, 0].set(values).at[:, 1].set(marks)
    return xs, (jnp.sum(values * marks) - 1) * math.sqrt(6)


def autoregressive(key, steps, channels, dtype):
    """The last value of x_t = 1.5 x_{t-1} - 0.7 x_{t-2} + u_t."""
    xs = _noise(key, steps, channels, dtype)

    def step(carry, u):
        x = 1.5 * carry[0] - 0.7 * carry[1] + u
        return (x, carry[0]), None

    zero = jnp.zeros((), dtype)
    (x, _), _ = jax.lax.scan(step, (zero, zero), xs[:, 0])
    # Its variance is (1 + 0.7) / ((1 - 0.7) ((1 + 0.7)^2 - 1.5^2)).
    return xs, x / math.sqrt(1.7 / (0.3 * (1.7**2 - 1.5**2)))


def moving_average(key, steps, channels, dtype):
    """The mean of the last quarter of the inputs."""
    xs, count = _noise(key, steps, channels, dtype), steps // 4
    return xs, jnp.sum(xs[-count:, 0]) / math.sqrt(count)


def delay_sum(key, steps, channels, dtype):
    """The sum of what came in an eighth and a quarter of the run ago."""
    xs = _noise(key, steps, channels, dtype)
    return xs, (xs[-1 - steps // 8, 0] + xs[-1 - steps // 4, 0]) / math.sqrt(2)


def narma(key, steps, channels, dtype):
    """The last value of NARMA-10, held at 1 where it would run away (once in 10^4 sequences).

    Source: Atiya & Parlos, IEEE Trans. Neural Networks 11:697 (2000), equation 86.
    """
    a, b = jax.random.split(key)
    u = jax.random.uniform(a, (steps,), dtype, 0, 0.5)
    xs = _noise(b, steps, channels, dtype).at[:, 0].set(u)

    def step(carry, u):
        ys, us = carry
        us = jnp.concatenate([u[None], us[:-1]])
        y = 0.3 * ys[0] + 0.05 * ys[0] * jnp.sum(ys) + 1.5 * us[9] * us[0] + 0.1
        return (jnp.concatenate([jnp.minimum(y, 1.0)[None], ys[:-1]]), us), None

    zero = jnp.zeros(10, dtype)
    (ys, _), _ = jax.lax.scan(step, (zero, zero), u)
    # As measured over 20 000 sequences of 120 steps.
    return xs, (ys[0] - NARMA_MEAN) / NARMA_SPREAD


NARMA_MEAN, NARMA_SPREAD = 0.39, 0.11
MEMORY_TASKS: dict[str, Draw] = {
    "adding": adding,
    "AR(2)": autoregressive,
    "moving average": moving_average,
    "delay-sum": delay_sum,
    "NARMA-10": narma,
}
"""Name -> a function of (key, steps T, channels m, dtype) that draws (inputs [T, m], target)."""
