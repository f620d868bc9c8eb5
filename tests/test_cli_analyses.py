"""The commands of analyses: what they print, write and refuse."""

import json

import numpy as np
import pytest
from scipy.constants import k as BOLTZMANN
from scipy.stats import norm
from typer.testing import CliRunner

import circuits
from physsim.cli._analysis import si
from physsim.cli._commands import register
from physsim.cli._main import app

RLC = """a filter with losses
V1 in 0 DC 1 AC 1
R1 in a 50
L1 a out 1u
C1 out 0 1n
R2 out 0 1k
.ac dec 5 100k 100meg
.tran 5n 500n
.tolerance C*=5%
.temp 27
"""
TANK = """a tank
C1 out 0 1n ic=1
L1 out 0 1u
.tran 2n 300n
.tolerance C*=5%
"""
RESONATOR = """of quality 31.6 at 5.033 MHz
I1 0 out AC 1m
R1 out 0 1k
C1 out 0 1n
L1 out 0 1u
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs `physsim ...` beside rlc.cir and tank.cir; gives what it prints, or its error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rlc.cir").write_text(RLC)
    (tmp_path / "tank.cir").write_text(TANK)
    (tmp_path / "resonator.cir").write_text(RESONATOR)

    def call(*arguments, fails=None):
        register()
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})
        if fails is None:
            assert result.exit_code == 0, result.output + repr(result.exception)
            return result.output
        assert isinstance(result.exception, ValueError), result.output
        message = str(result.exception)
        assert "\n" not in message and fails in message, message
        return message

    return call


def table(path):
    return np.genfromtxt(path, delimiter=",", names=True, deletechars="")


@pytest.mark.parametrize("command", ["op", "modes", "ac", "noise", "mc", "sweep"])
def test_help_teaches(run, command):
    shown = run(command, "--help")
    assert "Example" in shown and f"physsim {command}" in shown and "--out" in shown


def test_op(run, tmp_path):
    shown = run("op", "rlc.cir")
    assert "952.381 mV" in shown and "stable" in shown
    rows = (tmp_path / "out" / "rlc_op.csv").read_text().splitlines()
    found = dict(row.rsplit(",", 2)[:2] for row in rows[1:])
    np.testing.assert_allclose(float(found["v(out)"]), 1 / 1.05, rtol=1e-10)
    np.testing.assert_allclose(float(found["i(V1)"]), -1 / 1050, rtol=1e-10)
    assert (tmp_path / "out" / "rlc_op.png").stat().st_size > 5_000


def test_op_at_rest_has_no_plot(run, tmp_path):
    (tmp_path / "still.cir").write_text("t\nC1 a 0 1n\nL1 a 0 1u\nR1 a 0 1k\n")
    assert "all is at rest" in run("op", "still.cir")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["still_op.csv"]


def test_modes(run, tmp_path):
    shown = run("modes", "rlc.cir", "--out", "r")
    assert "3.1821 MHz" in shown and "L1 50 %" in shown
    found = table(tmp_path / "r" / "rlc_modes.csv")
    # s^2 + s (R1/L + 1/(R2 C)) + (1 + R1/R2)/(L C) = 0
    roots = np.roots([1, 50 / 1e-6 + 1 / 1e-6, 1.05 / 1e-15])
    np.testing.assert_allclose(found["frequency_(Hz)"], abs(roots[0].imag) / 2 / np.pi, rtol=1e-9)
    np.testing.assert_allclose(found["rate_(1/s)"], -roots[0].real, rtol=1e-9)
    assert (tmp_path / "r" / "rlc_modes.png").stat().st_size > 5_000


def test_modes_leave_conserved_charges_out(run):
    """The whole ladder floats: one charge is conserved, and is no mode."""
    shown = run("modes", "lc_ladder.cir")
    assert "62.0992 MHz" in shown and "decays" not in shown and "-0 " not in shown
    assert "1 left out, as it is conserved: the charge of n1 n2 n3 n4 n5 n6 n7 n8" in shown


def test_ac(run, tmp_path):
    shown = run("ac", "rlc.cir", "--node", "out", "--measure", "i(L1)")
    assert "v(out)" in shown and "-3 dB" in shown
    found = table(tmp_path / "out" / "rlc_ac.csv")
    s = 2j * np.pi * found["frequency_(Hz)"]
    load = 1 / (1e-3 + s * 1e-9)
    current = 1 / (50 + s * 1e-6 + load)
    np.testing.assert_allclose(found["re_v(out)"], (current * load).real, rtol=1e-9)
    np.testing.assert_allclose(found["dB_i(L1)"], 20 * np.log10(abs(current)), rtol=1e-9)
    np.testing.assert_allclose(found["degrees_i(L1)"], np.rad2deg(np.angle(current)), rtol=1e-9)
    assert found.size == 16  # 3 decades of the .ac card
    assert (tmp_path / "out" / "rlc_ac.png").stat().st_size > 10_000


def test_ac_impedance(run, tmp_path):
    shown = run("ac", "rlc.cir", "--port", "out", "--port", "in,a", "--sweep", "lin 3 1meg 3meg")
    assert "Z(out)" in shown and "Z(out;in-a)" in shown
    found = table(tmp_path / "out" / "rlc_impedance.csv")
    s = 2j * np.pi * found["frequency_(Hz)"]
    expected = 1 / (1e-3 + s * 1e-9 + 1 / (50 + s * 1e-6))
    np.testing.assert_allclose(found["frequency_(Hz)"], [1e6, 2e6, 3e6])
    np.testing.assert_allclose(found["im_Z(out)"], expected.imag, rtol=1e-9)


def test_ac_without_cards(run, tmp_path):
    """The one source there is drives; frequencies are those around the natural ones."""
    text = "driven\nI1 0 a SIN(0 1m 5meg)\nR1 a 0 1k\nL1 a 0 1u\nC1 a 0 1n\n"
    (tmp_path / "driven.cir").write_text(text)
    shown = run("ac", "driven.cir")
    assert "amplitude of 1 of I1" in shown and "around natural frequencies" in shown
    found = table(tmp_path / "out" / "driven_ac.csv")
    f = found["frequency_(Hz)"]
    middle = 1 / (2 * np.pi * np.sqrt(1e-15))
    np.testing.assert_allclose([f[0], f[-1]], [middle / 5, middle * 5], rtol=0.03)
    assert abs(found["dB_v(a)"].max() - 60) < 0.1


def test_noise(run, tmp_path):
    shown = run("noise", "rlc.cir", "--source", "V1", "--sweep", "dec 20 10k 1g")
    assert "300.15 K" in shown and "R1" in shown
    found = table(tmp_path / "out" / "rlc_noise.csv")
    f = found["frequency_(Hz)"]
    total = found["total_(V^2/Hz)"]
    np.testing.assert_allclose(total, found["R1_(V^2/Hz)"] + found["R2_(V^2/Hz)"], rtol=1e-9)
    variance = np.trapezoid(total, f)
    np.testing.assert_allclose(variance, BOLTZMANN * 300.15 / 1e-9, rtol=0.02)
    # At low frequencies: 4 k T (R1 || R2), seen through the divider.
    np.testing.assert_allclose(total[0], 4 * BOLTZMANN * 300.15 * 1e3 / 21, rtol=1e-3)
    referred = found["referred_to_V1_(V^2/Hz)"]
    np.testing.assert_allclose(referred[0], total[0] * 1.05**2, rtol=1e-3)
    assert (tmp_path / "out" / "rlc_noise.png").stat().st_size > 10_000


def test_a_peak_beyond_the_sweep_is_told(run):
    beyond = run("ac", "rlc.cir", "--node", "out", "--sweep", "dec 5 100meg 1g")
    assert "none: the peak is beyond the sweep" in beyond
    cut = run("ac", "resonator.cir", "--sweep", "lin 50 5meg 6meg")
    assert "below 5 MHz to 5.11" in cut


def test_samples_that_derivatives_do_not_predict(run):
    """At a resonance the gain bends: its derivative by C1 is next to nothing."""
    words = ("mc", "resonator.cir", "--figure", "gain v(out) at=5.033meg", "--samples", "60")
    assert "go by the samples" in run(*words, "--tolerance", "C1=10%")
    assert "go by the samples" not in run(*words, "--tolerance", "R1=1%")


def test_mc(run, tmp_path):
    """The third quarter of a period, which goes as the square root of C1."""
    run("mc", "tank.cir", "--figure", "crossing v(out)", "--samples", "60", "--high", "150n")
    figures = json.loads((tmp_path / "out" / "tank_mc_crossing_v_out.json").read_text())
    found = table(tmp_path / "out" / "tank_mc_crossing_v_out.csv")
    x = found["crossing_v(out)"]
    np.testing.assert_allclose(x, 1.5 * np.pi * np.sqrt(1e-6 * found["C1.C"]), rtol=1e-5)
    assert x.size == 60 and figures["samples"] == 60
    low, high = figures["yield_interval"]
    assert figures["yield"] == np.mean(x <= 150e-9) and low <= figures["yield"] <= high
    deviation = 0.05 / 2 * figures["nominal"]
    np.testing.assert_allclose(figures["predicted_deviation"], deviation, rtol=1e-3)
    share = norm.cdf((150e-9 - figures["nominal"]) / deviation)
    np.testing.assert_allclose(figures["predicted_yield"], share, rtol=1e-3)
    assert low <= share <= high
    assert (tmp_path / "out" / "tank_mc_crossing_v_out.png").stat().st_size > 10_000


def test_sweep(run, tmp_path):
    shown = run("sweep", "tank.cir", "--vary", "C1=1n:2n:3", "--figure", "crossing v(out)")
    assert "1.5 nF" in shown
    found = table(tmp_path / "out" / "tank_sweep_crossing_v_out.csv")
    np.testing.assert_allclose(found["C1.C"], [1e-9, 1.5e-9, 2e-9])
    expected = 1.5 * np.pi * np.sqrt(1e-6 * found["C1.C"])
    np.testing.assert_allclose(found["crossing_v(out)"], expected, rtol=1e-5)
    run("sweep", "tank.cir", "--vary", "C1=1n,2n,3n", "--node", "out", "--out", "w")
    t, *waves = np.loadtxt(tmp_path / "w" / "tank_sweep.csv", delimiter=",", skiprows=1).T
    for wave, C in zip(waves, (1e-9, 2e-9, 3e-9), strict=True):
        np.testing.assert_allclose(wave, np.cos(t / np.sqrt(1e-6 * C)), atol=1e-5)
    for picture in ("out/tank_sweep_crossing_v_out.png", "w/tank_sweep.png"):
        assert (tmp_path / picture).stat().st_size > 10_000


def test_mc_and_sweep_of_a_response(run, tmp_path):
    """What `ac` says is the -3 dB band of the nominal circuit."""
    shown = run("ac", "rlc.cir", "--node", "out", "--sweep", "dec 20 1k 1g")
    circuit = circuits.load(tmp_path / "rlc.cir")
    grid = ("--sweep", "dec 20 1k 1g")
    words = ("--figure", "cutoff v(out)", "--tolerance", "C1=5%", *grid)
    run("mc", "rlc.cir", *words, "--samples", "30")
    edge = json.loads((tmp_path / "out" / "rlc_mc_cutoff_v_out.json").read_text())["nominal"]
    low, at = (abs(circuit.ac("v(out)", [f])["v(out)"].values[0]) for f in (1e3, edge))
    np.testing.assert_allclose(at, low / np.sqrt(2), rtol=1e-9)
    assert f"up to {si(edge, 'Hz')}" in shown
    run("sweep", "rlc.cir", "--vary", "C1=1n,2n", "--figure", "gain v(out) at=1meg")
    found = table(tmp_path / "out" / "rlc_sweep_gain_v_out_at_1meg.csv")["gain_v(out)_at=1meg"]
    np.testing.assert_allclose(
        found[0], abs(circuit.ac("v(out)", [1e6])["v(out)"].values[0]), rtol=1e-9
    )
    assert found[1] < found[0]


def test_an_only_source_drives_a_response_without_an_ac_amplitude(run, tmp_path):
    deck = (tmp_path / "rlc.cir").read_text()
    (tmp_path / "plain.cir").write_text(deck.replace("AC 1", ""))
    words = ("--vary", "R2=1k", "--figure", "gain v(out) at=1meg")
    assert "to an amplitude of 1 of V1" in run("sweep", "plain.cir", *words)
    run("sweep", "rlc.cir", *words)
    plain, given = (
        (tmp_path / "out" / f"{name}_sweep_gain_v_out_at_1meg.csv").read_text()
        for name in ("plain", "rlc")
    )
    assert plain == given


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("op", "nowhere.cir"), "nowhere.cir"),
        (("ac", "rlc.cir", "--node", "x"), "no node 'x'"),
        (("ac", "rlc.cir", "--sweep", "dec 20 1k"), "expected dec, oct or lin"),
        (("ac", "rlc.cir", "--sweep", "dec 20 1meg 1k"), "below stop"),
        (("ac", "rlc.cir", "--port", "a,b,c"), "expected two nodes"),
        (("ac", "rlc.cir", "--source", "R1"), "R1 is no source"),
        (("noise", "rlc.cir", "--node", "a", "--node", "out"), "one output"),
        (("noise", "rlc.cir", "--temp", "-1"), "below 0 K"),
        (("noise", "coupled_lc.cir", "--sweep", "lin 2 1k 2k"), "no resistor"),
        (("mc", "rlc.cir", "--figure", "loudness v(out)"), "expected one of rms"),
        (("mc", "rlc.cir", "--figure", "delay v(out)"), "read off two curves"),
        (("mc", "rlc.cir", "--figure", "rms v(out) level=1"), "no option 'level'"),
        (("mc", "rlc.cir", "--figure", "rms v(out)", "--low", "2", "--high", "1"), "below --high"),
        (("mc", "rlc.cir", "--figure", "rms v(out)", "--tolerance", "C1"), "C*=5%"),
        (("mc", "rlc.cir", "--figure", "rms v(out)", "--tolerance", "C*=5"), "write 5% or 0.05"),
        (("mc", "rlc.cir", "--figure", "gain v(out)"), "at which frequency"),
        (("mc", "rlc.cir", "--figure", "cutoff v(out)", "--dt", "1n"), "--dt: cutoff v(out) is"),
        (("mc", "rlc.cir", "--figure", "rms v(out)", "--sweep", "lin 2 1 2"), "--sweep: rms"),
        (("sweep", "rlc.cir", "--vary", "C1=1n", "--sweep", "lin 2 1k 2k"), "for a --figure"),
        (
            (
                "sweep",
                "rlc.cir",
                "--vary",
                "C1=1n",
                "--figure",
                "cutoff v(out)",
                "--sweep",
                "lin 2 1 2",
            ),
            "take further frequencies",
        ),
        (("mc", "rlc.cir", "--figure", "cutoff v(out)", "--low", "9.7M"), "write meg for mega"),
        (("ac", "rlc.cir", "--port", "out", "--node", "out"), "leave --node, --measure"),
        (("check", "rlc.cir", "--echo", "--ngspice"), "--echo and --causes"),
        (("check", "rlc.cir", "--t-end", "10k"), "are the units right"),
        (("sweep", "rlc.cir", "--vary", "C9=1n"), "no value 'C9'"),
        (("sweep", "rlc.cir", "--vary", "C1"), "expected a name and values"),
        (("sweep", "rlc.cir", "--vary", "C1=1n:2n"), "first:last:number"),
        (("sweep", "rlc.cir", "--vary", "R1=-5"), "R1"),
    ],
)
def test_wrong_input_gives_one_sentence(run, arguments, message):
    if arguments[1] == "nowhere.cir":
        register()
        result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, ValueError | OSError)
        assert message in str(result.exception)
    else:
        run(*arguments, fails=message)
