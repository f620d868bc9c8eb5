"""The result of a circuit simulation, in SI, by node and element name."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from physsim import NetworkHamiltonian, Solution, energy_error

from ._branches import element_names
from ._raw import write_raw
from ._readout import Readout, current, voltage

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from ._circuit import Circuit


@eqx.filter_jit
def _along(readouts, H, ys, us):
    return jax.vmap(lambda y, u: jnp.stack([readout(H, y, u) for readout in readouts]))(ys, us)


@eqx.filter_jit
def _stored(branches, H, ys, us):
    def energy(y, u):
        parts = branches.stored(H, y, u)
        return sum((jnp.sum(e) for _, e in parts), start=jnp.zeros((), y.p.dtype))

    return jax.vmap(energy)(ys, us)


@final
class Result:
    """Waveforms of a run; `solution` is the dimensionless trajectory behind them."""

    def __init__(
        self,
        circuit: "Circuit",
        solution: Solution,
        start: float = 0.0,
        dt: float | None = None,
    ):
        self.circuit = circuit
        self.solution = solution
        times = np.asarray(solution.ts, float) * circuit.scales.time
        self._keep = times >= start * (1 - 1e-9)
        self.t: Float[np.ndarray, " saves"] = times[self._keep]
        """Times in s."""
        self.dt = dt
        """The step in s, where it is known."""

    def __repr__(self) -> str:
        end = f"{self.t[-1]:.6g} s"
        return f"<{len(self.t)} samples to t = {end} of {self.circuit.netlist.title!r}>"

    def v(self, node: str, other: str | None = None) -> Float[np.ndarray, " saves"]:
        """The voltage of `node` against ground, or against `other`, in V."""
        return self.measure(voltage(self.circuit, node, other))

    def i(self, element: str) -> Float[np.ndarray, " saves"]:
        """The current through `element` from its first node to its second, in A."""
        return self.measure(current(self.circuit, element))

    @property
    def energy(self) -> Float[np.ndarray, " saves"]:
        """The value of the Hamiltonian in J; with sources it includes their term I * flux."""
        return np.asarray(self.solution.energies)[self._keep] * self.circuit.scales.energy

    @functools.cached_property
    def stored_energy(self) -> Float[np.ndarray, " saves"]:
        """The energy in capacitors, inductors and junctions in J, without the sources' term."""
        circuit = self.circuit
        stored = _stored(circuit.branches, circuit.hamiltonian, self.solution.ys, self.inputs)
        return np.asarray(stored)[self._keep] * self.circuit.scales.energy

    @property
    def energy_error(self) -> Float[np.ndarray, " saves"]:
        """(E(t) - E(0)) / |E(0)|."""
        return np.asarray(energy_error(self.solution))[self._keep]

    @functools.cached_property
    def inputs(self):
        """The circuit's inputs at the samples, dimensionless [saves, m]."""
        drive, ts = self.circuit.drive, self.solution.ts
        return jnp.zeros((ts.size, 0), ts.dtype) if drive is None else jax.jit(jax.vmap(drive))(ts)

    def measure(self, readout: Readout) -> Float[np.ndarray, " saves"]:
        """A read-out of the circuit along the run, in SI."""
        return self.measure_all([readout])[:, 0]

    def measure_all(self, readouts: Sequence[Readout]) -> Float[np.ndarray, "saves readouts"]:
        """The same of several, which are compiled together."""
        H = self.circuit.hamiltonian
        values = _along(tuple(readouts), H, self.solution.ys, self.inputs)
        return np.asarray(values)[self._keep]

    def ledger(self) -> "xarray.Dataset":
        """Energy stored, dissipated and supplied by each element, in J, and what is left over.

        Exact to the order of the samples: keep every step (`save_every=1`, or pass `dt`).
        """
        from ._ledger import make_ledger

        return make_ledger(self)

    def to_xarray(self) -> "xarray.Dataset":
        """Node voltages [time, node], currents [time, element], the stored energy, and H.

        H has the sources' term besides what is stored. Without sources there is the energy error,
        too.
        """
        import xarray

        circuit = self.circuit
        labels, currents = self._currents()
        waves = {
            "v": (("time", "node"), self._voltages(), {"units": "V"}),
            "i": (("time", "element"), currents, {"units": "A"}),
            "energy": (("time",), self.stored_energy, {"units": "J", "long_name": "stored"}),
            "hamiltonian": (("time",), self.energy, {"units": "J"}),
        }
        if circuit.drive is None:
            waves["energy_error"] = (("time",), self.energy_error, {"long_name": "relative"})
        return xarray.Dataset(
            waves,
            coords={
                "time": ("time", self.t, {"units": "s"}),
                "node": circuit.tree.free_nodes,
                "element": labels,
            },
            attrs={"title": circuit.netlist.title},
        )

    def _voltages(self):
        """All node voltages at once, [time, node]."""
        circuit = self.circuit
        of_state = functools.partial(circuit.branches.node_voltages, circuit.hamiltonian)
        values = jax.jit(jax.vmap(of_state))(self.solution.ys, self.inputs)
        return np.asarray(values)[self._keep] * circuit.scales.voltage

    def _currents(self):
        """(names, currents [time, element]) of all but capacitors and two-ports."""
        circuit = self.circuit
        branches, tree, H = circuit.branches, circuit.tree, circuit.hamiltonian
        names = element_names(H)
        names += [tuple(e.name for e in tree.inductors)]
        if not isinstance(H, NetworkHamiltonian):
            sorts = (tree.resistors, tree.link_resistors, tree.sources)
            names += [tuple(e.name for e in elements) for elements in sorts]
            names += [group.labels for group in H.leaks]

        def of_state(y, u):
            found = [c for _, c in branches.flux_currents(H, y, u)]
            found.append(branches.state_inductor_currents(H, y, u)[1])
            if not isinstance(H, NetworkHamiltonian):
                found += branches.resistor_currents(H, y, u)
                found += branches.voltage_source_currents(H, y, u)
                found += [c for _, c in branches.leak_currents(H, y, u)]
            return jnp.concatenate(found)

        values = jax.jit(jax.vmap(of_state))(self.solution.ys, self.inputs)
        labels = [name for part in names for name in part]
        return labels, np.asarray(values)[self._keep] * circuit.scales.current

    def save(self, path: str | Path) -> None:
        """Write `.nc` (NetCDF), `.csv` (a column a waveform) or `.raw` (SPICE's waveform file).

        Raises `ValueError` for other endings.
        """
        path = Path(path)
        if path.suffix == ".raw":
            write_raw(self, path)
            return
        dataset = self.to_xarray()
        if path.suffix == ".nc":
            dataset.to_netcdf(path, engine="scipy")
        elif path.suffix == ".csv":
            columns = [f"v({n})" for n in dataset.node.values]
            columns += [f"i({e})" for e in dataset.element.values]
            last = [name for name in ("energy", "energy_error") if name in dataset]
            table = np.column_stack([self.t, dataset.v, dataset.i, *(dataset[n] for n in last)])
            header = ",".join(f'"{c}"' for c in ["time", *columns, *last])
            np.savetxt(path, table, delimiter=",", header=header, comments="", fmt="%.12g")
        else:
            raise ValueError(f"{path}: results are saved as .nc, .csv or .raw")

    def plot(self, nodes: list[str] | None = None) -> "Figure":
        """Node voltages and the relative energy error over time, under the netlist's title.

        `nodes` are by default the first few and the last, those inside subcircuits left out.
        """
        from ._plot import plot_result

        return plot_result(self, nodes)
