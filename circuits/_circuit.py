"""A circuit: a netlist with the Hamiltonian derived from it."""

import functools
import math
from pathlib import Path
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
import sympy

from physsim import (
    AbstractSolver,
    NetworkHamiltonian,
    PhaseState,
    SRKN11b,
    integrate,
    suggest_dt,
)

from ._build import build, choose_scales, sources
from ._expr import capacitance_matrix, coordinate_symbols, symbolic_energy
from ._graph import NormalTree
from ._initial import initial_voltages
from ._netlist import Netlist, parse_netlist, read_netlist
from ._quantities import Scales
from ._readout import Readout, capacitive_part
from ._result import Result
from ._sources import SourceDrive, shortest_time


@final
class Circuit:
    """A netlist and its dimensionless Hamiltonian; results come back in SI.

    - `hamiltonian`: a `physsim.NetworkHamiltonian` whose leaves are the component values;
    - `units`: the same shape, holding one dimensionless unit of each value in SI;
    - `scales`: the units of time, voltage, current, ...;
    - `y0`: the initial state, `initial_state(H)` the same as a function of the values;
    - `drive`: the sources as a function of dimensionless time, None without sources.
    """

    def __init__(self, netlist: Netlist, hamiltonian: NetworkHamiltonian | None = None):
        self.netlist = netlist
        self.tree = NormalTree(netlist.elements)
        self.scales: Scales = choose_scales(netlist)
        built = build(netlist, self.tree, self.scales)
        self.hamiltonian = built.hamiltonian if hamiltonian is None else hamiltonian
        self.units = built.units
        self._voltages = initial_voltages(netlist, self.tree) / self.scales.voltage

    def with_hamiltonian(self, hamiltonian: NetworkHamiltonian) -> "Circuit":
        """The same circuit with other component values."""
        return Circuit(self.netlist, hamiltonian)

    @property
    def y0(self) -> PhaseState:
        """The initial state, dimensionless."""
        return self.initial_state(self.hamiltonian)

    def initial_state(self, H: NetworkHamiltonian) -> PhaseState:
        """Charges that put the initial voltages on the capacitances of `H`; fluxes zero."""
        capacitances = capacitive_part(H)
        volts = jnp.asarray(self._voltages, capacitances.tree.dtype)
        charges = capacitances.apply(volts)
        return PhaseState(jnp.zeros_like(charges), charges)

    @functools.cached_property
    def drive(self) -> SourceDrive | None:
        """t -> source currents [m], both dimensionless."""
        waveforms = tuple(source.waveform for source in sources(self.netlist))
        if not waveforms:
            return None
        return SourceDrive(waveforms, self.scales.time, self.scales.current)

    @functools.cached_property
    def expr(self) -> sympy.Expr:
        """The energy in SI symbols, for people: fluxes phi, charges Q, component names."""
        return symbolic_energy(self.netlist, self.tree)

    def equations(self) -> list[tuple[sympy.Symbol, Any]]:
        """Hamilton's equations of `expr`: (variable, its time derivative)."""
        fluxes, charges = coordinate_symbols(self.tree)
        rows = [(q, sympy.diff(self.expr, p)) for q, p in zip(fluxes, charges, strict=True)]
        return rows + [(p, -sympy.diff(self.expr, q)) for q, p in zip(fluxes, charges, strict=True)]

    @property
    def capacitance_matrix(self) -> sympy.Matrix:
        """C_eff in component symbols; the kinetic energy is Q^T C_eff^-1 Q / 2."""
        return capacitance_matrix(self.tree)

    def values(self) -> dict[str, float]:
        """Every parameter in SI, by name: `C1.C`, `L12.L`, `B1.icrit`, ..."""
        numbers = jax.tree.map(lambda x, unit: x * unit, self.hamiltonian, self.units)
        flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(numbers)])
        return dict(zip(self.hamiltonian.parameter_names(), flat.tolist(), strict=True))

    def readout(self, quantity: str) -> Readout:
        """`v(node)`, `v(node,node)` or `i(element)` as a differentiable function, in SI.

        Raises `NetlistError` for an unknown node or element.
        """
        return Readout.parse(self, quantity)

    def suggest_dt(self, solver: AbstractSolver | None = None) -> float:
        """A step (s) that resolves the fastest small motion and the sources."""
        solver = SRKN11b() if solver is None else solver
        u = None if self.drive is None else self.drive(jnp.zeros((), self.y0.q.dtype))
        dt = suggest_dt(self.hamiltonian, solver, self.y0, u) * self.scales.time
        limits = [shortest_time(source.waveform) for source in sources(self.netlist)]
        if self.netlist.tran and self.netlist.tran.max_step:
            limits.append(self.netlist.tran.max_step)
        return min([dt, *limits])

    def simulate(
        self,
        t_end: float | None = None,
        dt: float | None = None,
        *,
        solver: AbstractSolver | None = None,
        save_every: int | None = None,
        progress: bool = False,
    ) -> Result:
        """Run from t = 0 to `t_end` (s) with steps of `dt` (s); results are in SI.

        Without `t_end` the netlist's `.tran` says how long to run and how often to save.
        Without `dt` a step is chosen that resolves the fastest motion. The default method
        is SRKN11b.

        Raises `ValueError` for times that make no sense, `physsim.DivergenceError` for a
        step beyond stability or a run that diverges.
        """
        solver = SRKN11b() if solver is None else solver
        plan = self._plan(t_end, dt, solver, save_every)
        solution = integrate(
            self.hamiltonian,
            solver,
            self.y0,
            dt=plan.dt / self.scales.time,
            num_steps=plan.num_steps,
            inputs=self.drive,
            save_every=plan.save_every,
            progress=progress,
        )
        return Result(self, solution, start=plan.start)

    def _plan(self, t_end, dt, solver, save_every) -> "_Plan":
        tran = self.netlist.tran
        stop = t_end if tran is None or t_end is not None else tran.stop
        if stop is None:
            raise ValueError("say how long to simulate: t_end=..., or a .tran card in the netlist")
        for name, value in (("t_end", stop), ("dt", dt)):
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be positive and finite, got {value}")
        step, start = self.suggest_dt(solver) if dt is None else dt, 0.0
        if tran is not None and t_end is None and dt is None and save_every is None:
            save_every = math.ceil(tran.step / step - 1e-9)
            step, start = tran.step / save_every, tran.start
        save_every = save_every or 1
        saves = max(1, math.ceil(stop / (step * save_every) - 1e-9))
        return _Plan(step, saves * save_every, save_every, start)


class _Plan(NamedTuple):
    """Steps of a run, and the time (s) from which it is reported."""

    dt: float
    num_steps: int
    save_every: int
    start: float


def load(path: str | Path) -> Circuit:
    """Read a netlist file. Raises `NetlistError` (a `ValueError`) with file, line and column."""
    return Circuit(read_netlist(path))


def loads(text: str, file: str = "<netlist>") -> Circuit:
    """Read a netlist from a string; `file` is its name in error messages."""
    return Circuit(parse_netlist(text, file))
