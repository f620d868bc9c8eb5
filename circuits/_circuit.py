"""A circuit: a netlist with the Hamiltonian derived from it."""

import copy
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import jax
import jax.numpy as jnp
import numpy as np
import sympy
from jaxtyping import Complex

from physsim import (
    AbstractSolver,
    Choice,
    DivergenceError,
    GaussLegendre4,
    NetworkHamiltonian,
    Newton,
    PhaseState,
    check_hamiltonian,
    default_solver,
    fastest_decay,
    fastest_frequency,
    is_traced,
    suggest_dt,
)

from ._ac import ac, admittance, impedance, transfer
from ._ac_sensitivity import ac_sensitivity
from ._branches import Branches
from ._build import Hamiltonian, build, signals
from ._dangling import warn_of_dangling
from ._expr import capacitance_matrix, coordinate_symbols, symbolic_energy
from ._hamiltonian import linear_capacitors
from ._initial import initial_voltages
from ._mna_linear import Frequencies, Port
from ._modes import CircuitModes, find_modes
from ._netlist import Netlist, parse_netlist, read_netlist
from ._noise_spectrum import noise
from ._normal_tree import NormalTree
from ._operating_point import OperatingPoint, operating_point
from ._plan import aligned, seconds
from ._port_hamiltonian import PortHamiltonian, port_hamiltonian
from ._quantities import Scales
from ._readout import Readout
from ._report import make_report
from ._result import Result
from ._scales import choose_scales
from ._settled import settled
from ._sources import SourceDrive, corners_of, rhythm_of, shortest_time, value_at_start
from ._transient import Transient
from ._values import with_values

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


