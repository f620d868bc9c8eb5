"""Linear recurrences with nonlinear read-outs, trained in parallel over time without iterations."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._parallel import (
    AbstractAffineScan,
    AssociativeScan,
    BlockedScan,
    Diagonal,
    Trajectory,
    finite_status,
)
from ._forced_model import AbstractReconstruction
from ._networks import ShallowTanhRNN


@final
class LinearStateSpace(AbstractReconstruction):
    """s_{t+1} = Lambda s_t + B x_t with complex, diagonal Lambda; x_{t+1} is read as g(s_{t+1}).

    Trained on measured x, which makes the recurrence linear (alpha plays no part); on its own
    it is fed what it reads, x_t = g(s_t), and so becomes nonlinear. g(s) = C s + W1 tanh(W2 s + h2)
    + h1 over the real and imaginary parts of s, the state of the map [2S].

    Source: Orvieto et al., ICML (2023), section 3 (linear recurrent unit).
    """

    decay: Float[Array, " S"]
    """|Lambda| = exp(-exp(decay))."""
    phase: Float[Array, " S"]
    B: Float[Array, "2 S N"]
    C: Float[Array, "N D"]
    W1: Float[Array, "N L"]
    W2: Float[Array, "L D"]
    h1: Float[Array, " N"]
    h2: Float[Array, " L"]
    scan: AbstractAffineScan = eqx.field(default_factory=AssociativeScan)

    @classmethod
    def draw(cls, channels: int, states: int, hidden: int, seed: int) -> "LinearStateSpace":
        """`states` complex modes with |Lambda| from 0.5 to 0.99, `hidden` units of the read-out."""
        rng = np.random.default_rng([seed, 63])
        modulus = np.sqrt(rng.uniform(0.5**2, 0.99**2, size=states))
        decay, phase = np.log(-np.log(modulus)), rng.uniform(0, np.pi / 5, size=states)
        gain = np.sqrt((1 - modulus**2) / (2 * channels))[:, None]
        B = gain * rng.normal(size=(2, states, channels))
        readout = ShallowTanhRNN.draw(2 * states, hidden, seed)
        C = rng.normal(size=(channels, 2 * states)) / (2 * states) ** 0.5
        scan = BlockedScan() if jax.default_backend() == "cpu" else AssociativeScan()
        return cls(*(jnp.asarray(x) for x in (decay, phase, B, C)), readout.W1[:channels],
                   readout.W2, jnp.zeros(channels), readout.h2, scan)  # fmt: skip

    @property
    def eigenvalues(self):
        """Lambda."""
        return jnp.exp(jax.lax.complex(-jnp.exp(self.decay), self.phase))

    def run(self, measured, alpha, solver):
        B = jax.lax.complex(self.B[0], self.B[1])
        driven = measured[:-1].astype(B.dtype) @ B.T
        start = jnp.zeros_like(driven[0])
        s = self.scan(Diagonal(self.eigenvalues), driven, start)
        zs = jnp.concatenate([s.real, s.imag], axis=-1)
        return Trajectory(zs, finite_status(zs))

    def observe(self, zs):
        inner = jnp.tanh(zs @ self.W2.T + self.h2[None])
        return zs @ self.C.T + inner @ self.W1.T + self.h1[None]

    @property
    def model(self):
        return _Closed(self)


@final
class _Closed(eqx.Module):
    """The model fed what it reads."""

    space: LinearStateSpace

    def __call__(self, z: Float[Array, " D"], x: Any) -> Float[Array, " D"]:
        half = z.shape[0] // 2
        s = jax.lax.complex(z[:half], z[half:])
        B = jax.lax.complex(self.space.B[0], self.space.B[1])
        s = self.space.eigenvalues * s + B @ self.space.observe(z[None])[0].astype(B.dtype)
        return jnp.concatenate([s.real, s.imag])
