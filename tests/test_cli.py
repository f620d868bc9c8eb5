"""The command line as a user meets it: results, files, exit codes, one-line errors."""

import json

import numpy as np
import pytest

import circuits

TANK = """a tank
C1 out 0 1n ic=1
L1 out 0 1u
.tran 5n 1u
.end
"""


@pytest.mark.parametrize("command", ["simulate", "hamiltonian", "check", "learn", "demo"])
def test_help_teaches_every_command(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0 and len(out) > 200
    assert command == "demo" or "Example" in out
    assert command in run("--help")[1]


def test_simulate_writes_waveforms_plot_and_figures(run, tmp_path):
    (tmp_path / "tank.cir").write_text(TANK)
    code, _, _ = run("simulate", "tank.cir", "--out", "r")
    assert code == 0
    table = np.genfromtxt(tmp_path / "r" / "tank.csv", delimiter=",", names=True)
    omega = 1 / np.sqrt(1e-15)
    np.testing.assert_allclose(table["vout"], np.cos(omega * table["time"]), atol=1e-6)
    assert (tmp_path / "r" / "tank.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "r" / "tank.json").read_text())["samples"] == 201


def test_hamiltonian_prints_energy_equations_and_flips(run):
    code, out, _ = run("hamiltonian", "coupled_lc.cir")
    assert code == 0
    assert "Q_in**2/(2*C1)" in out and "dphi_in/dt = Q_in/C1" in out and "flips" in out
    assert r"\frac" in run("hamiltonian", "coupled_lc.cir", "--latex")[1]
    assert "S_n1_n2" in run("hamiltonian", "junction_chain.cir")[1]


def test_check_can_disagree(run, tmp_path):
    (tmp_path / "tank.cir").write_text(TANK)
    code, out, _ = run("check", "tank.cir", "--t-end", "400n", "--epsilon", "0.5")
    assert code == 1 and "disagree with BPTT: RHEL" in out
    figures = json.loads((tmp_path / "out" / "tank_check.json").read_text())
    assert figures["worst_relative_error"]["ReversibleAdjoint"] < 1e-10


TASK = """
netlist = "tank.cir"
train = ["C1"]
[target]
quantity = "v(out)"
csv = "target.csv"
[run]
t_end = "400n"
[gradient]
method = "ReversibleAdjoint"
[optimiser]
iterations = 60
learning_rate = 0.02
"""


def write_task(folder, task=TASK):
    (folder / "tank.cir").write_text(TANK)
    t = np.linspace(0, 1e-6, 2001)
    table = np.stack([t, np.cos(t / np.sqrt(1.1e-15))], 1)
    np.savetxt(folder / "target.csv", table, delimiter=",", header="time,v", comments="")
    (folder / "task.toml").write_text(task)


def test_learn_recovers_a_value_from_a_waveform(run, tmp_path):
    write_task(tmp_path)
    code, out, _ = run("learn", "task.toml")
    assert code == 0
    (row,) = (line for line in out.splitlines() if "C1.C" in line)
    assert [cell.strip()[-3:] for cell in row.split("│")[2:4]] == [" nF", " nF"]
    figures = json.loads((tmp_path / "out" / "task_learned.json").read_text())
    np.testing.assert_allclose(figures["values_after"]["C1.C"], 1.1e-9, rtol=1e-2)
    learned = circuits.load(tmp_path / "out" / "task_trained.cir")
    assert learned.values() == pytest.approx(figures["values_after"], rel=1e-12)
    assert figures["values_after"]["L1.L"] == figures["values_before"]["L1.L"]
    assert figures["loss_best"] < 1e-2 * figures["loss_first"]


def test_interrupted_learning_keeps_what_was_learned(run, tmp_path, monkeypatch):
    from learning import MetricsFile

    write_task(tmp_path)
    write = MetricsFile.write

    def interrupted(self, update):
        if update.step == 5:
            raise KeyboardInterrupt
        write(self, update)

    monkeypatch.setattr(MetricsFile, "write", interrupted)
    code, out, _ = run("learn", "task.toml")
    figures = json.loads((tmp_path / "out" / "task_learned.json").read_text())
    assert code == 130 and "interrupted" in out
    assert figures["interrupted"] and figures["iterations"] == 5
    assert figures["loss_best"] < figures["loss_first"]


def bad(text, message):
    return pytest.param(text, message, id=message[:30])


@pytest.mark.parametrize(
    ("netlist", "message"),
    [
        bad("t\nD1 a 0 fast\n", "bad.cir:2:1: "),
        bad("t\nC1 a 0\n", "bad.cir:2:"),
        bad("t\nC1 a 0 abc\n", "bad.cir:2:8: "),
        bad("t\nC1 a 0 1p\nC1 b 0 1p\n", "already an element"),
        bad("t\nC1 a 0 -1p\n", "C1"),
        bad("t\nL1 a 0 0\nC1 a 0 1p\n", "L1"),
        bad("t\nC1 a a 1p\n", "both ends"),
        bad("t\nC1 a 0 {nope}\n", "nope"),
        bad("t\nC1 a 0 1p\nL1 a 0 1u\n.ic v(zz)=1\n", "zz"),
        bad("t\n", "no elements"),
        bad('t\nC1 a 0 {__import__("os")}\n', "bad.cir:2:"),
        bad("t\nC1 a 0 1q\n", "suffix"),
    ],
)
def test_bad_netlists_are_one_line_errors(run, tmp_path, netlist, message):
    (tmp_path / "bad.cir").write_text(netlist)
    code, _, err = run("simulate", "bad.cir", "--t-end", "1u")
    assert code == 2
    assert err.startswith("error: ") and err.count("\n") == 1 and message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "none.cir"], "none.cir"),
        (["simulate", "tank.cir", "--t-end", "soon"], "--t-end"),
        (["simulate", "tank.cir", "--t-end", "-1u"], "--t-end"),
        (["simulate", "tank.cir", "--dt", "1u"], "stability limit"),
        (["simulate", "tank.cir", "--dt", "1e-15"], "(--save-every)"),
        (["simulate", "tank.cir", "--integrator", "Euler"], "SRKN11b"),
        (["simulate", "tank.cir", "--node", "nowhere"], "no node 'nowhere'"),
        (["simulate", "tank.cir", "--format", "mat"], "csv or nc"),
        (["simulate", "tank.cir", "--out", "tank.cir"], "is a file"),
        (["check", "tank.cir", "--measure", "w(out)"], "v(node)"),
        (["check", "tank.cir", "--measure", "i(L9)"], "no element 'L9'"),
        (["modes", "coupled_lc.toml"], "a task of `physsim learn`, where a netlist is asked for"),
        (["simulate", "coupled_lc.toml"], "it names coupled_lc.cir"),
        (["ac", "japanese.toml"], "japanese.toml: a TOML file, where a netlist"),
        (["ac", "none.toml"], "none.toml"),
        (["learn", "none.toml"], "none.toml"),
        (["learn", "tank.cir"], "a netlist, where a TOML file"),
    ],
)
def test_bad_arguments_are_one_line_errors(run, tmp_path, arguments, message):
    (tmp_path / "tank.cir").write_text(TANK)
    (tmp_path / "japanese.toml").write_text("seeds = [0]\n")
    code, _, err = run(*arguments)
    assert code == 2 and message in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('train = ["C1"]', ""), "missing train"),
        (('csv = "target.csv"', ""), "either netlist or csv"),
        (('t_end = "400n"', 't_end = "40u"'), "covers 0 to 1e-06 s"),
    ],
)
def test_bad_tasks_are_one_line_errors(run, tmp_path, change, message):
    write_task(tmp_path, TASK.replace(*change))
    code, _, err = run("learn", "task.toml")
    assert code == 2 and message in err and err.count("\n") == 1


def test_noise_and_binary_files(run, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "noise.cir").write_bytes(rng.integers(32, 127, 10_000_000, np.uint8).tobytes())
    (tmp_path / "binary.cir").write_bytes(rng.integers(0, 256, 10_000, np.uint8).tobytes())
    for name in ("noise.cir", "binary.cir"):
        code, _, err = run("simulate", name)
        assert code == 2 and name in err and err.count("\n") == 1 and len(err) < 500
