"""Imperfect hardware: losses, spreads, flips, converters, each against its definition."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import physsim
from circuits import Imperfections, NetlistError
from physsim import PhaseState

KEY = jax.random.key(3)
TANK = "tank\nC1 a 0 1n ic=1\nL1 a 0 1u\n"
F0 = 1 / (2 * math.pi * math.sqrt(1e-15))


def test_tanks_ring_down_with_their_quality_factors():
    """Losses of the coil, of the capacitor, and of both: 1 / Q = 1 / Q_L + 1 / Q_C."""
    tanks = "".join(TANK.replace("1 a", f"{k} n{k}").split("\n", 1)[1] for k in (1, 2, 3))
    lossy = circuits.with_finite_q(
        circuits.parse_netlist("tanks\n" + tanks),
        frequency=F0,
        inductors={"L1": 80.0, "L3": 80.0},
        capacitors={"C2": 120.0, "C3": 120.0},
    )
    Q = np.array([80.0, 120.0, 48.0])
    circuit = circuits.Circuit(lossy)
    result = circuit.simulate(20 / F0, 1 / F0 / 100, solver=physsim.StormerVerlet())
    # Maxima fall by exp(-pi / sqrt(Q^2 - 1/4)) a period, whatever the start.
    periods = np.arange(19)
    waves = np.stack([result.v(f"n{k}")[50:-51].reshape(19, 100) for k in (1, 2, 3)])
    slopes = np.polyfit(periods, np.log(waves.max(axis=2)).T, 1)[0]
    found = np.sqrt((np.pi / slopes) ** 2 + 0.25)
    assert np.all(np.abs(found / Q - 1) < 1e-3), found
    # s^2 + s omega / Q + omega^2 (1 + R G) = 0, where R G = 1 / Q_L Q_C.
    exact = np.sort(Q * np.sqrt(1 + np.array([0.0, 0.0, 1 / 9600])))
    np.testing.assert_allclose(np.sort(circuit.modes().q_factors), exact, rtol=1e-9)


def test_quality_factors_by_name_and_of_nonlinear_elements():
    netlist = circuits.toda(3, inductance=2e-6, capacitance=3e-12)
    lossy = circuits.with_finite_q(
        netlist, frequency=1e6, inductors={"L*": 50.0, "L2": math.inf}, capacitors={"C3": 200.0}
    )
    resistors = {e.name: e.resistance for e in lossy.elements if isinstance(e, circuits.Resistor)}
    w = 2 * math.pi * 1e6
    assert resistors == pytest.approx(
        {"RQL1": w * 2e-6 / 50, "RQL3": w * 2e-6 / 50, "RQC3": 200 / (w * 3e-12)}, rel=1e-12
    )
    assert circuits.parse_netlist(lossy.to_text()) == lossy
    assert circuits.with_finite_q(netlist, frequency=1e6) == netlist


def test_mismatch_has_its_deviation_and_seed():
    netlist = circuits.ladder(400)
    one, two = (circuits.mismatched(netlist, 0.05, seed=s) for s in (1, 2))
    assert one == circuits.mismatched(netlist, 0.05, seed=1)
    assert one != two
    logs = np.log([e.inductance / 1e-6 for e in one.elements if isinstance(e, circuits.Inductor)])
    count = len(logs)
    assert abs(logs.std() / 0.05 - 1) < 4 / math.sqrt(2 * count)
    assert abs(logs.mean()) < 4 * 0.05 / math.sqrt(count)
    assert one.initial_voltages == netlist.initial_voltages
    assert circuits.mismatched(netlist, 0.0, seed=1) is netlist


def test_drift_changes_components_and_nothing_else():
    deck = TANK.replace("1u", "1u ic=3m") + "R1 a 0 1k\nB1 a 0 icrit=1m phase=0.3\n.temp 27\n"
    circuit = circuits.loads(deck)
    before = circuit.values()
    spread = Imperfections(drift=0.01)
    after = circuit.with_hamiltonian(spread.drifted(circuit.hamiltonian, KEY)).values()
    logs = {name: math.log(after[name] / x) for name, x in before.items()}
    still = {"L1.ic", "B1.phase", "temperature"}
    assert {name for name, x in logs.items() if x == 0} == still
    assert all(0 < abs(x) < 0.05 for name, x in logs.items() if name not in still)
    many = jax.vmap(lambda k: circuits.perturbed(circuit.hamiltonian, 0.01, k).link_resistance)(
        jax.random.split(KEY, 4000)
    )
    assert abs(np.log(np.asarray(many)).std() / 0.01 - 1) < 4 / math.sqrt(8000)
    assert Imperfections().drifted(circuit.hamiltonian, KEY) is circuit.hamiltonian


def oscillators():
    """Three tanks in dimensionless units, and a state of theirs."""
    circuit = circuits.loads("t\nC1 a 0 1\nL1 a 0 1\nC2 b 0 1\nL2 b 0 2\nC3 c 0 1\nL3 c 0 3\n")
    H, omega = circuit.hamiltonian, np.sqrt(1 / np.array([1.0, 2.0, 3.0])) * circuit.scales.time
    return H, omega, PhaseState(jnp.array([0.3, -1.0, 0.5]), jnp.array([0.7, 0.2, -0.9]))


def test_a_perfect_flip_is_exact():
    H, _, y = oscillators()
    back = Imperfections().flipped(H, y, KEY)
    np.testing.assert_array_equal(back.q, y.q)
    np.testing.assert_array_equal(back.p, -y.p)


def test_jitter_catches_each_coordinate_at_its_own_time():
    """Against the exact motion: off by (omega tau)^3 / 6 at most."""
    H, omega, y = oscillators()
    ones, zero = jnp.ones(3), jnp.zeros(3)
    mass = 1 / np.asarray(H.vector_field(zero, ones, jnp.zeros(0))[0])
    back = circuits.flipped(H, y, KEY, jitter=0.02)
    _, tau = np.asarray(jax.random.normal(KEY, (2, 3), y.q.dtype)) * 0.02
    q, p = np.asarray(y.q), np.asarray(y.p)
    c, s = np.cos(omega * tau), np.sin(omega * tau)
    size = np.abs(q) + np.abs(p) / (mass * omega)
    bound = size * np.abs(omega * tau) ** 3 / 6
    assert np.all(np.abs(back.q - (q * c + p * s / (mass * omega))) <= 1.01 * bound)
    assert np.all(np.abs(-back.p - (p * c - q * s * mass * omega)) <= 1.01 * mass * omega * bound)
    assert np.all(np.abs(back.q - q) > 10 * bound)


def test_gain_and_jitter_have_their_deviations():
    H, _, y = oscillators()
    keys = jax.random.split(KEY, 4000)
    back = jax.vmap(lambda k: circuits.flipped(H, y, k, gain=0.03))(keys)
    np.testing.assert_array_equal(back.q, jnp.broadcast_to(y.q, back.q.shape))
    gains = -np.asarray(back.p) / np.asarray(y.p) - 1
    assert np.all(np.abs(gains.std(0) / 0.03 - 1) < 4 / math.sqrt(8000))
    assert np.all(np.abs(np.corrcoef(gains.T) - np.eye(3)) < 4 / math.sqrt(4000))
    back = jax.vmap(lambda k: circuits.flipped(H, y, k, jitter=1e-4))(keys)
    velocity = np.asarray(H.vector_field(y.q, y.p, jnp.zeros(0))[0])
    delays = (np.asarray(back.q) - np.asarray(y.q)) / velocity
    assert np.all(np.abs(delays.std(0) / 1e-4 - 1) < 4 / math.sqrt(8000) + 1e-3)


@pytest.mark.parametrize("bits", [1, 4, 10])
def test_quantiser_step_variance_and_range(bits):
    step = 2.0 / 2 ** (bits - 1)
    x = jnp.linspace(-3.0, 3.0, 60001)
    y = np.asarray(circuits.quantised(x, bits, 2.0))
    levels = np.unique(y)
    assert len(levels) == 2**bits
    np.testing.assert_allclose(levels, -2.0 + step * np.arange(2**bits), rtol=0, atol=1e-12)
    inside = (np.asarray(x) > -2 - step / 2) & (np.asarray(x) < 2 - 1.5 * step)
    error = y[inside] - np.asarray(x)[inside]
    assert np.abs(error).max() <= step / 2 * (1 + 1e-9)
    assert abs(error.var() / (step**2 / 12) - 1) < 0.01
    assert circuits.quantised(x, None, 2.0) is x


def test_a_record_has_noise_and_steps():
    hardware = Imperfections(readout_noise=1e-2, adc_bits=12, dac_bits=3)
    x = jnp.sin(jnp.linspace(0.0, 700.0, 40000))
    read = np.asarray(hardware.measured(x, KEY, 2.0))
    step = 2.0 / 2**11
    variance = (1e-2 * 2.0) ** 2 + step**2 / 12
    assert abs((read - np.asarray(x)).var() / variance - 1) < 4 * math.sqrt(2 / x.size)
    np.testing.assert_allclose(read / step, np.round(read / step), atol=1e-9)
    np.testing.assert_array_equal(read, hardware.measured(x, KEY, 2.0))
    assert len(np.unique(hardware.driven(x, 2.0))) == 5


def test_a_device_is_built_from_the_description():
    netlist = circuits.parse_netlist(TANK)
    hardware = Imperfections(q_inductors=50.0, q_capacitors=90.0, mismatch=0.1, temperature=4.2)
    device = hardware.built(netlist, frequency=F0, seed=5)
    assert device == hardware.built(netlist, frequency=F0, seed=5)
    assert device != hardware.built(netlist, frequency=F0, seed=6)
    assert device.temperature == 4.2
    assert [e.name for e in device.elements] == ["C1", "RQC1", "L1", "RQL1"]
    assert Imperfections().built(netlist) == netlist
    scales = circuits.Circuit(netlist).scales
    plain = Imperfections(flip_jitter=1e-9, temperature=300.0).in_units(scales)
    assert plain.flip_jitter == pytest.approx(1e-9 / scales.time, rel=1e-15)
    assert plain.temperature == pytest.approx(1.380649e-23 * 300 / scales.energy, rel=1e-15)


def test_perfect_hardware_reverses_and_imperfect_does_not():
    """Run, flip, run: the start to rounding, or off by about what the flip did."""
    H, _, y = oscillators()
    options = {"dt": 0.05, "num_steps": 200, "save_every": 200}
    solver = physsim.SRKN11b()
    end = physsim.integrate(H, solver, y, **options).final

    def defect(hardware):
        back = physsim.integrate(H, solver, hardware.flipped(H, end, KEY), **options).final
        return float(jnp.max(jnp.abs(jnp.concatenate([back.q - y.q, back.p + y.p]))))

    assert defect(Imperfections()) < 1e-13
    assert 1e-4 < defect(Imperfections(flip_gain=1e-3)) < 1e-2
    assert 1e-4 < defect(Imperfections(flip_jitter=1e-3)) < 1e-2


FAULTS = [
    (lambda: Imperfections(q_inductors=0.0), "q_inductors has to be positive"),
    (lambda: Imperfections(mismatch=-0.1), "mismatch has to be finite and not negative"),
    (lambda: Imperfections(drift=math.nan), "drift has to be"),
    (lambda: Imperfections(adc_bits=0), "adc_bits has to be a whole number"),
    (lambda: Imperfections(q_capacitors=9.0).built(circuits.ladder(3)), "need the frequency"),
    (lambda: finite_q(frequency=0.0), "frequency has to be positive"),
    (lambda: finite_q(frequency=1.0, inductors=-1.0), "inductors: a quality factor"),
    (lambda: finite_q(frequency=1.0, capacitors={"L1": 5.0}), "none whose name fits 'L1'"),
    (
        lambda: circuits.with_finite_q(
            circuits.parse_netlist("t\nC1 a 0 1\nB1 a 0 energy={flux**4}\n", "a.cir"),
            frequency=1.0,
            inductors=5.0,
        ),
        "a.cir:3:1: B1 has no positive L at zero",
    ),
]


def finite_q(**options):
    return circuits.with_finite_q(circuits.ladder(3), **options)


@pytest.mark.parametrize("build, message", FAULTS, ids=[m for _, m in FAULTS])
def test_descriptions_that_make_no_sense(build, message):
    with pytest.raises(NetlistError, match=re.escape(message)):
        build()
