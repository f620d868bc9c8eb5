"""Many runs of one circuit with other values: sweeps, tolerances, yield."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float
from scipy.special import erf

from physsim import integrate
from physsim.sharding import gather, make_blocks, run_blocks, stream

from ._circuit import Circuit
from ._draws import Draws
from ._errors import NetlistError
from ._figures import Figures, find_figures
from ._netlist import Tolerance
from ._netlist._tolerances import matcher
from ._netlist._values import tolerance_fault
from ._plan import make_plan, seconds

if TYPE_CHECKING:
    import xarray

Measure = Callable[..., Any]
"""measure(t, x, ...) -> scalar: times in s, one waveform in SI for each quantity."""

AT_ONCE = 64
"""Samples that a device runs side by side."""
ROWS = 16
"""As many times in one call."""


@final
class Runs(eqx.Module):
    """A circuit's run as a function of all its values in SI, one flat array [P]."""

    circuit: Circuit = eqx.field(static=True)
    quantities: tuple[Any, ...] = eqx.field(static=True)
    solver: Any
    dt: float = eqx.field(static=True)
    num_steps: int = eqx.field(static=True)
    save_every: int = eqx.field(static=True)

    @classmethod
    def plan(
        cls, circuit: Circuit, quantities: Sequence[str], t_end: Any, dt: Any, solver: Any
    ) -> "Runs":
        solver = circuit.default_solver if solver is None else solver
        stop = None if t_end is None else seconds(t_end, "t_end")
        step = circuit.suggest_dt(solver) if dt is None else seconds(dt, "dt")
        plan = make_plan(circuit.netlist.tran, stop, step, None, every_step=dt is not None)
        readouts = tuple(circuit.readout(q) for q in quantities)
        return cls(circuit, readouts, solver, plan.dt, plan.num_steps, plan.save_every)

    @property
    def times(self) -> Float[Array, " saves"]:
        """In s."""
        count = self.num_steps // self.save_every
        return jnp.arange(count + 1, dtype=float) * (self.dt * self.save_every)

    def waveforms(self, values: Float[Array, " P"]) -> Float[Array, "quantities saves"]:
        """In SI, for one set of values."""
        circuit = self.circuit
        H = unflatten(circuit, values)
        solution = integrate(
            H,
            self.solver,
            circuit.initial_state(H),
            dt=self.dt / circuit.scales.time,
            num_steps=self.num_steps,
            save_every=self.save_every,
            inputs=circuit.drive,
            throw=False,
        )
        drive, ts = circuit.drive, solution.ts
        us = jnp.zeros((ts.size, 0)) if drive is None else jax.vmap(drive)(ts)
        read = [jax.vmap(lambda y, u, r=r: r(H, y, u))(solution.ys, us) for r in self.quantities]
        return jnp.stack(read)


@final
class Sample(eqx.Module):
    """The figure of a sample by its number."""

    runs: Runs
    draws: Draws
    base: Float[np.ndarray, " P"]
    index: Any
    measure: Measure = eqx.field(static=True)

    def __call__(self, number: Any) -> Any:
        values = jnp.asarray(self.base).at[self.index].set(self.draws.values(number))
        return self.measure(self.runs.times, *self.runs.waveforms(values))


def flatten(circuit: Circuit) -> Float[np.ndarray, " P"]:
    """All values in SI, in the order of `circuit.values()`."""
    return np.array(list(circuit.values().values()))


def unflatten(circuit: Circuit, values: Float[Array, " P"]) -> Any:
    """The Hamiltonian with these values."""
    leaves, structure = jax.tree.flatten(circuit.hamiltonian)
    units = jax.tree.leaves(circuit.units)
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = jnp.split(values, cuts)
    made = [
        (part.reshape(leaf.shape) / unit).astype(leaf.dtype)
        for part, leaf, unit in zip(parts, leaves, units, strict=True)
    ]
    return jax.tree.unflatten(structure, made)


def _block(runs, values):
    return jax.vmap(runs.waveforms)(values)


@eqx.filter_jit
def _slopes(runs: Runs, measure: Measure, values, directions):
    """The figure, and its derivative along each direction [k, P]."""

    def figure(values):
        return measure(runs.times, *runs.waveforms(values))

    def along(direction):
        return jax.jvp(figure, (values,), (direction,))

    found, slopes = jax.lax.map(along, directions, batch_size=AT_ONCE)
    return found[0], slopes