@final
class Circuit:
    """A netlist and its dimensionless Hamiltonian; results come back in SI.

    - `hamiltonian`: a `physsim.NetworkHamiltonian` whose leaves are the component values, or a
      `CircuitHamiltonian` where there are resistors, sources of voltage, gyrators, ...;
    - `units`: the same shape, holding one dimensionless unit of each value in SI;
    - `scales`: the units of time, voltage, current, ...;
    - `y0`: the initial state, for `physsim.integrate`; `initial_state` is the same as a function
      of the values, for gradient methods, which then count what the start owes to them;
    - `drive`: the sources as a function of dimensionless time, None without sources.
    """

    def __init__(self, netlist: Netlist, hamiltonian: Hamiltonian | None = None):
        self.netlist: Netlist = netlist
        self.tree = NormalTree(netlist.elements)
        self.scales: Scales = choose_scales(netlist)
        built = build(netlist, self.tree, self.scales)
        self.hamiltonian = built.hamiltonian if hamiltonian is None else hamiltonian
        self.units = built.units
        self.signals = signals(netlist, self.tree, self.scales)
        self.branches = Branches(netlist, self.tree, self.signals)
        self._voltages = initial_voltages(netlist, self.tree) / self.scales.voltage

    def __repr__(self) -> str:
        netlist = self.netlist
        return f"<Circuit {netlist.title!r}, {len(netlist.elements)} elements>"

    def with_hamiltonian(self, hamiltonian: Hamiltonian) -> "Circuit":
        """The same circuit with other component values, in its netlist too.

        Raises `ValueError` for values that JAX traces: a netlist holds numbers.
        """
        _refuse_traced(hamiltonian)
        other = copy.copy(self)
        other.hamiltonian = hamiltonian
        other.netlist = with_values(self.netlist, other.values())
        for cached in ("expr", "method"):
            other.__dict__.pop(cached, None)
        return other

    def noiseless(self) -> "Circuit":
        """The same circuit at no temperature, for what compares runs."""
        if self.netlist.temperature is None:
            return self
        return Circuit(dataclasses.replace(self.netlist, temperature=None))

    @property
    def y0(self) -> PhaseState:
        """The initial state, dimensionless."""
        return self.initial_state(self.hamiltonian)

    def initial_state(self, H: Hamiltonian) -> PhaseState:
        """Charges that put the initial voltages on the capacitances of `H`; fluxes zero.

        `H` is a Hamiltonian of this circuit, with whatever values; gradient methods take this
        function as their `y0`. Raises `ValueError` for anything else.
        """
        check_hamiltonian(H)
        tree = self.tree
        dtype = jax.tree.leaves(H)[0].dtype
        charges = jnp.zeros(tree.num_coordinates, dtype)
        if tree.capacitors:
            part = linear_capacitors(H)
            linear = part.apply(jnp.asarray(self._voltages, dtype))
            charges = charges.at[: len(tree.capacitors)].set(linear)
            if not isinstance(H, NetworkHamiltonian) and len(H.frame.capacitors_by_source.rows):
                # A source in a loop of capacitors puts charge on the links.
                across = H.frame.capacitors_by_source(self._source_voltages(dtype))
                charges = charges.at[: len(tree.capacitors)].add(part.drawn(across))
        given = [e.ic or 0.0 for e in tree.nonlinear_capacitors]
        if any(given):
            bent = jnp.asarray(given, dtype) / self.scales.charge
            charges = charges.at[len(tree.capacitors) : tree.num_charges].set(bent)
        return PhaseState(jnp.zeros_like(charges), charges)

    def _source_voltages(self, dtype):
        starts = [value_at_start(e.waveform) for e in self.tree.sources]
        return jnp.asarray(starts, dtype) / self.scales.voltage

    @functools.cached_property
    def drive(self) -> SourceDrive | None:
        """t -> [m], what the sources do: currents, then fluxes and voltages, dimensionless."""
        return SourceDrive(self.signals, self.scales.time) if self.signals else None

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

    def port_hamiltonian(self) -> PortHamiltonian:
        """x' = (J - R) dH/dx + G u in SI symbols, also with losses and sources; for people.

        Raises `NetlistError` for networks too large to read, and as `port_hamiltonian` tells.
        """
        return port_hamiltonian(self.netlist, self.tree)

    def latex(self) -> str:
        """The energy and the equations as a LaTeX document; see `port_hamiltonian`."""
        from ._latex import to_latex  # noqa: PLC0415

        return to_latex(self)

    def draw(self) -> "Figure":
        """A schematic-like picture. Raises `NetlistError` for more than 150 elements."""
        from ._draw import draw  # noqa: PLC0415

        return draw(self)

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

    @property
    def default_solver(self) -> AbstractSolver:
        """The method that suits the circuit: SRKN11b, or another where that loses its order.

        Stiff losses, far faster than all oscillations, are left to an implicit method.
        """
        return self.method.solver

    @functools.cached_property
    def method(self) -> Choice:
        """The default method, and why it was chosen."""
        H = self.hamiltonian
        if H.has_exact_flows and len(H.coordinates) <= _MAX_IMPLICIT:
            u = jnp.zeros(len(H.input_names), self.y0.q.dtype)
            omega = float(fastest_frequency(H, self.y0, u))
            if omega and float(fastest_decay(H)) > _STIFF * omega:
                return Choice(
                    GaussLegendre4(Newton()),
                    "some losses are far faster than all oscillations (stiff): Gauss-Legendre "
                    "collocation is stable for any step (implicit, order 4)",
                )
        return default_solver(H)

    def report(self) -> str:
        """What was chosen: states, what is conserved and eliminated, units, losses, and whether
        the circuit is fit for echo learning."""
        return make_report(self)

    def modes(self, y: PhaseState | None = None) -> CircuitModes:
        """Natural frequencies, Q, shapes, and the share of each element in their energy.

        About the state `y`, or that of rest at the sources' values at t = 0 (of nonlinear
        circuits without currents through resistors at rest).

        >>> circuits.Circuit(circuits.ladder(3)).modes().frequencies.round(-6)  # Hz
        array([1.59e+08, 2.76e+08])
        """
        return find_modes(self, y)

    def op(self) -> OperatingPoint:
        """The DC operating point, all sources at their values at t = 0 (a SIN at its offset).

        Capacitors are open and inductive branches shorts. A loop of inductive branches keeps the
        flux of the start (`ic=`, `phase=`, mutual inductances included), nodes that only
        capacitors hold keep their charge (`ic=`, `.ic`). Nonlinear elements are solved for by
        Newton's method from their initial phases, fluxes and charges: of several operating points
        these choose.

        Raises `NetlistError`, naming the elements, for a loop of voltage sources and inductors or
        a cutset of current sources and capacitors, in which something rises for ever, and where
        Newton's method finds no solution.
        """
        return operating_point(self.netlist)

    def settled(self) -> "Circuit":
        """The same circuit, started at its DC operating point instead of its `ic=` and `.ic`.

        This is where SPICE starts a transient without `uic`. Raises `NetlistError` as `op` does.

            >>> rc = circuits.loads("t\\nV1 in 0 2\\nR1 in out 1k\\nC1 out 0 1n\\n")
            >>> rc.settled().netlist.elements[-1].ic  # V
            2.0
        """
        return Circuit(settled(self.netlist, self.op()))

    def ac(
        self, outputs: str | Sequence[str] = (), frequencies: Frequencies = None
    ) -> "xarray.Dataset":
        """Complex amplitudes (V or A) of `outputs` over `frequency`, driven by all AC sources.

        `outputs` are such as `v(out)`, `v(a,b)` or `i(L1)`; none stand for all node voltages.
        `frequencies` are in Hz, a `circuits.Ac`, or None for the `.ac` card, without which they
        are those of `circuits.natural_range`. Nonlinear elements are linearised about the
        operating point. An amplitude a stands for Re(a e^(2 pi i f t)).

        Raises `NetlistError` where no source has an AC amplitude, at a resonance without loss
        (with its frequency), and as `op` does.
        """
        return ac(self.netlist, outputs, frequencies)

    def transfer(
        self, source: str, output: str, frequencies: Frequencies = None
    ) -> Complex[np.ndarray, " f"]:
        """`output` (V or A) for an amplitude of one (V or A) of `source`, the others at rest.

        Whatever the netlist's AC amplitudes are. Raises `NetlistError` as `ac` does.
        """
        return transfer(self.netlist, source, output, frequencies)

    def impedance(
        self, ports: Port | Sequence[Port], frequencies: Frequencies = None
    ) -> Complex[np.ndarray, "f ..."]:
        """Z (Ohm) of one port, a pair of nodes: [f]; of several ports: [f, port, port].

        Z[p, q] is the voltage of port p where 1 A flows into the first node of port q. All
        sources are at rest: voltage sources short, current sources open. Raises `NetlistError`
        as `ac` does, and for a port between parts that nothing connects.
        """
        return impedance(self.netlist, ports, frequencies)

    def admittance(
        self, ports: Port | Sequence[Port], frequencies: Frequencies = None
    ) -> Complex[np.ndarray, "f ..."]:
        """Y (S) of one port or several: the current into port p where port q is held at 1 V.

        The other ports are held at 0 V. It exists where `impedance` may not, of an element in
        series between two ports for instance. Raises `NetlistError` as `ac` does.
        """
        return admittance(self.netlist, ports, frequencies)

    def noise(
        self,
        output: str,
        frequencies: Frequencies = None,
        *,
        source: str | None = None,
        temperature: float | None = None,
    ) -> "xarray.Dataset":
        """The one-sided spectral density of thermal noise at `output`, in V^2/Hz or A^2/Hz.

        `total` is over `frequency` (Hz), `by_resistor` over `frequency` and `resistor`, and with
        a `source` `referred` is the density at that source which would make the same at the
        output. A resistor's current has the density 4 k T / R (Johnson and Nyquist, 1928).
        `temperature` (K) is that of the netlist (`.temp`) where None, and 300.15 K without.

        A nonlinear resistor is taken with its differential conductance at the operating point; a
        negative one is not in equilibrium with anything: it counts as noiseless, with a
        `NetlistWarning`. Raises `NetlistError` as `ac` does, for a temperature below 0 K, and
        for a source that does not reach the output.
        """
        return noise(self.netlist, output, frequencies, source, temperature)

    def ac_sensitivity(self, output: str, frequencies: Frequencies = None) -> "xarray.DataArray":
        """Derivatives of the complex `output` by every value: [frequency, value], in SI.

        Values are named as in `values`, AC magnitudes of sources `V1.ac`; inductances of coupled
        coils move at a fixed coefficient. The operating point of a nonlinear circuit moves with
        the values. Two solves a frequency give all, by the adjoint network (Director and
        Rohrer, 1969). Raises `NetlistError` as `ac` does.
        """
        return ac_sensitivity(self.netlist, output, frequencies)

    def suggest_dt(self, solver: AbstractSolver | None = None) -> float:
        """A step (s) that resolves the sources and the fastest small motion about the start."""
        solver = self.default_solver if solver is None else solver
        u = None if self.drive is None else jax.jit(self.drive)(jnp.zeros((), self.y0.q.dtype))
        dt = suggest_dt(self.hamiltonian, solver, self.y0, u) * self.scales.time
        limits = [shortest_time(signal.waveform) for signal in self.signals]
        if self.netlist.tran and self.netlist.tran.max_step:
            limits.append(self.netlist.tran.max_step)
        return min([dt, *limits])

    def aligned_dt(self, dt: float, *times: float, finest: float | None = None) -> float:
        """At most `dt` (s): a step at whose ends the corners of waveforms lie, and `times` (s).

        `dt` itself where there is no corner, or no such step as long as `finest` (s), by
        default a quarter of `dt`.
        """
        rhythm = [t for signal in self.signals for t in rhythm_of(signal.waveform)]
        return aligned(dt, [*rhythm, *times], finest) if rhythm else dt

    def has_corners(self, t_end: float) -> bool:
        """Whether the slope of some source jumps between the start and `t_end` (s)."""
        times = (t for signal in self.signals for t in corners_of(signal.waveform))
        return any(0 < t <= t_end for t in times)

    def simulate(
        self,
        t_end: float | str | None = None,
        dt: float | str | None = None,
        *,
        solver: AbstractSolver | None = None,
        save_every: int | None = None,
        seed: int = 0,
        progress: bool = False,
    ) -> Result:
        """Run from t = 0 to `t_end` with steps of at most `dt`; results are in SI.

        Times are in s, or text such as `"2.5u"`. The step is shortened so that the run ends
        at `t_end`. The netlist's `.tran` says when to stop where `t_end` does not, from when
        to report, and how often unless `save_every` (steps) does; with `dt` every step is
        reported. Without `dt` a step
        is chosen that resolves the sources and the fastest motion, and is shortened until
        the steps are accurate all along the run, whatever nonlinear elements meet there.
        The default method is `physsim.default_solver`'s. Resistors are noisy where the netlist
        has a temperature; `seed` tells which noise.

        Raises `ValueError` for times that make no sense, and inside of `jax.grad` or `jax.jit`,
        which differentiate and compile `physsim.integrate`; `physsim.DivergenceError` for a
        step beyond stability or a run that diverges. Warns where steps are inaccurate.

        >>> ladder = circuits.Circuit(circuits.ladder(3))
        >>> result = ladder.simulate(t_end="20n", dt="0.1n")
        >>> float(result.t[-1]), result.v("n3").shape
        (2e-08, (201,))
        """
        _refuse_traced((self.hamiltonian, t_end, dt))
        solver = self.default_solver if solver is None else solver
        stop = None if t_end is None else seconds(t_end, "t_end")
        run = Transient(self, solver, stop, save_every, seed, progress)
        try:
            return run.resolved() if dt is None else run.with_steps_of(seconds(dt, "dt"))
        except DivergenceError as error:
            raise error.in_units(self.scales.time, "s") from None


