"""The zero of a function between two ends at which its signs differ."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_ITERATIONS = 100

Level = Callable[[Float[Array, ""]], Float[Array, ""]]


def root_in_step(level: Level, before, after) -> Float[Array, ""]:
    """The fraction of a step at which `level` is zero; its derivative is the implicit one."""
    return jax.lax.custom_root(
        level,
        jnp.ones_like(before),
        lambda f, _: _bracketed(f, before, after),
        lambda slope, b: b / slope(jnp.ones_like(b)),
    )


def _bracketed(f: Level, before, after) -> Float[Array, ""]:
    """The zero of `f` between 0 and 1, given its values there, which differ in sign.

    Inverse quadratic interpolation where it is safe, bisection elsewhere: T. R.
    Chandrupatla, Adv. Eng. Software 28:145 (1997).
    """
    zero, one = jnp.zeros_like(before), jnp.ones_like(before)
    width = 2 * jnp.finfo(before.dtype).eps

    def unfinished(carry):
        (a, fa), (b, fb), _, _, count = carry
        exact = jnp.minimum(jnp.abs(fa), jnp.abs(fb)) == 0
        return (count < _ITERATIONS) & (jnp.abs(b - a) > width) & ~exact

    def improve(carry):
        (a, fa), (b, fb), _, t, count = carry
        x = a + t * (b - a)
        fx = f(x)
        same = jnp.sign(fx) == jnp.sign(fa)
        third = _choose(same, (a, fa), (b, fb))
        far = _choose(same, (b, fb), (a, fa))
        return (x, fx), far, third, _next((x, fx), far, third, width), count + 1

    # The first trial is the secant's: along one step the event is nearly straight.
    secant = before / (before - after)
    start = ((zero, before), (one, after), (one, after), secant, jnp.zeros((), int))
    (a, fa), (b, fb), *_ = jax.lax.while_loop(unfinished, improve, start)
    return jnp.where(jnp.abs(fa) <= jnp.abs(fb), a, b)


def _choose(condition, one, other):
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), one, other)


def _next(near, far, third, width):
    """Where to try next, as a fraction of the way from `near` to `far`."""
    (a, fa), (b, fb), (c, fc) = near, far, third
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    safe = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
    t = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    least = jnp.minimum(0.5, 0.5 * width / jnp.abs(b - a))
    return jnp.clip(jnp.where(safe, t, 0.5), least, 1.0 - least)
