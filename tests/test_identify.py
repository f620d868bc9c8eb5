"""Component values from measured waveforms: found, doubted, and refused where they can't be."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import learning

RNG = np.random.default_rng(5)


class Oscillator(eqx.Module):
    """A damped, stiffening spring; its velocity is hidden."""

    stiffness: jax.Array
    damping: jax.Array
    bend: jax.Array

    def __call__(self, z, x):
        force = -self.stiffness * z[0] - self.damping * z[1] - self.bend * z[0] ** 3 + x[0]
        return jnp.stack([z[1], force])


START = jnp.asarray([1.2, 0.1, 0.3])
TRUTH = np.array([1.0, 0.12, 0.36])
STEPS, DT = 600, 0.15
DRIVE = jnp.asarray(np.cos(0.9 * DT * np.arange(STEPS))[:, None])


def spring(values):
    return learning.RungeKutta4(Oscillator(*values), DT, 2)


def position(logs):
    observation = learning.MaskedObservation((0,), 2)
    return spring(START * jnp.exp(logs)), observation


def measured_box(make=position, names=("k", "c", "b"), noise=0.02, seed=0):
    """A grey box of noisy positions."""
    z0 = jnp.asarray([1.0, 0.0])
    zs = learning.solve(spring(jnp.asarray(TRUTH)), z0, DRIVE, solver=learning.Hybrid()).zs
    x = np.concatenate([[1.0], np.asarray(zs)[:, 0]])
    x = x + noise * x.std() * np.random.default_rng(seed).normal(size=x.shape)
    return learning.GreyBox(make, names, 2, jnp.asarray(x[:, None]), DRIVE)


@pytest.fixture(scope="module")
def found():
    return learning.identify(measured_box(noise=0.1), alpha=0.5, window=100, progress=False)


def test_values_and_their_deviations(found):
    values = np.asarray(START) * found.factors
    miss = np.log(values / TRUTH)
    assert np.all(np.abs(miss) < 0.15)
    # Neither far less sure than it is off, nor far more.
    assert np.all(np.abs(miss) < 4 * found.deviations)
    assert np.all(found.deviations < 0.1)
    assert found.window == 100
    spread = float(np.std(np.asarray(measured_box(noise=0.0).data)))
    assert np.std(found.residuals) == pytest.approx(0.1 * spread, rel=0.1)


def test_hidden_state_is_found(found):
    """The velocity where the windows start, which nobody measured."""
    z0 = jnp.asarray([1.0, 0.0])
    zs = learning.solve(spring(jnp.asarray(TRUTH)), z0, DRIVE, solver=learning.Hybrid()).zs
    exact = np.concatenate([np.asarray(z0)[None], zs])[::100][: len(found.states)]
    np.testing.assert_allclose(found.states, exact, atol=0.15)


def test_forcing_by_noise_biases_and_free_windows_do_not(found):
    biased = np.log(np.asarray(START) * found.forced_factors / TRUTH)
    freed = np.log(np.asarray(START) * found.factors / TRUTH)
    assert np.linalg.norm(freed) < np.linalg.norm(biased)


def test_without_noise_values_are_exact():
    exact = learning.identify(measured_box(noise=0.0), window=50, progress=False)
    np.testing.assert_allclose(np.asarray(START) * exact.factors, TRUTH, rtol=1e-6)


def test_values_that_act_together_are_named():
    def make(logs):
        values = START * jnp.exp(jnp.stack([logs[0] + logs[3], logs[1], logs[2]]))
        return spring(values), learning.MaskedObservation((0,), 2)

    box = measured_box(make, ("k", "c", "b", "twin"))
    with pytest.raises(ValueError, match=r"does not tell k, twin: .* rank 3 for 4"):
        learning.identify(box, progress=False)


def test_sensitivity_of_what_is_projected_out():
    matrix = RNG.normal(size=(50, 3))
    # The second value does what the unknown start does.
    columns = np.column_stack([matrix[:, 0], matrix[:, 1], 2 * matrix[:, 1]])
    table = learning.sensitivity(columns, ("a", "b"))
    assert table.rank == 1 and table.unidentifiable() == ("b",)
    free = learning.sensitivity(matrix, ("a", "b"))
    assert free.rank == 2 and free.unidentifiable() == ()


def test_deviations_of_a_linear_fit():
    """White residuals: s^2 (J^T J)^-1, on average over 50 fits."""
    found = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        matrix = rng.normal(size=(3000, 2)) * [1.0, 3.0]
        table = learning.sensitivity(np.column_stack([matrix, np.zeros(3000)]), ("a", "b"))
        found.append(np.diag(table.covariance(0.5 * rng.normal(size=(3000, 1)))))
    expected = 0.5 / np.sqrt(3000) / np.array([1.0, 3.0])
    np.testing.assert_allclose(np.sqrt(np.mean(found, axis=0)), expected, rtol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.5}, "alpha must lie in"),
        ({"first_alpha": -1.0}, "alpha must lie in"),
        ({"window": 10}, "from 25 samples to half of the 601"),
        ({"window": 400}, "from 25 samples to half of the 601"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        learning.identify(measured_box(), progress=False, **options)


TANK = """a lossy tank
C1 out 0 1n ic=1
L1 out 0 {l}
R1 out 0 {r}
"""
TIMES = 2e-8 * np.arange(700)


def waveform(noise=0.01):
    """v(out) of 1 nF, 1 uH and 500 Ohm from 1 V: the closed form."""
    a, w0 = 1 / (2 * 500 * 1e-9), 1 / np.sqrt(1e-15)
    w = np.sqrt(w0**2 - a**2)
    v = np.exp(-a * TIMES) * (np.cos(w * TIMES) - a / w * np.sin(w * TIMES))
    return v + noise * np.random.default_rng(2).normal(size=v.shape)


def write(path, times, *columns, header="time,v(out)"):
    rows = "\n".join(",".join(f"{x:.9g}" for x in row) for row in zip(times, *columns, strict=True))
    path.write_text(f"{header}\n{rows}\n")


@pytest.fixture
def run(run, tmp_path):
    """In a folder with a tank whose values are 20 % off."""
    (tmp_path / "tank.cir").write_text(TANK.format(l="1.2u", r="400"))
    return run


def test_command_writes_values_netlist_and_plots(run, tmp_path):
    write(tmp_path / "scope.csv", 1e6 * TIMES, 1e3 * waveform(), header="time [us],v(out) [mV]")
    code, _, err = run("identify", "tank.cir", "scope.csv", "--known", "C1", "--window", "25")
    assert code == 0, err
    figures = json.loads((tmp_path / "out" / "tank_identified.json").read_text())
    for name, truth in (("L1.L", 1e-6), ("R1.R", 500.0)):
        row = figures["values"][name]
        assert row["value"] == pytest.approx(truth, rel=max(4 * row["relative_sd"], 1e-4))
        assert row["relative_sd"] < 0.02
    assert figures["rms_residual"]["v(out)"] == pytest.approx(0.01, rel=0.1)
    assert (tmp_path / "out" / "tank_identified.png").stat().st_size > 10_000
    after = circuits.load(tmp_path / "out" / "tank_identified.cir").values()
    assert after["R1.R"] == pytest.approx(figures["values"]["R1.R"]["value"], rel=1e-12)


def test_voltages_alone_do_not_tell_the_impedance(run, tmp_path):
    write(tmp_path / "scope.csv", TIMES, waveform())
    code, _, err = run("identify", "tank.cir", "scope.csv")
    assert code == 2 and "does not tell C1.C, L1.L, R1.R" in err and "rank 2 for 3" in err


def gap(times):
    return np.where(np.arange(len(times)) > 99, times + 5e-6, times)


def jitter(times):
    return times + np.where(np.arange(len(times)) == 41, 5e-9, 0)


@pytest.mark.parametrize(
    ("times", "header", "options", "message"),
    [
        (
            gap(TIMES),
            "time,v(out)",
            [],
            "scope.csv:102: the step is 5.02e-06 s where most are 2e-08",
        ),
        (jitter(TIMES), "time,v(out)", [], "times must be uniform; --resample interpolates"),
        (1e3 * TIMES, "time,v(out)", [], "too coarse for a circuit"),
        (1e-4 * TIMES, "time,v(out)", [], "shorter than one period"),
        (TIMES, "time,v(in)", [], "there is no node 'in'"),
        (TIMES, "time,v(out) [mA]", [], "unit"),
        (TIMES, "time [V],v(out)", [], "unit"),
        (TIMES, "time,v(out)", ["--alpha", "1.2"], "alpha must lie in [0, 1]"),
        (TIMES, "time,v(out)", ["--known", "C7"], "--known: no value 'C7'"),
        (TIMES, "time,v(out)", ["--known", "*"], "no values are left"),
        (TIMES[:30], "time,v(out)", [], "30 samples are too few"),
    ],
)
def test_bad_input_is_one_sentence(run, tmp_path, times, header, options, message):
    write(tmp_path / "scope.csv", times, waveform()[: len(times)], header=header)
    code, _, err = run("identify", "tank.cir", "scope.csv", *options)
    assert code == 2 and err.startswith("error: ") and message in err and "Traceback" not in err


def test_columns_that_tell_nothing(run, tmp_path):
    write(tmp_path / "scope.csv", TIMES, 0 * TIMES + 0.3)
    assert "v(out) is constant" in run("identify", "tank.cir", "scope.csv")[2]
    write(tmp_path / "scope.csv", TIMES, waveform(), waveform(), header="time,v(out),out")
    assert "two columns" in run("identify", "tank.cir", "scope.csv")[2]
    text = (tmp_path / "scope.csv").read_text().splitlines()
    text[5] = text[5].split(",")[0] + ",,"
    (tmp_path / "scope.csv").write_text("\n".join(text))
    assert "scope.csv:6: expected" in run("identify", "tank.cir", "scope.csv")[2]


def test_the_bundled_record_fits_the_bundled_netlist():
    from physsim.cli._bundled import find_input
    from physsim.cli._measured import read_measured

    circuit = circuits.load(find_input(Path("chua.cir")))
    measured = read_measured(find_input(Path("chua_scope.csv")), resample=False)
    assert measured.quantities == ("v(one)", "v(two)") and len(measured.values) == 2000
    assert all(circuit.readout(q) is not None for q in measured.quantities)
    # Volts and seconds: the double scroll is some volts high.
    assert 1 < measured.values[:, 0].std() < 3
