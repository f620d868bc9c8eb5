"""A scan over stretches of time instead of steps."""

import jax
import jax.numpy as jnp


def in_windows(body, carry, xs, length: int):
    """`jax.lax.scan` with windows of `length` rows (the last may be shorter) for rows.

    `body(carry, window) -> (carry, outputs)`; the outputs of all windows come out joined along
    their first axes.
    """
    steps = jax.tree.leaves(xs)[0].shape[0]
    count = steps // length
    if count <= 1 and steps % length in (0, steps):
        return body(carry, xs)
    outputs = []
    if count:
        head = jax.tree.map(lambda x: x[: count * length].reshape(count, length, *x.shape[1:]), xs)
        carry, found = jax.lax.scan(body, carry, head)
        outputs.append(jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found))
    if steps % length:
        carry, found = body(carry, jax.tree.map(lambda x: x[count * length :], xs))
        outputs.append(found)
    return carry, jax.tree.map(lambda *parts: jnp.concatenate(parts), *outputs)
