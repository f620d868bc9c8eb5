"""What real hardware does less well than its model: a description, and what it does to each part.

The description is in SI. Parts of a simulation (Hamiltonians, states) are dimensionless:
`Imperfections.in_units(circuit.scales)` is the description for them. All that is random depends on
a seed or a key alone; a key used twice stands for an error that stays the same.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.constants import k as BOLTZMANN

from physsim import AbstractHamiltonian, PhaseState

from ._errors import NetlistError
from ._finite_q import with_finite_q
from ._netlist import Netlist
from ._quantities import Scales
from ._values import TEMPERATURE, values_of, with_values

Number = float | Float[Array, ""]


@final
@dataclass(frozen=True, slots=True)
class Imperfections:
    """The defaults are perfect. Raises `NetlistError` for values that make no sense."""

    q_inductors: float = math.inf
    """Quality factor of inductors: see `with_finite_q`."""
    q_capacitors: float = math.inf
    mismatch: float = 0.0
    """Relative standard deviation of component values from device to device."""
    drift: float = 0.0
    """The same from one pass (forward, echo) of one device to the next."""
    flip_gain: float = 0.0
    """Relative standard deviation of each momentum that a flip puts back."""
    flip_jitter: float = 0.0
    """Standard deviation of the time (s) at which a flip catches each coordinate."""
    readout_noise: float = 0.0
    """Standard deviation of a sample, as a part of the converter's full scale."""
    adc_bits: int | None = None
    """Bits of the converter that reads, None for no quantisation."""
    dac_bits: int | None = None
    """Bits of the converter that drives."""
    temperature: float = 0.0
    """In K, of the resistors; 0 for no noise."""

    def __post_init__(self) -> None:
        for name in ("q_inductors", "q_capacitors"):
            if not getattr(self, name) > 0:
                raise NetlistError(f"{name} has to be positive, got {getattr(self, name)}")
        for name in _SPREADS:
            if not 0 <= getattr(self, name) < math.inf:
                raise NetlistError(
                    f"{name} has to be finite and not negative, got {getattr(self, name)}"
                )
        for name in ("adc_bits", "dac_bits"):
            bits = getattr(self, name)
            if bits is not None and (isinstance(bits, bool) or bits != int(bits) or bits < 1):
                raise NetlistError(f"{name} has to be a whole number of at least 1, got {bits}")

    def in_units(self, scales: Scales) -> "Imperfections":
        """With the jitter in units of time and the temperature k_B T in units of energy."""
        return dataclasses.replace(
            self,
            flip_jitter=self.flip_jitter / scales.time,
            temperature=BOLTZMANN * self.temperature / scales.energy,
        )

    def built(self, netlist: Netlist, *, frequency: float | None = None, seed: int = 0) -> Netlist:
        """One device: mismatched values, resistors for finite Q at `frequency` (Hz), temperature.

        Raises `NetlistError` where Q is finite and no frequency is given.
        """
        netlist = mismatched(netlist, self.mismatch, seed=seed)
        if min(self.q_inductors, self.q_capacitors) < math.inf:
            if frequency is None:
                raise NetlistError("quality factors need the frequency (Hz) at which they hold")
            netlist = with_finite_q(
                netlist,
                frequency=frequency,
                inductors=self.q_inductors,
                capacitors=self.q_capacitors,
            )
        if self.temperature:
            netlist = dataclasses.replace(netlist, temperature=self.temperature)
        return netlist

    def drifted(self, H: AbstractHamiltonian, key: PRNGKeyArray) -> Any:
        """The Hamiltonian in another pass: see `perturbed`."""
        return perturbed(H, self.drift, key) if self.drift else H

    def flipped(
        self, H: AbstractHamiltonian, y: PhaseState, key: PRNGKeyArray, u: Any = None
    ) -> PhaseState:
        """The state after a flip of the momenta: see `flipped`."""
        return flipped(H, y, key, gain=self.flip_gain, jitter=self.flip_jitter, u=u)

    def measured(
        self, x: Float[Array, " *shape"], key: PRNGKeyArray, full_scale: Number
    ) -> Float[Array, " *shape"]:
        """What is read of x by a converter for -`full_scale` to `full_scale`: noise, then steps."""
        noise = self.readout_noise * full_scale * jax.random.normal(key, x.shape, x.dtype)
        return quantised(x + noise, self.adc_bits, full_scale)

    def driven(self, u: Float[Array, " *shape"], full_scale: Number) -> Float[Array, " *shape"]:
        """What a converter for -`full_scale` to `full_scale` makes of the inputs u."""
        return quantised(u, self.dac_bits, full_scale)


