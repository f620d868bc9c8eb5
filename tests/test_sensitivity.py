"""Sensitivities against finite differences of the whole analysis, and closed forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
from circuits._ac import ac
from circuits._ac_sensitivity import ac_sensitivity
from circuits._values import values_of, with_values
from learning import ReversibleAdjoint

from .small_signal_decks import COUPLED, JUNCTIONS, RLC

TWO_PORTS = """two-ports
V1 in 0 AC 1
R1 in a 30
L1 a p 1u
P1 p 0 s t ratio=2.5
C2 s t 2n
L2 s t 0.5u
R2 t 0 20
P2 s t w 0 gyrator=20m
C3 w 0 1n
R3 w 0 100
"""
BENT = """resistors that bend, a capacitor and an inductor that do
V1 in 0 DC 0.8 AC 1
R1 in a 100
B1 a 0 i={is*(exp(v/vt) - 1)} is=1u vt=0.1
C1 a 0 1n
R2 a b 50
B2 b c energy={flux^2/(2*l0) + quart*flux^4} l0=1u quart=1e21
R3 c 0 300
B3 c 0 energy={charge^2/(2*c0) + hard*charge^4} c0=1n hard=1.5e26
P1 c 0 d 0 gyrator=2m
R4 d 0 200
C4 d 0 1n
"""
# A loop whose flux is kept, an island whose charge is.
KEPT = """a superconducting loop, an island
I1 0 a DC 0.05m AC 1u
C1 a 0 70f
R1 a 0 8
B1 a 0 icrit=0.1m phase=0.4
L1 a b 2p ic=20u
L2 b 0 5p
K1 L1 L2 0.3
C2 a i 30f ic=1m
B2 i 0 energy={charge^2/(2*c0) + hard*charge^4} c0=40f hard=2e41
"""
FREQUENCIES = {JUNCTIONS: [3e10, 2e11], KEPT: [3e10, 2e11]}


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        (RLC, ["v(out)", "i(R1)", "i(C1)", "i(L1)"]),
        (COUPLED, ["v(b)", "i(L3)"]),
        (TWO_PORTS, ["v(s,t)", "i(P2)", "i(P1)"]),
        (BENT, ["i(B1)", "i(B2)", "i(B3)"]),
        (JUNCTIONS, ["v(a)", "i(B2)"]),
        (KEPT, ["i(B1)", "i(B2)"]),
    ],
    ids=["rlc", "coupled", "two-ports", "bent", "junctions", "kept"],
)
def test_finite_differences_agree(text, outputs):
    netlist = circuits.parse_netlist(text)
    frequencies = np.array(FREQUENCIES.get(text, [1e6, 7e6]))
    names = [n for n in values_of(netlist) if not n.endswith((".ic", ".phase"))]
    slopes = [ac_sensitivity(netlist, output, frequencies) for output in outputs]
    values = ac(netlist, outputs, frequencies)
    assert {n for n in slopes[0].value.values if not n.endswith(".ac")} == set(names)
    for name in names:
        value = values_of(netlist)[name]
        step = 1e-4 * value
        ends = [ac(with_values(netlist, {name: value + d}), outputs, frequencies)
                for d in (-2 * step, -step, step, 2 * step)]  # fmt: skip
        for output, found in zip(outputs, slopes, strict=True):
            a, b, c, d = (end[output].values for end in ends)
            expected = (a - 8 * b + 8 * c - d) / 12 / step
            scale = np.abs(values[output].values) / value
            error = np.abs(found.sel(value=name).values - expected) / np.maximum(
                np.abs(expected), 1e-2 * scale
            )
            assert np.max(error) <= 1e-6, (name, output)


def test_sources_scale_the_response():
    found = circuits.loads(RLC).ac_sensitivity("v(out)", [1e6])
    one = circuits.loads(RLC).transfer("I1", "v(out)", [1e6])
    np.testing.assert_allclose(found.sel(value="I1.ac"), one, rtol=1e-12)


TANKS = """two coupled tanks
C1 in 0 1n ic=1
L1 in 0 1u
C2 out 0 1.2n
L2 out 0 0.9u
L12 in out 4u
"""


def test_figures_of_a_run_by_finite_differences():
    circuit = circuits.loads(TANKS)
    run = {"t_end": 1e-6, "dt": 4e-9}
    figure = functools.partial(circuits.crossing, count=2)
    found = circuits.sensitivity(circuit, "v(out)", figure, **run)
    values = circuit.values()
    names = ["C1.C", "L2.L", "L12.L"]
    columns = {name: np.tile(values[name], 4 * len(names)) for name in names}
    for k, name in enumerate(names):
        columns[name][4 * k : 4 * k + 4] *= 1 + 1e-4 * np.array([-2, -1, 1, 2])
    columns = {name: column.tolist() for name, column in columns.items()}
    waves = circuits.sweep(circuit, columns, "v(out)", **run)
    t = jnp.asarray(waves.time.values)
    times = [float(figure(t, jnp.asarray(wave[0].values))) for wave in waves]
    for k, name in enumerate(names):
        a, b, c, d = times[4 * k : 4 * k + 4]
        expected = (a - 8 * b + 8 * c - d) / 12 / (1e-4 * values[name])
        np.testing.assert_allclose(found.sel(value=name), expected, rtol=1e-6)
    np.testing.assert_allclose(found.attrs["figure"], np.mean(times), rtol=1e-3)


@pytest.mark.slow
def test_the_reversible_adjoint_finds_the_same():
    """Backwards from the derivative of the figure by every sample, and forwards with each value."""
    circuit = circuits.loads(TANKS)
    solver, dt = circuit.default_solver, 4e-9
    run = circuit.simulate(1e-6, dt, solver=solver)
    t = jnp.asarray(run.t)
    weights = jax.grad(lambda x: circuits.rms(t, x))(jnp.asarray(run.v("out")))
    readout = circuit.readout("v(out)")

    def cost(H, y, u, weight):
        return weight * readout(H, y, u)

    _, gradients = ReversibleAdjoint()(
        circuit.hamiltonian, solver, circuit.initial_state, cost,
        dt=dt / circuit.scales.time, num_steps=len(t) - 1, targets=weights[1:],
    )  # fmt: skip
    backward = jax.tree.map(lambda g, unit: g / unit, gradients.params, circuit.units)
    backward = np.concatenate([np.ravel(x) for x in jax.tree.leaves(backward)])
    found = circuits.sensitivity(circuit, "v(out)", circuits.rms, t_end=1e-6, dt=dt)
    np.testing.assert_allclose(found.attrs["figure"], circuits.rms(t, run.v("out")), rtol=1e-12)
    size = np.max(np.abs(found * list(circuit.values().values())))
    scaled = (backward - found) * np.array(list(circuit.values().values()))
    assert np.max(np.abs(scaled)) <= 1e-9 * size


def test_a_figure_that_does_not_occur():
    with pytest.raises(ValueError, match="does not occur"):
        circuits.sensitivity(
            circuits.loads(TANKS), "v(out)", functools.partial(circuits.crossing, level=9.0),
            t_end=1e-6, dt=4e-9,
        )  # fmt: skip
