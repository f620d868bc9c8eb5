"""A linear circuit's responses to small signals as functions of its values."""

from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physsim import PhaseState

from ._circuit import Circuit
from ._elements import CurrentSource, VoltageSource
from ._errors import NetlistError
from ._mna_linear import Frequencies, listed_frequencies
from ._mna_sources import amplitudes
from ._runs import Measure, Runs, unflatten
from ._sources import Aspect

# The power of s that an aspect of exp(s t) is multiplied with.
_POWERS = {Aspect.INTEGRAL: -1, Aspect.VALUE: 0, Aspect.SLOPE: 1}


@final
class Responses(eqx.Module):
    """Magnitudes |response| (V or A) to all AC sources, for one flat array [P] of values in SI."""

    circuit: Circuit = eqx.field(static=True)
    quantities: tuple[Any, ...] = eqx.field(static=True)
    frequencies: Float[np.ndarray, " f"]
    """In Hz."""
    drive: Complex[np.ndarray, " m"]
    """Dimensionless amplitudes of the inputs, each to be multiplied with its power of s."""
    powers: Float[np.ndarray, " m"]

    @classmethod
    def plan(
        cls, circuit: Circuit, quantities: Sequence[str], frequencies: Frequencies
    ) -> "Responses":
        """Raises `NetlistError` for a nonlinear circuit, and where no source has an amplitude."""
        H = circuit.hamiltonian
        bent = not (H.kinetic_is_quadratic and H.potential_is_quadratic)
        if bent or getattr(H, "leaks", ()):
            raise NetlistError(
                f"{circuit.netlist.file} has nonlinear elements: figures of responses are of "
                "linear circuits; Circuit.ac linearises about one operating point"
            )
        kinds = (VoltageSource, CurrentSource)
        sources = {e.name: e for e in circuit.netlist.elements if isinstance(e, kinds)}
        signals = circuit.signals
        drive = amplitudes([sources[s.source] for s in signals])
        if not drive.any():
            raise NetlistError(
                f"{circuit.netlist.file}: no source has an AC amplitude, so there is no response: "
                "write one as V1 in 0 AC 1"
            )
        readouts = tuple(circuit.readout(q) for q in quantities)
        powers = np.array([_POWERS[s.aspect] for s in signals], float)
        units = np.array([s.unit for s in signals])
        f = listed_frequencies(circuit.netlist, frequencies)
        return cls(circuit, readouts, f, drive / units, powers)

    def figure(self, measure: Measure, values: Float[Array, " P"]) -> Float[Array, ""]:
        """measure(f, size, ...): grid frequencies, and f -> |response| for each quantity."""
        H = unflatten(self.circuit, values)
        n, m = len(H.coordinates), len(self.drive)
        at_rest, still = jnp.zeros(2 * n, values.dtype), jnp.zeros(m, values.dtype)

        def field(x, u):
            return jnp.concatenate(H.vector_field(x[:n], x[n:], u))

        A, B = jax.jacfwd(field, argnums=(0, 1))(at_rest, still)

        def size_of(readout):
            def read(x, u):
                return readout(H, PhaseState(x[:n], x[n:]), u)

            C, D = jax.jacfwd(read, argnums=(0, 1))(at_rest, still)

            def size(f):
                s = jax.lax.complex(jnp.zeros_like(f), 2 * np.pi * f)
                a, b, c, d, one, drive, powers = (
                    jnp.asarray(x, s.dtype)
                    for x in (A, B, C, D, np.eye(2 * n), self.drive, self.powers)
                )
                u = drive * s**powers
                x = jnp.linalg.solve(s * self.circuit.scales.time * one - a, b @ u)
                return jnp.abs(c @ x + d @ u)

            return size

        return measure(jnp.asarray(self.frequencies), *map(size_of, self.quantities))


def plan(
    circuit: Circuit, names: Sequence[str], t_end: Any, dt: Any, solver: Any, f: Frequencies
) -> Runs | Responses:
    """What a figure is read off: runs, or with frequencies responses.

    Raises `ValueError` for the options of a run beside frequencies.
    """
    if f is None:
        return Runs.plan(circuit, names, t_end, dt, solver)
    if any(option is not None for option in (t_end, dt, solver)):
        raise ValueError("a response to small signals has no t_end, dt and solver")
    return Responses.plan(circuit, names, f)
