"""Recurrent networks with a time scale: leaky integrator, scalar gate, one gate a neuron.

    x_t = g phi + (1 - g) x_{t-1},     phi = tanh(W_r x_{t-1} + W_i u_t + b)

The gate g says how much of the new goes in: 1 - g = exp(-h / tau) of an RC low-pass with the
time constant tau, read every h. Its Jacobian by x_{t-1} is A + B,

    A = diag(1 - g) + diag(g (1 - phi^2)) W_r,      B = diag(phi - x_{t-1}) dg/dx,

B being what the gate's own dependence on the state adds; it is zero for the leaky integrator.

Source: Livi, arXiv:2508.12121.
"""

import math
from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physsim import is_traced

_SATURATED = 1e-3


class AbstractGatedRNN(eqx.Module):
    """The map x_{t-1}, u_t -> x_t that all share; array leaves are the weights."""

    recurrent: eqx.AbstractVar[Float[Array, "n n"]]
    """W_r."""
    inward: eqx.AbstractVar[Float[Array, "n m"]]
    """W_i."""
    bias: eqx.AbstractVar[Float[Array, " n"]]

    @abstractmethod
    def gate(self, x: Float[Array, " n"], u: Float[Array, " m"]) -> Float[Array, " n"]:
        """g, one number a neuron, in (0, 1)."""

    @abstractmethod
    def gate_jacobian(self, x: Float[Array, " n"], u: Float[Array, " m"]) -> Float[Array, "n n"]:
        """dg/dx."""

    def candidate(self, x: Float[Array, " n"], u: Float[Array, " m"]) -> Float[Array, " n"]:
        """phi."""
        return jnp.tanh(self.recurrent @ x + self.inward @ u + self.bias)

    def __call__(self, x: Float[Array, " n"], u: Float[Array, " m"]) -> Float[Array, " n"]:
        """x_t from x_{t-1} and u_t."""
        return x + self.gate(x, u) * (self.candidate(x, u) - x)

    def jacobian_parts(
        self, x: Float[Array, " n"], u: Float[Array, " m"]
    ) -> tuple[Float[Array, "n n"], Float[Array, "n n"]]:
        """(A, B): what is left with the gate held, and what its derivative adds."""
        phi, g = self.candidate(x, u), self.gate(x, u)
        held = jnp.diag(1 - g) + (g * (1 - phi**2))[:, None] * self.recurrent
        return held, (phi - x)[:, None] * self.gate_jacobian(x, u)

    def jacobian(self, x: Float[Array, " n"], u: Float[Array, " m"]) -> Float[Array, "n n"]:
        """dx_t / dx_{t-1} = A + B."""
        held, moved = self.jacobian_parts(x, u)
        return held + moved


@final
class LeakyRNN(AbstractGatedRNN):
    """A leaky integrator: the gate is the number `leak` in (0, 1]."""

    recurrent: Float[Array, "n n"]
    inward: Float[Array, "n m"]
    bias: Float[Array, " n"]
    leak: Float[Array, ""]

    def __check_init__(self):
        if not is_traced(self.leak) and not 0 < float(self.leak) <= 1:
            raise ValueError(
                f"leak must be above 0 and at most 1, got {float(self.leak):.6g}: of a time "
                "constant tau it is 1 - exp(-h / tau)"
            )

    def gate(self, x, u):
        return jnp.broadcast_to(self.leak, x.shape)

    def gate_jacobian(self, x, u):
        return jnp.zeros_like(self.recurrent)


@final
class ScalarGateRNN(AbstractGatedRNN):
    """One gate for all neurons, g = sigmoid(w . x + v . u + c)."""

    recurrent: Float[Array, "n n"]
    inward: Float[Array, "n m"]
    bias: Float[Array, " n"]
    gate_recurrent: Float[Array, " n"]
    gate_inward: Float[Array, " m"]
    gate_bias: Float[Array, ""]

    def _gate(self, x, u):
        return jax.nn.sigmoid(self.gate_recurrent @ x + self.gate_inward @ u + self.gate_bias)

    def gate(self, x, u):
        return jnp.broadcast_to(self._gate(x, u), x.shape)

    def gate_jacobian(self, x, u):
        g = self._gate(x, u)
        return jnp.broadcast_to(g * (1 - g) * self.gate_recurrent, self.recurrent.shape)


@final
class MultiGateRNN(AbstractGatedRNN):
    """A gate for each neuron, g = sigmoid(W_g x + V_g u + c)."""

    recurrent: Float[Array, "n n"]
    inward: Float[Array, "n m"]
    bias: Float[Array, " n"]
    gate_recurrent: Float[Array, "n n"]
    gate_inward: Float[Array, "n m"]
    gate_bias: Float[Array, " n"]

    def gate(self, x, u):
        return jax.nn.sigmoid(self.gate_recurrent @ x + self.gate_inward @ u + self.gate_bias)

    def gate_jacobian(self, x, u):
        g = self.gate(x, u)
        return (g * (1 - g))[:, None] * self.gate_recurrent


def plain_rnn(key: Any, units: int, inputs: int, gain: float = 1.0, dtype=float) -> LeakyRNN:
    """A network without memory of its own, x_t = phi: a leaky one with leak 1."""
    return leaky_rnn(key, units, inputs, 1.0, gain, dtype)


def leaky_rnn(
    key: Any, units: int, inputs: int, leak: float, gain: float = 1.0, dtype=float
) -> LeakyRNN:
    """A leaky network with random weights: W_r of spectral radius about `gain`."""
    return LeakyRNN(*_weights(key, units, inputs, gain, dtype), jnp.asarray(leak, dtype))


def scalar_gate_rnn(
    key: Any, units: int, inputs: int, openness: float, gain: float = 1.0, dtype=float
) -> ScalarGateRNN:
    """Random weights; the gate is about `openness` where its inputs vanish."""
    first, second = jax.random.split(key)
    recurrent, inward, _ = _weights(second, units, inputs, gain, dtype)
    shared = _weights(first, units, inputs, gain, dtype)
    logit = jnp.asarray(_logit(openness), dtype)
    return ScalarGateRNN(*shared, recurrent[0], inward[0], logit)


def multi_gate_rnn(
    key: Any, units: int, inputs: int, openness: float, gain: float = 1.0, dtype=float
) -> MultiGateRNN:
    """Random weights; every gate is about `openness` where its inputs vanish."""
    first, second = jax.random.split(key)
    recurrent, inward, _ = _weights(second, units, inputs, gain, dtype)
    shared = _weights(first, units, inputs, gain, dtype)
    return MultiGateRNN(*shared, recurrent, inward, jnp.full(units, _logit(openness), dtype))


def _weights(key, units, inputs, gain, dtype):
    first, second = jax.random.split(key)
    recurrent = jax.random.normal(first, (units, units), dtype) * (gain / math.sqrt(units))
    inward = jax.random.normal(second, (units, inputs), dtype) / math.sqrt(inputs)
    return recurrent, inward, jnp.zeros(units, dtype)


def _logit(openness: float) -> float:
    if not 0 < openness < 1:
        raise ValueError(f"openness must lie between 0 and 1, got {openness}")
    return math.log(openness / (1 - openness))


def saturation(gates: Float[Array, "..."]) -> tuple[float, float]:
    """The parts of the gates that are shut (below 0.001) and open (above 0.999).

    Where a gate is saturated its derivative, and with it the learning of its weights, vanishes.
    """
    g = np.asarray(gates)
    return float(np.mean(g < _SATURATED)), float(np.mean(g > 1 - _SATURATED))
