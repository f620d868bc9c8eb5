"""Which parameter a cost feels over which lag: g^T M dF/dtheta, walked back from the cost."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from ._maps import prepared


def window_ends(
    felt: Bool[np.ndarray, " states"], longest: int, windows: int
) -> Int[np.ndarray, " E"]:
    """At most `windows` states, evenly spread over those that the cost feels.

    All have `longest` steps before them, and one more; where the cost feels none of these, they
    are spread over all.
    """
    possible = np.arange(longest + 1, len(felt))
    chosen = possible[felt[possible]] if felt[possible].any() else possible
    return chosen[np.unique(np.linspace(0, len(chosen) - 1, windows).astype(int))]


@eqx.filter_jit
def sensitivity_by_lag(
    learned: PyTree, fixed: PyTree, states: Float[Array, "states n"], inputs: PyTree,
    lags: Int[Array, " L"], ends: Int[Array, " E"], g: Float[Array, "E n"],
) -> PyTree:  # fmt: skip
    """Root mean squares over `ends` of g^T M dF/dtheta, for each leaf of `learned` [L, ...].

    M is over the lag before an end, and dF/dtheta of the one step before that.
    """
    F = prepared(eqx.combine(learned, fixed))

    def at(steps: Any):
        return states[steps], jax.tree.map(lambda x: x[steps], inputs)

    def one_back(j, back):
        def pull(z, x, g):
            return jax.vjp(lambda z: F(z, x), z)[1](g)[0]

        return jax.vmap(pull)(*at(ends - 1 - j), back)

    def by_parameters(z, x, back):
        return jax.vjp(lambda p: eqx.combine(p, fixed)(z, x), learned)[1](back)[0]

    def to_lag(carry, lag):
        walked, back = carry
        back = jax.lax.fori_loop(walked, lag, one_back, back)
        slopes = jax.vmap(by_parameters)(*at(ends - 1 - lag), back)
        return (lag, back), jax.tree.map(lambda v: jnp.sqrt(jnp.mean(v**2, axis=0)), slopes)

    return jax.lax.scan(to_lag, (jnp.zeros((), lags.dtype), g), lags)[1]
