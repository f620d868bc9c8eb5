"""Many runs of one circuit with other values: sweeps, tolerances, yield."""

import fnmatch
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import erf

from physsim import integrate

from ._circuit import Circuit
from ._errors import NetlistError
from ._netlist import Tolerance
from ._plan import make_plan, seconds

if TYPE_CHECKING:
    import xarray

Measure = Callable[..., Any]
"""measure(t, x, ...) -> scalar: times in s, one waveform in SI for each quantity."""

_AT_ONCE = 64


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


@eqx.filter_jit
def _all_waveforms(runs: Runs, values):
    return jax.lax.map(runs.waveforms, values, batch_size=_AT_ONCE)


@eqx.filter_jit
def _all_figures(runs: Runs, measure: Measure, values):
    def figure(values):
        return measure(runs.times, *runs.waveforms(values))

    return jax.lax.map(figure, values, batch_size=_AT_ONCE)


@eqx.filter_jit
def _slopes(runs: Runs, measure: Measure, values, directions):
    """The figure, and its derivative along each direction [k, P]."""

    def figure(values):
        return measure(runs.times, *runs.waveforms(values))

    def along(direction):
        return jax.jvp(figure, (values,), (direction,))

    found, slopes = jax.lax.map(along, directions, batch_size=_AT_ONCE)
    return found[0], slopes


def sweep(
    circuit: Circuit,
    values: Mapping[str, Sequence[float | int]],
    quantities: str | Sequence[str],
    *,
    t_end: Any = None,
    dt: Any = None,
    solver: Any = None,
) -> "xarray.DataArray":
    """Waveforms [point, quantity, time] for lists of values, `{"R1.R": [10, 20, 50]}`.

    Lists of several values go together (equal lengths). One compilation for all points.
    Raises `NetlistError` for a name the circuit does not have, and for values that are not
    positive where they must be; `ValueError` where a run diverges.
    """
    import xarray

    names, circuit = _listed(quantities), circuit.noiseless()
    table = _table(circuit, values)
    runs = Runs.plan(circuit, names, t_end, dt, solver)
    waves = np.asarray(_all_waveforms(runs, jnp.asarray(table)))
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

    `values` [samples, spread values] in SI; `figures` [samples]; `predicted_mean` and
    `predicted_deviation` come from the figure and its derivatives at the nominal values.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    values: Float[np.ndarray, "samples k"]
    figures: Float[np.ndarray, " samples"]
    nominal: float = eqx.field(static=True)
    slopes: Float[np.ndarray, " k"]
    """d figure / d log value, by spread value."""
    deviations: Float[np.ndarray, " k"]
    """Standard deviations of the values, relative to them."""
    predicted_deviation: float = eqx.field(static=True)
    limits: tuple[float, float] = eqx.field(static=True)

    @property
    def yield_(self) -> float:
        """The part of the samples within the limits."""
        low, high = self.limits
        return float(np.mean((self.figures >= low) & (self.figures <= high)))

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
) -> MonteCarlo:
    """The spread of measure(t, x, ...) when component values have tolerances.

    `measure` takes times and a waveform for each of `quantities` (`circuits.rms`,
    `circuits.crossing`, ... or your own, in JAX). `tolerances` are the netlist's
    `.tolerance` cards, or `{"C*": 0.05}`: standard deviations relative to the value, by
    element name. Samples depend on `seed` alone. All runs in one compilation.

    Raises `ValueError` where nothing has a tolerance, or where a run diverges.
    """
    names, circuit = _listed(quantities), circuit.noiseless()
    spread = _spread(circuit, tolerances)
    rng = np.random.default_rng(seed)
    factors = np.stack([_draw(rng, t, samples) for _, t in spread], axis=1)
    base = flatten(circuit)
    index = np.array([k for k, _ in spread])
    table = np.tile(base, (samples, 1))
    table[:, index] *= factors
    runs = Runs.plan(circuit, names, t_end, dt, solver)
    figures = np.asarray(_all_figures(runs, measure, jnp.asarray(table)))
    if not np.isfinite(figures).all():
        which = int(np.argmax(~np.isfinite(figures)))
        raise ValueError(
            f"the figure of sample {which} is not finite: its run diverged (reduce dt), or what is "
            "measured does not occur in it"
        )
    directions = np.zeros((len(index), base.size))
    directions[np.arange(len(index)), index] = base[index]
    nominal, slopes = _slopes(runs, measure, jnp.asarray(base), jnp.asarray(directions))
    deviations = np.array([_deviation(t) for _, t in spread])
    labels = list(circuit.values())
    return MonteCarlo(
        tuple(labels[k] for k in index),
        table[:, index],
        figures,
        float(nominal),
        np.asarray(slopes),
        deviations,
        float(np.linalg.norm(np.asarray(slopes) * deviations)),
        limits,
    )


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
    main = {"C", "L", "R", "icrit", "k", "g"}
    found: dict[int, Tolerance] = {}
    for k, label in enumerate(circuit.values()):
        name, _, what = label.rpartition(".")
        for tolerance in given:
            if what in main and fnmatch.fnmatchcase(name.lower(), tolerance.pattern):
                found[k] = tolerance
    if not found:
        raise ValueError(
            'no value has a tolerance: give .tolerance cards, or tolerances={"C*": 0.05}'
        )
    return list(found.items())


def _draw(rng, tolerance: Tolerance, samples: int):
    if tolerance.distribution == "uniform":
        return 1.0 + tolerance.relative * rng.uniform(-1, 1, samples)
    # Log-normal: never negative, and normal to first order.
    return np.exp(tolerance.relative * rng.normal(size=samples))


def _deviation(tolerance: Tolerance) -> float:
    uniform = tolerance.distribution == "uniform"
    return tolerance.relative / math.sqrt(3) if uniform else tolerance.relative
