"""Natural motions of a circuit: frequencies, decay, shapes, and where their energy is."""

from typing import TYPE_CHECKING, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Float

from physsim import PhaseState, operating_point

from ._conserved import constants
from ._errors import NetlistError

if TYPE_CHECKING:
    import xarray

    from ._circuit import Circuit

_ROUNDING = 1e-9
_DOUBLE_ZERO, _PAIRED = 1e-7, 1e-2
_MAX_COORDINATES = 1000


@final
class CircuitModes(eqx.Module):
    """Small motions exp((-rate + 2 pi i frequency) t), ascending in frequency.

    Motions that neither oscillate nor decay are left out: `constants` names what they conserve.
    """

    frequencies: Float[np.ndarray, " modes"]
    """Of the damped motion in Hz, 0 for what only decays."""
    rates: Float[np.ndarray, " modes"]
    """In 1/s, positive where the motion decays."""
    voltages: Complex[np.ndarray, "modes nodes"]
    """Shapes: node voltages, the largest one being 1."""
    participation: Float[np.ndarray, "modes elements"]
    """The part of a mode's stored energy that is in each capacitor and inductor, on average."""
    nodes: tuple[str, ...] = eqx.field(static=True)
    elements: tuple[str, ...] = eqx.field(static=True)
    constants: tuple[str, ...] = eqx.field(static=True, default=())
    """Conserved charges of islands and fluxes of loops, as `charge of a b` and `flux of L1 -B2`."""

    @property
    def q_factors(self) -> Float[np.ndarray, " modes"]:
        """|s| / 2 rate of the pole s, which is omega_0 / 2 alpha; infinite without losses.

        0 for what does not oscillate.
        """
        size = np.hypot(2 * np.pi * self.frequencies, self.rates)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(self.rates == 0, np.inf, size / (2 * self.rates))
        return np.where(self.frequencies > 0, found, 0.0)

    @property
    def stable(self) -> bool:
        """Whether no motion grows."""
        return bool(np.all(self.rates >= 0))

    def to_xarray(self) -> "xarray.Dataset":
        """A labelled dataset [mode, node] and [mode, element]."""
        import xarray

        return xarray.Dataset(
            {
                "frequency": ("mode", self.frequencies, {"units": "Hz"}),
                "rate": ("mode", self.rates, {"units": "1/s"}),
                "q": ("mode", self.q_factors),
                "voltage": (("mode", "node"), self.voltages),
                "participation": (("mode", "element"), self.participation),
            },
            coords={"node": list(self.nodes), "element": list(self.elements)},
        )


def find_modes(circuit: "Circuit", y: PhaseState | None = None) -> CircuitModes:
    """Modes about the state `y`, by default that of rest at the sources' values at t = 0."""
    H, n = circuit.hamiltonian, len(circuit.hamiltonian.coordinates)
    if n > _MAX_COORDINATES:
        raise NetlistError(
            f"{circuit.netlist.file} has {n} coordinates; modes are found densely, up to "
            f"{_MAX_COORDINATES}"
        )
    u = jnp.zeros(0) if circuit.drive is None else circuit.drive(jnp.zeros(()))
    y = _rest(circuit, u) if y is None else y
    x = jnp.concatenate([y.q, y.p])
    values, vectors = np.linalg.eig(np.asarray(_jacobian(H, x, u)))
    size = _smallest(values)
    real, imag = np.real(values), np.imag(values)
    real = np.where(abs(real) < size, 0.0, real)
    imag = np.where(abs(imag) < size, 0.0, imag)
    order = np.flatnonzero(is_motion(values) & (imag >= 0))
    order = order[np.lexsort((-real[order], imag[order]))]
    real, imag, vectors = real[order], imag[order], vectors[:, order]
    nodes = tuple(circuit.tree.free_nodes)
    voltages = _voltages(circuit, x, u, vectors)
    elements, participation = _participation(circuit, x, u, vectors)
    time = circuit.scales.time
    return CircuitModes(
        imag / (2 * np.pi * time), 0.0 - real / time, voltages, participation,
        nodes, elements, constants(circuit.netlist),
    )  # fmt: skip


def is_motion(values: Complex[np.ndarray, " k"]) -> Bool[np.ndarray, " k"]:
    """Which eigenvalues are those of motions, not of what is conserved."""
    return (abs(values) > _smallest(values)) & ~_conserved(values)


def _smallest(values):
    return _ROUNDING * max(abs(values).max(initial=0.0), 1e-300)


def _conserved(values):
    """A charge that is conserved makes its flux drift: rounding splits this double zero.

    The pair comes out as +-sqrt(rounding) times the fastest rate, real or imaginary.
    """
    small = abs(values) < _DOUBLE_ZERO * abs(values).max(initial=0.0)
    gaps = np.min(abs(values[:, None] + values[None, small]), axis=1, initial=np.inf)
    return small & (gaps <= _PAIRED * abs(values))


def _rest(circuit, u) -> PhaseState:
    H = circuit.hamiltonian
    if H.kinetic_is_quadratic and H.potential_is_quadratic:
        zero = jnp.zeros(len(H.coordinates))
        return PhaseState(zero, zero)
    return operating_point(H.conservative, u=u)


@eqx.filter_jit
def _jacobian(H, x, u):
    n = x.size // 2
    return jax.jacfwd(lambda x: jnp.concatenate(H.vector_field(x[:n], x[n:], u)))(x)


def _halves(vectors):
    """Real and imaginary parts, as directions [2 modes, 2n]."""
    return jnp.asarray(np.concatenate([vectors.real.T, vectors.imag.T]))


def _voltages(circuit, x, u, vectors):
    branches, H, n = circuit.branches, circuit.hamiltonian, x.size // 2

    def read(x):
        return branches.node_voltages(H, PhaseState(x[:n], x[n:]), u)

    along = jax.jit(jax.vmap(lambda d: jax.jvp(read, (x,), (d,))[1]))(_halves(vectors))
    real, imaginary = np.split(np.asarray(along), 2)
    shapes = real + 1j * imaginary
    if not shapes.size:
        return shapes
    largest = np.take_along_axis(shapes, abs(shapes).argmax(axis=1)[:, None], axis=1)
    return shapes / np.where(largest == 0, 1.0, largest)


def _participation(circuit, x, u, vectors):
    """Second derivatives of every element's energy along the mode, normalised."""
    branches, H, n = circuit.branches, circuit.hamiltonian, x.size // 2
    names = []

    def stored(x):
        parts = branches.stored(H, PhaseState(x[:n], x[n:]), u)
        names[:] = [name for labels, _ in parts for name in labels]
        return jnp.concatenate([jnp.zeros(0, x.dtype), *(e for _, e in parts)])

    def bent(d):
        slope = lambda x: jax.jvp(stored, (x,), (d,))[1]  # noqa: E731
        return jax.jvp(slope, (x,), (d,))[1]

    energies = np.asarray(jax.jit(jax.vmap(bent))(_halves(vectors)))
    total = np.add(*np.split(energies, 2))
    return tuple(names), total / np.where(total.sum(1) == 0, 1.0, total.sum(1))[:, None]
