"""Where the energy of a run goes: stored, dissipated and supplied, element by element.

Powers are integrated from sample to sample by the two-point Hermite rule of order 6,

    h/2 (P0 + P1) + h^2/10 (P0' - P1') + h^3/120 (P0'' + P1''),

with derivatives along the flow, each taken from inside the interval: samples should be
every step, and corners of waveforms fall on them (as they do in `Circuit.simulate`).
"""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray

from physsim import NetworkHamiltonian, PhaseState

from ._branches import Branches

if TYPE_CHECKING:
    from ._result import Result

_INSIDE = 1e-9


def make_ledger(result: "Result") -> "xarray.Dataset":
    """`stored` [time, storage], `dissipated` [time, resistor], `supplied` [time, source] and
    `residual` [time] = stored - stored(0) - supplied + dissipated, all in J, summed from the
    first sample."""
    circuit, solution = result.circuit, result.solution
    branches, H = circuit.branches, circuit.hamiltonian
    unit = circuit.scales.energy
    stored, stored_names = _stored(branches, H, solution.ys, result.inputs)
    losses, sources = names_of_powers(branches, H)
    drive = circuit.drive if circuit.drive is not None else _nothing
    totals = np.asarray(_integrals(branches, drive, H, solution.ys, solution.ts))
    dissipated, supplied = totals[:, : len(losses)], -totals[:, len(losses) :]
    change = stored.sum(axis=1) - stored[0].sum()
    residual = change - supplied.sum(axis=1) + dissipated.sum(axis=1)
    return xarray.Dataset(
        {
            "stored": (("time", "storage"), stored * unit, {"units": "J"}),
            "dissipated": (("time", "resistor"), dissipated * unit, {"units": "J"}),
            "supplied": (("time", "source"), supplied * unit, {"units": "J"}),
            "residual": (("time",), residual * unit, {"units": "J"}),
        },
        coords={
            "time": ("time", np.asarray(solution.ts) * circuit.scales.time, {"units": "s"}),
            "storage": list(stored_names),
            "resistor": list(losses),
            "source": list(sources),
        },
    )


def _nothing(t):
    return jnp.zeros(0, t.dtype)


def _stored(branches: Branches, H, ys, us):
    names = [name for labels, _ in _parts(branches, H, ys, us) for name in labels]
    return np.asarray(_stored_along(branches, H, ys, us)), names


def _parts(branches, H, ys, us):
    y, u = PhaseState(ys.q[0], ys.p[0]), us[0]
    return branches.stored(H, y, u)


@eqx.filter_jit
def _stored_along(branches, H, ys, us):
    def energies(y, u):
        found = [e for _, e in branches.stored(H, y, u)]
        return jnp.concatenate(found) if found else jnp.zeros(0, y.q.dtype)

    return jax.vmap(energies)(ys, us)


def names_of_powers(branches: Branches, H: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(resistors, sources) in the order of `powers`."""
    tree = branches.tree
    losses = [e.name for e in (*tree.resistors, *tree.link_resistors)]
    if not isinstance(H, NetworkHamiltonian):
        losses += [name for group in H.leaks for name in group.labels]
    sources = [e.name for e in (*tree.sources, *branches.current_sources)]
    return tuple(losses), tuple(sources)


def powers(branches: Branches, H: Any, y: PhaseState, u):
    """v i of every resistor and source: what it takes up."""
    tree = branches.tree
    v = branches.tree_voltages(H, y, u)
    found = [jnp.zeros(0, v.dtype)]
    if not isinstance(H, NetworkHamiltonian):
        inside, links = branches.resistor_currents(H, y, u)
        found.append(v[tree.num_charges : tree.num_coordinates] * inside)
        found.append(H.frame.resistors(v) * links)
        for group, (_, currents) in zip(H.leaks, branches.leak_currents(H, y, u), strict=True):
            found.append(group.terminals[0](v) * currents)
        (through,) = branches.voltage_source_currents(H, y, u)
        found.append(v[tree.num_coordinates : tree.num_fluxes] * through)
    if branches.current_sources:
        (pushed,) = branches.current_source_currents(H, y, u)
        found.append(branches.voltages_across(H, y, u, branches.current_sources) * pushed)
    return jnp.concatenate(found)


@eqx.filter_jit
def _integrals(branches, drive, H, ys, ts):
    """Sums [time, power] from the first sample, with the Hermite rule."""
    step = ts[1] - ts[0]

    def rates(y, t):
        """P, P' and P'' at the state y and the time t."""

        def power(q, p, t):
            return powers(branches, H, PhaseState(q, p), drive(t))

        def along(function):
            def derivative(q, p, t):
                dq, dp = H.vector_field(q, p, drive(t))
                return jax.jvp(function, (q, p, t), (dq, dp, jnp.ones_like(t)))[1]

            return derivative

        first = along(power)
        return power(y.q, y.p, t), first(y.q, y.p, t), along(first)(y.q, y.p, t)

    def interval(before, after, t):
        p0, d0, dd0 = rates(before, t + _INSIDE * step)
        p1, d1, dd1 = rates(after, t + (1.0 - _INSIDE) * step)
        linear = step / 2 * (p0 + p1) + step**2 / 10 * (d0 - d1)
        return linear + step**3 / 120 * (dd0 + dd1)

    before, after = (jax.tree.map(lambda x, s=s: x[s], ys) for s in (slice(-1), slice(1, None)))
    parts = jax.lax.map(lambda x: interval(*x), (before, after, ts[:-1]), batch_size=256)
    return jnp.concatenate([jnp.zeros_like(parts[:1]), jnp.cumsum(parts, axis=0)])
