"""The Hamiltonian of a circuit with resistors, sources of voltage, gyrators, ...

With tree branches C, R, V and links c, r (see `NormalTree`), K_XY the part of the incidence
that takes voltages of tree branches Y to links X, and

    Y = (R_r + K_RR R_t K_RR^T)^-1

the currents of the link resistors are Y (K_RC v_C + K_RV V + K_RR R_t f_R), f_R being the
current that inductors and sources drive through the tree's resistors. Hence, in the
coordinates of `Route`,

    q_C' = v_C,   q_R' = R f_R,   p' = f - G v_C,
    G = K_RC^T Y K_RC,   R = R_t - R_t K_RR^T Y K_RR R_t,   N = R_t K_RR^T Y K_RC.
"""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
from jaxtyping import Array, Float

from physsim import (
    AbstractDamped,
    AbstractEnergy,
    ElementGroup,
    InverseQuadratic,
    NetworkHamiltonian,
    SignedIncidence,
    with_parts,
)
from physsim.trailing import as_column, times

from ._frame import Frame
from ._reactive import ReactiveNetwork
from ._route import Route


@final
class CircuitHamiltonian(AbstractDamped):
    """Energies of the elements, resistances and all; the array leaves are component values."""

    kinetic_parts: tuple[AbstractEnergy, ...]
    potential_parts: tuple[AbstractEnergy, ...]
    tree_resistance: Float[Array, " tree_resistors"]
    link_resistance: Float[Array, " link_resistors"]
    gyration: Float[Array, " gyrators"]
    leaks: tuple[ElementGroup, ...]
    """Nonlinear resistors: groups whose kind's energy stands for the current i(v)."""
    temperature: Float[Array, ""] | None
    frame: Frame = eqx.field(static=True)

    @property
    def coordinates(self):
        return self.frame.coordinates

    @property
    def input_names(self):
        return self.frame.input_names

    @property
    def is_lossless(self):
        frame = self.frame
        return not (frame.tree_resistors or frame.link_resistors or self.leaks)

    @property
    def is_even(self):
        return all(part.is_even for part in self.kinetic_parts) and not self.frame.gyrators

    @property
    def is_reciprocal(self):
        return not self.frame.gyrators

    @property
    def is_nystrom(self):
        return self.kinetic_is_quadratic and not self.frame.tree_resistors

    @property
    def kinetic_is_diagonal(self):
        return all(part.is_diagonal for part in self.kinetic_parts)

    @property
    def has_exact_flows(self):
        return self.frame.has_exact_flows

    @property
    def series_is_local(self):
        return self.frame.series_is_local

    @property
    def conservative(self) -> ReactiveNetwork:
        frame = self.frame
        return ReactiveNetwork(
            self.kinetic_parts,
            self.potential_parts,
            self.route(),
            frame.spans,
            frame.coordinates,
            frame.input_names,
        )

    def route(self) -> Route:
        """How coordinates and sources make up the fluxes."""
        frame, offset = self.frame, self._offset()
        bias = transfer = source_transfer = None
        if len(frame.by_resistor.rows):
            pass_on = self.tree_resistance[:, None] * (
                _dense(frame.by_resistor, self.link_resistance).T @ self._link()
            )
            transfer = pass_on @ _dense(frame.by_charge, self.link_resistance)
            source_transfer = pass_on @ _dense(frame.by_source, self.link_resistance)
        if len(frame.by_source.rows):
            driven = _dense(frame.by_source, self.link_resistance)
            if frame.parallel_is_local:
                bias = -frame.by_charge.T(driven / self.link_resistance[:, None])
            else:
                bias = -_dense(frame.by_charge, self.link_resistance).T @ self._link() @ driven
        if frame.gyrators and frame.voltages:
            drawn = -self._turned()[:, len(frame.coordinates) :]
            bias = drawn if bias is None else bias + drawn
        if offset is not None:
            drawn = times(self._charge_conductance(), offset)
            bias = drawn if bias is None else bias + drawn
        return Route(
            offset,
            transfer,
            source_transfer,
            bias,
            frame.num_charges,
            frame.fluxes,
            frame.voltages,
        )

    def _offset(self):
        """S = C_eff^-1 K_CC^T C_c K_CV, None where no source lies in a loop of capacitors."""
        if not len(self.frame.capacitors_by_source.rows):
            return None
        part = linear_capacitors(self)
        if part.cotree is None or not part.tree.size:
            return None
        driven = part.cotree[:, None] * _dense(self.frame.capacitors_by_source, part.cotree)
        columns = part.slope(part.incidence.T(driven), jnp.zeros(0, driven.dtype))
        return jnp.pad(columns, ((0, self.frame.num_charges - columns.shape[0]), (0, 0)))

    def _link_resistances(self):
        """R_r + K_RR R_t K_RR^T."""
        across = _dense(self.frame.by_resistor, self.link_resistance)
        inside = (across * self.tree_resistance[None, :]) @ across.T
        return jnp.diag(self.link_resistance) + inside

    def _link(self):
        """Y."""
        matrix = self._link_resistances()
        identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
        return jsl.cho_solve(jsl.cho_factor(matrix), identity)

    def _charge_conductance(self):
        """G over the charges, a vector or a matrix, None without resistors and gyrators."""
        frame = self.frame
        if not (frame.link_resistors or frame.gyrators):
            return None
        if frame.parallel_is_local:
            squares = SignedIncidence(
                frame.by_charge.rows,
                frame.by_charge.columns,
                np.square(frame.by_charge.signs.astype(float)),
                frame.by_charge.shape,
            )
            return squares.T(1.0 / self.link_resistance)
        total = jnp.zeros((frame.num_charges,) * 2, self.link_resistance.dtype)
        if frame.link_resistors:
            across = _dense(frame.by_charge, self.link_resistance)
            total = total + across.T @ self._link() @ across
        if frame.gyrators:
            total = total + self._turned()[:, : frame.num_charges]
        return total

    def _turned(self):
        """The currents [charges, x] that gyrators draw, by tree voltage."""
        ports = _dense(self.frame.ports, self.gyration)
        turned = ports[0::2].T @ (self.gyration[:, None] * ports[1::2])
        return (turned - turned.T)[: self.frame.num_charges]

    @property
    def conductance(self):
        G = self._charge_conductance()
        if G is None:
            return None
        missing = len(self.coordinates) - self.frame.num_charges
        return jnp.pad(G, [(0, missing)] * G.ndim)

    @property
    def resistance(self):
        frame, missing = self.frame, self.frame.num_charges
        if not frame.tree_resistors:
            return None
        if not len(frame.by_resistor.rows):
            if frame.series_is_local:
                return jnp.pad(self.tree_resistance, (missing, 0))
            return jnp.pad(jnp.diag(self.tree_resistance), (missing, 0))
        passed = _dense(frame.by_resistor, self.link_resistance) * self.tree_resistance[None, :]
        series = jnp.diag(self.tree_resistance) - passed.T @ self._link() @ passed
        return jnp.pad(series, (missing, 0))

    @property
    def conductance_factor(self):
        frame = self.frame
        if not frame.link_resistors:
            return None
        root = jnp.linalg.cholesky(self._link_resistances())
        across = jsl.solve_triangular(root, _dense(frame.by_charge, root), lower=True)
        return jnp.pad(across, ((0, 0), (0, len(self.coordinates) - frame.num_charges)))

    @property
    def resistance_factor(self):
        frame = self.frame
        if not frame.tree_resistors:
            return None
        # R = (R_t^-1 + K_RR^T R_r^-1 K_RR)^-1.
        across = _dense(frame.by_resistor, self.tree_resistance)
        parallel = jnp.diag(1.0 / self.tree_resistance)
        if frame.link_resistors:
            parallel = parallel + across.T @ (across / self.link_resistance[:, None])
        root = jnp.linalg.cholesky(parallel)
        identity = jnp.eye(parallel.shape[0], dtype=parallel.dtype)
        factor = jsl.solve_triangular(root, identity, lower=True)
        return jnp.pad(factor, ((0, 0), (frame.num_charges, 0)))

    def leak(self, velocity, u):
        """The currents [n, *batch] that nonlinear resistors draw from the charges."""
        x = self.tree_voltages(velocity, jnp.zeros_like(velocity), u, self.route())
        total = jnp.zeros_like(x)
        for group in self.leaks:
            (branches,) = group.terminals
            total = total + branches.T(group.energies(x, u))
        count = self.frame.num_charges
        missing = velocity.shape[0] - count
        return jnp.pad(total[:count], [(0, missing)] + [(0, 0)] * (velocity.ndim - 1))

    def tree_voltages(self, velocity, force, u, route: Route):
        """v of the tree's capacitors, resistors and sources [x, *batch].

        `velocity` is dT/dp, `force` -dV/dq; of the latter only the resistors' part counts.
        """
        count = self.frame.num_charges
        charged = velocity[:count]
        sources = as_column(route.source_voltages(u), velocity)
        if route.offset is not None:
            charged = charged - route.offset @ sources
        resistive = times(self.resistance, force)[count:]
        if route.transfer is not None:
            resistive = resistive - route.transfer @ charged
        if route.source_transfer is not None:
            resistive = resistive - route.source_transfer @ sources
        sources = jnp.broadcast_to(sources, (sources.shape[0], *velocity.shape[1:]))
        return jnp.concatenate([charged, resistive, sources.astype(charged.dtype)])

    def vector_field(self, q, p, u):
        velocity, slope = super().vector_field(q, p, u)
        if not self.leaks:
            return velocity, slope
        return velocity, slope - self.leak(self.conservative.velocity(p), u)

    def prepare(self):
        if self.leaks:
            return LeakyFlows(self, self.conservative.prepare(), self.conductance, self.resistance)
        if self.is_canonical:
            return self.conservative.prepare()
        return super().prepare()

    def with_inverses(self):
        inverted = tuple(part.with_inverse() for part in self.kinetic_parts)
        return with_parts(self, kinetic_parts=inverted)

    def parameter_names(self):
        parts = (*self.kinetic_parts, *self.potential_parts)
        names = [name for part in parts for name in part.parameter_names()]
        frame = self.frame
        names += [f"{name}.R" for name in (*frame.tree_resistors, *frame.link_resistors)]
        names += [f"{name}.g" for name in frame.gyrators]
        names += [name for group in self.leaks for name in group.parameter_names()]
        return (*names, "temperature") if self.temperature is not None else tuple(names)

    def describe(self):
        frame = self.frame
        lines = [self.conservative.describe()]
        for what, names in (("across", frame.link_resistors), ("in series", frame.tree_resistors)):
            if names:
                lines.append(f"  resistors {what}: {len(names)}")
        if frame.gyrators:
            lines.append(f"  gyrators: {len(frame.gyrators)}")
        lines += [f"  i(v): {group.describe()}" for group in self.leaks]
        return "\n".join(lines)


@final
class LeakyFlows(eqx.Module):
    """What collocation methods step where resistors are nonlinear."""

    circuit: CircuitHamiltonian
    H: ReactiveNetwork
    conductance: Array | None
    resistance: Array | None

    def __call__(self, q, p, u):
        return self.H(q, p, u)

    def vector_field(self, q, p, u):
        velocity, force = self.H.velocity(p), self.H.force(q, u)
        current = times(self.conductance, velocity) + self.circuit.leak(velocity, u)
        return velocity + times(self.resistance, force), self.H.impulse(force - current)


def linear_capacitors(H: NetworkHamiltonian | CircuitHamiltonian) -> InverseQuadratic:
    """The energy of the linear capacitors, which comes first where there are any."""
    first = H.kinetic_parts[0]
    assert isinstance(first, InverseQuadratic)
    return first


def _dense(matrix: SignedIncidence, like: Array) -> Array:
    return jnp.asarray(matrix.dense(), like.dtype)