_SPREADS = ("mismatch", "drift", "flip_gain", "flip_jitter", "readout_noise", "temperature")


def quantised(
    x: Float[Array, " *shape"], bits: int | None, full_scale: Number
) -> Float[Array, " *shape"]:
    """The nearest of 2^bits levels, 0 among them, from -full_scale up to one step below it.

    A step is full_scale / 2^(bits - 1); what is small beside the signal has an error
    of variance step^2 / 12. Its derivative is zero almost everywhere.
    Source: Widrow & Kollar, Quantization Noise (2008), chapter 4.
    """
    if bits is None:
        return x
    most = 2.0 ** (bits - 1)
    step = full_scale / most
    return jnp.clip(jnp.round(x / step), -most, most - 1) * step


def mismatched(netlist: Netlist, relative: float, *, seed: int) -> Netlist:
    """Every component value times exp(relative N(0, 1)), each for itself: one device of many.

    Of capacitors, inductors, resistors, junctions, couplings and two-ports, and the parameters of
    nonlinear elements; not initial values, sources and the temperature. See `monte_carlo` for
    tolerances of chosen elements. Raises `NetlistError` where a coupling comes out above 1.
    """
    if not relative:
        return netlist
    values = {name: x for name, x in values_of(netlist).items() if _is_component(name)}
    factors = np.exp(relative * np.random.default_rng(seed).normal(size=len(values)))
    spread = {n: x * float(f) for (n, x), f in zip(values.items(), factors, strict=True)}
    return with_values(netlist, spread)


def perturbed(H: AbstractHamiltonian, relative: Number, key: PRNGKeyArray) -> Any:
    """Every parameter of H times exp(relative N(0, 1)); not the initial values and temperature."""
    arrays, rest = eqx.partition(H, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    chosen = np.array([_is_component(name) for name in H.parameter_names()], bool)
    normal = jnp.where(chosen, jax.random.normal(key, chosen.shape, leaves[0].dtype), 0.0)
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
    factors = jnp.split(jnp.exp(relative * normal), cuts)
    changed = [x * f.reshape(x.shape).astype(x.dtype) for x, f in zip(leaves, factors, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, changed), rest)


def _is_component(name: str) -> bool:
    return name != TEMPERATURE and name.rpartition(".")[2] not in ("ic", "phase")


def flipped(
    H: AbstractHamiltonian,
    y: PhaseState,
    key: PRNGKeyArray,
    *,
    gain: Number = 0.0,
    jitter: Number = 0.0,
    u: Float[Array, " m"] | None = None,
) -> PhaseState:
    """(q, -p) of a state [n] as hardware would put it back.

    Coordinate i is caught at a time that is off by tau_i ~ N(0, jitter), where it has moved by
    tau x' + tau^2 x'' / 2 (to (omega tau)^3), and its momentum returns as -(1 + g_i) p_i with
    g_i ~ N(0, gain). `u` are the inputs held meanwhile, by default zero. For a batch, `jax.vmap`
    over states and keys.
    """
    n, dtype = y.q.shape[0], y.q.dtype
    inputs = jnp.zeros(len(H.input_names), dtype) if u is None else u
    g, tau = jax.random.normal(key, (2, n), dtype)
    tau = jitter * tau

    def field(q, p):
        return H.vector_field(q, p, inputs)

    slope = field(y.q, y.p)
    _, bend = jax.jvp(field, (y.q, y.p), slope)
    q, p = (x + tau * a + tau**2 * b / 2 for x, a, b in zip((y.q, y.p), slope, bend, strict=True))
    return PhaseState(q, -(1 + gain * g) * p)
