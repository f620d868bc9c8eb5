"""Systems whose series serve as data, in the units of their sources."""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

# Numbers are parameters: of a field differentiated or perturbed like any other model's.
_Number = Float[Array, ""] | float


class AbstractSystem(eqx.Module):
    """dz/dt = field(z, x); x, an input, is None."""

    @abstractmethod
    def __call__(self, z: Float[Array, " D"], x: Any) -> Float[Array, " D"]:
        """The time derivative."""

    @property
    @abstractmethod
    def start(self) -> tuple[float, ...]:
        """A state in the basin of the attractor."""

    @property
    @abstractmethod
    def sampling(self) -> float:
        """A time between samples that resolves it."""

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Names of what `measure` gives."""

    def measure(self, z: Float[Array, " D"]) -> Float[Array, " N"]:
        """What is measured: bounded quantities."""
        return z


@final
class Lorenz63(AbstractSystem):
    """Convection in three modes. Source: Lorenz, J. Atmos. Sci. 20:130 (1963)."""

    sigma: _Number = 10.0
    rho: _Number = 28.0
    beta: _Number = 8 / 3

    def __call__(self, z, x):
        a, b, c = z
        return jnp.stack([self.sigma * (b - a), a * (self.rho - c) - b, a * b - self.beta * c])

    @property
    def start(self):
        return (1.0, 2.0, 20.0)

    @property
    def sampling(self):
        return 0.01

    @property
    def labels(self):
        return ("x", "y", "z")


@final
class Lorenz96(AbstractSystem):
    """A ring of `size` places, forced. Source: Lorenz, ECMWF Seminar on Predictability (1996)."""

    size: int = eqx.field(static=True, default=10)
    forcing: _Number = 8.0

    def __check_init__(self):
        if self.size < 4:
            raise ValueError(f"a Lorenz-96 ring has at least 4 places, got {self.size}")

    def __call__(self, z, x):
        ahead, behind, far = jnp.roll(z, -1), jnp.roll(z, 1), jnp.roll(z, 2)
        return (ahead - far) * behind - z + self.forcing

    @property
    def start(self):
        return (8.01, *[8.0] * (self.size - 1))

    @property
    def sampling(self):
        return 0.02

    @property
    def labels(self):
        return tuple(f"x{i}" for i in range(self.size))


@final
class Chua(AbstractSystem):
    """Chua's circuit, dimensionless: x, y are the capacitors' voltages, z the coil's current.

    Source: Matsumoto, Chua & Komuro, IEEE Trans. Circuits Syst. 32:797 (1985), eq. 1.
    """

    alpha: _Number = 9.0
    beta: _Number = 100 / 7
    inner: _Number = -8 / 7
    outer: _Number = -5 / 7

    def __call__(self, z, x):
        a, b, c = z
        bend = 0.5 * (self.inner - self.outer) * (jnp.abs(a + 1) - jnp.abs(a - 1))
        leak = self.outer * a + bend
        return jnp.stack([self.alpha * (b - a - leak), a - b + c, -self.beta * b])

    @property
    def start(self):
        return (0.1, 0.0, 0.0)

    @property
    def sampling(self):
        return 0.04

    @property
    def labels(self):
        return ("x", "y", "z")


@final
class BurstingNeuron(AbstractSystem):
    """Bursts of spikes, slowly ended by adaptation: two time scales a factor 1/rate apart.

    Source: Hindmarsh & Rose, Proc. R. Soc. B 221:87 (1984).
    """

    current: _Number = 3.0
    rate: _Number = 0.005

    def __call__(self, z, x):
        v, fast, slow = z
        return jnp.stack(
            [
                fast - v**3 + 3 * v**2 - slow + self.current,
                1 - 5 * v**2 - fast,
                self.rate * (4 * (v + 1.6) - slow),
            ]
        )

    @property
    def start(self):
        return (-1.3, -7.5, 2.9)

    @property
    def sampling(self):
        return 0.2

    @property
    def labels(self):
        return ("membrane", "recovery", "adaptation")


@final
class DrivenJunction(AbstractSystem):
    """A resistively shunted Josephson junction under bias and drive; measured are sin and cos
    of its phase, its voltage, and sin and cos of the drive's phase.

    phi'' + damping phi' + sin(phi) = bias + drive sin(frequency t), in units of the plasma
    frequency. Source: Huberman, Crutchfield & Packard, Appl. Phys. Lett. 37:750 (1980); chaotic
    values: Baker & Gollub, Chaotic Dynamics, 2nd ed. (1996), chapter 3.
    """

    damping: _Number = 0.5
    bias: _Number = 0.0
    drive: _Number = 1.5
    frequency: _Number = 2 / 3

    def __call__(self, z, x):
        phase, rate, clock = z
        pull = self.bias + self.drive * jnp.sin(clock)
        turning = jnp.asarray(self.frequency, z.dtype)
        return jnp.stack([rate, pull - self.damping * rate - jnp.sin(phase), turning])

    @property
    def start(self):
        return (0.1, 0.0, 0.0)

    @property
    def sampling(self):
        return 0.1

    @property
    def labels(self):
        return ("sin phase", "cos phase", "voltage", "sin drive", "cos drive")

    def measure(self, z):
        phase, rate, clock = z
        parts = [jnp.sin(phase), jnp.cos(phase), rate, jnp.sin(clock), jnp.cos(clock)]
        return jnp.stack(parts)


SYSTEMS: dict[str, type[AbstractSystem]] = {
    "lorenz63": Lorenz63,
    "lorenz96": Lorenz96,
    "chua": Chua,
    "bursting_neuron": BurstingNeuron,
    "driven_junction": DrivenJunction,
}