def sweep(
    circuit: Circuit,
    values: Mapping[str, Sequence[float | int]],
    quantities: str | Sequence[str],
    *,
    t_end: Any = None,
    dt: Any = None,
    solver: Any = None,
    mesh: Mesh | None = None,
    progress: bool = False,
) -> "xarray.DataArray":
    """Waveforms [point, quantity, time] for lists of values, `{"R1.R": [10, 20, 50]}`.

    Lists of several values go together (equal lengths). One compilation for all points, which
    are spread over the devices of a `mesh`; the result is on every host, and the same on any
    number of devices. `progress` shows a bar.
    Raises `NetlistError` for a name the circuit does not have, and for values that are not
    positive where they must be; `ValueError` where a run diverges.
    """
    import xarray

    names, circuit = _listed(quantities), circuit.noiseless()
    table = _table(circuit, values)
    runs = Runs.plan(circuit, names, t_end, dt, solver)
    blocks = make_blocks(len(table), AT_ONCE, ROWS, mesh)

    def call(numbers, live):
        rows = table[np.minimum(numbers, len(table) - 1)]
        return run_blocks(eqx.Partial(_block, runs), rows, live, mesh)

    calls = stream(call, blocks, gather, "running" if progress else None)
    waves = blocks.join(np.concatenate(calls, axis=1)[:, : blocks.rounds])
    bad = ~np.isfinite(waves).all(axis=(1, 2))
    if bad.any():
        at = {name: column[int(np.argmax(bad))] for name, column in values.items()}
        raise ValueError(f"the run at {at} diverged: reduce dt")
    coords: dict[str, Any] = {"quantity": names, "time": ("time", np.asarray(runs.times))}
    coords |= {name: ("point", np.asarray(column, float)) for name, column in values.items()}
    return xarray.DataArray(waves, dims=("point", "quantity", "time"), coords=coords)


def _listed(quantities) -> list[str]:
    return [quantities] if isinstance(quantities, str) else list(quantities)