def _refuse_traced(values: Any) -> None:
    if is_traced(values):
        raise ValueError(
            "a circuit's netlist and run hold numbers, which jax.grad, jit and vmap can't trace: "
            "take circuits.sensitivity(circuit, quantity, measure), a gradient method such as "
            "learning.BPTT(), or physsim.integrate(H, solver, circuit.initial_state(H), ...) as a "
            "function of H"
        )


_STIFF = 30.0
_MAX_IMPLICIT = 128


def load(path: str | Path) -> Circuit:
    """Read a netlist file. Raises `NetlistError` (a `ValueError`) with file, line and column.

    Warns (`NetlistWarning`) of nodes that only one terminal touches, such as a misspelt name, of a
    title that reads as a card, and of ohms such as `50M`, which are milliohms.
    """
    return _read(read_netlist(path))


def loads(text: str, file: str = "<netlist>") -> Circuit:
    """Read a netlist from a string; `file` is its name in error messages. Warns as `load` does.

    >>> tank = circuits.loads('''a title
    ... L1 out 0 1u
    ... C1 out 0 1n ic=1
    ... ''')
    >>> tank.netlist.elements[0].inductance, tank.expr
    (1e-06, phi_out**2/(2*L1) + Q_out**2/(2*C1))
    """
    return _read(parse_netlist(text, file))


def _read(netlist: Netlist) -> Circuit:
    warn_of_dangling(netlist)
    return Circuit(netlist)