def _table(circuit, values):
    known = list(circuit.values())
    lengths = {len(column) for column in values.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("the lists of values must have one length, at least 1")
    table = np.tile(flatten(circuit), (lengths.pop(), 1))
    for name, column in values.items():
        if name not in known:
            shown = ", ".join(known[:10])
            raise NetlistError(f"there is no value {name!r} in the circuit; there are {shown}, ...")
        table[:, known.index(name)] = column
    # The netlist's own checks: positive where it must be, couplings below one.
    for row in (table.argmin(axis=0), table.argmax(axis=0)):
        extremes = table[row, np.arange(table.shape[1])]
        _check_values(circuit, dict(zip(known, extremes.tolist(), strict=True)))
    return table


def _check_values(circuit, values):
    from ._values import with_values

    with_values(circuit.netlist, values)


@final
class MonteCarlo(eqx.Module):
    """The figures of many samples, and what gradients alone would have said.

    `found` has their mean, deviation and quantiles; `predicted_deviation` comes from the
    figure's derivatives at the nominal values. On several hosts, each has to ask for what
    is of all samples.
    """

    draws: Draws
    found: Figures
    nominal: float = eqx.field(static=True)
    slopes: Float[np.ndarray, " k"]
    """d figure / d log value, by spread value."""
    predicted_deviation: float = eqx.field(static=True)
    limits: tuple[float, float] = eqx.field(static=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the values that are spread."""
        return self.draws.names

    @property
    def deviations(self) -> Float[np.ndarray, " k"]:
        """Standard deviations of the values, relative to them."""
        return self.draws.deviations

    @property
    def values(self) -> Float[np.ndarray, "samples k"]:
        """The spread values of all samples, in SI, drawn again."""
        return self.draws.table(np.arange(self.found.blocks.count))

    @property
    def figures(self) -> Float[np.ndarray, " samples"]:
        """Of all samples."""
        return self.found.all()

    @property
    def yield_(self) -> float:
        """The part of the samples within the limits."""
        return self.found.within(*self.limits) / self.found.blocks.count

    @property
    def predicted_yield(self) -> float:
        """That of a normal distribution with the predicted mean and deviation."""
        low, high = self.limits
        scale = math.sqrt(2) * self.predicted_deviation
        if scale == 0:
            return float(low <= self.nominal <= high)
        return float(erf((high - self.nominal) / scale) - erf((low - self.nominal) / scale)) / 2


def monte_carlo(
    circuit: Circuit,
    quantities: str | Sequence[str],
    measure: Measure,
    *,
    samples: int = 1000,
    seed: int = 0,
    tolerances: Sequence[Tolerance] | Mapping[str, float] | None = None,
    limits: tuple[float, float] = (-math.inf, math.inf),
    t_end: Any = None,
    dt: Any = None,
    solver: Any = None,
    mesh: Mesh | None = None,
    progress: bool = False,
) -> MonteCarlo:
    """The spread of measure(t, x, ...) when component values have tolerances.

    `measure` takes times and a waveform for each of `quantities` (`circuits.rms`,
    `circuits.crossing`, ... or your own, in JAX). `tolerances` are the netlist's
    `.tolerance` cards, or `{"C*": 0.05}`: standard deviations relative to the value, by
    element name.

    A sample's values depend on `seed` and its number alone: more samples begin with the same
    ones, and nothing changes with the devices. Blocks of samples go through one
    compilation, spread over the devices of a `mesh`; only their figures are kept, so that their
    number is not bounded by memory. `progress` shows a bar.

    Raises `ValueError` where nothing has a tolerance, for one that is not between 0 and 1 (100 %),
    or where a run diverges.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    names, circuit = _listed(quantities), circuit.noiseless()
    spread_values = _spread(circuit, tolerances)
    base, labels = flatten(circuit), list(circuit.values())
    index = np.array([k for k, _ in spread_values])
    given = [tolerance for _, tolerance in spread_values]
    draws = Draws.make(seed, [labels[k] for k in index], base[index], given)
    runs = Runs.plan(circuit, names, t_end, dt, solver)
    directions = np.zeros((len(index), base.size))
    directions[np.arange(len(index)), index] = base[index]
    nominal, slopes = _slopes(runs, measure, jnp.asarray(base), jnp.asarray(directions))
    sample = Sample(runs, draws, base, index, measure)
    blocks = make_blocks(samples, AT_ONCE, ROWS, mesh)
    found = find_figures(sample, float(nominal), blocks, mesh, progress)
    which = found.first_not_finite()
    if which is not None:
        raise ValueError(
            f"the figure of sample {which} is not finite: its run diverged (reduce dt), or what is "
            "measured does not occur in it"
        )
    slopes = np.asarray(slopes)
    predicted = float(np.linalg.norm(slopes * draws.deviations))
    return MonteCarlo(draws, found, float(nominal), slopes, predicted, limits)


def sensitivity(
    circuit: Circuit,
    quantities: str | Sequence[str],
    measure: Measure,
    *,
    t_end: Any = None,
    dt: Any = None,
    solver: Any = None,
) -> "xarray.DataArray":
    """Derivatives of measure(t, x, ...) by every value of the circuit, per unit in SI: [value].

    `measure` is as in `monte_carlo`; `attrs["figure"]` is its value. Derivatives are carried
    forward along the run (one linearised run a value, in batches; memory does not grow with
    the run), so they are those of the steps taken, for every circuit, solver and measure.
    Raises `ValueError` where what is measured does not occur.
    """
    import xarray

    names, circuit = _listed(quantities), circuit.noiseless()
    runs = Runs.plan(circuit, names, t_end, dt, solver)
    units = np.concatenate([np.ravel(x) for x in jax.tree.leaves(circuit.units)])
    base = jnp.asarray(flatten(circuit))
    figure, slopes = _slopes(runs, measure, base, jnp.asarray(np.diag(units)))
    found = np.asarray(slopes) / units
    if not (np.isfinite(figure) and np.isfinite(found).all()):
        raise ValueError("what is measured does not occur in the run, or the run diverged")
    return xarray.DataArray(
        found,
        dims=("value",),
        coords={"value": list(circuit.values())},
        attrs={"figure": float(figure)},
    )


def _spread(circuit, tolerances) -> list[tuple[int, Tolerance]]:
    """(place of the value, its tolerance); of several that fit, the last holds."""
    given = circuit.netlist.tolerances if tolerances is None else tolerances
    if isinstance(given, Mapping):
        given = [Tolerance(pattern.lower(), relative) for pattern, relative in given.items()]
        for tolerance in given:
            if fault := tolerance_fault(tolerance):
                raise NetlistError(f"tolerance {tolerance.pattern}: {fault}")
    main = {"C", "L", "R", "icrit", "k", "g"}
    found: dict[int, Tolerance] = {}
    for k, label in enumerate(circuit.values()):
        name, _, what = label.rpartition(".")
        for tolerance in given:
            if what in main and matcher(tolerance.pattern.lower()).fullmatch(name.lower()):
                found[k] = tolerance
    if not found:
        raise ValueError(
            'no value has a tolerance: give .tolerance cards, or tolerances={"C*": 0.05} (on the '
            'command line --tolerance "C*=5%")'
        )
    return list(found.items())
