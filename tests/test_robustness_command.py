"""`physsim robustness` as a user meets it: verdict, files, exit code."""

import json
from types import SimpleNamespace

import pytest

from physsim.cli._robustness_study import Study

NETLISTS = {
    "rlc.cir": "lossy\nC1 out 0 1n ic=1\nL1 out 0 1u\nRLOSS out 0 100\n.end\n",
    "tank.cir": "a tank\nC1 out 0 1n ic=1\nL1 out 0 1u\n.end\n",
    "target.cir": "another\nC1 out 0 1.1n ic=1\nL1 out 0 0.9u\n.end\n",
}

TASK = """netlist = "NETLIST"
train = ["C1", "L1"]
[target]
quantity = "v(out)"
netlist = "target.cir"
[run]
t_end = "400n"
dt = "20n"
integrator = "StormerVerlet"
"""


@pytest.fixture
def robustness(run, tmp_path):
    """Runs the command on a task with that netlist; gives (exit code, text, figures)."""
    for name, text in NETLISTS.items():
        (tmp_path / name).write_text(text)

    def call(netlist, *arguments):
        (tmp_path / "task.toml").write_text(TASK.replace("NETLIST", netlist))
        code, out, _ = run("robustness", "task.toml", *arguments)
        text = " ".join(out.split())
        path = tmp_path / "out" / "task_robustness.json"
        return code, text, json.loads(path.read_text()) if path.exists() else {}

    return call


@pytest.mark.slow
def test_a_lossy_circuit_is_unfit_and_its_elements_named(robustness, tmp_path):
    code, text, figures = robustness("rlc.cir", "--seeds", "1", "--updates", "3")
    assert code == 1 and figures["fit"] is False and figures["cosine"] < 0.9
    assert "UNFIT" in text and "lossy (RLOSS)" in text
    assert figures["losses"]["exact"] < figures["losses"]["before"]
    for plot in ("cosine", "norm", "epsilon", "losses"):
        assert (tmp_path / "out" / f"task_robustness_{plot}.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_fit_machine_is_told_how_good_it_has_to_be(robustness):
    code, text, figures = robustness(
        "tank.cir", "--adc-bits", "16", "--seeds", "1", "--updates", "0"
    )
    assert code == 0 and figures["fit"] is True and figures["cosine"] > 0.99
    assert text.startswith("Fit for learning by echoes") and "Q of at least" in text
    quality = figures["maps"]["loss"]
    assert quality["level"][0] > 100 * figures["omega_times_run"] / 2
    best = [max(row) for row in quality["cosine"]]
    assert best[0] > 0.99 and best[-1] < 0.9
    assert figures["machine"]["adc_bits"] == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperature", "300"], "--temperature is noise of losses: it needs --quality"),
        (["--quality", "-1"], "--quality must be positive, got -1"),
        (["--flip-delay", "soon"], "--flip-delay: 'soon' is not a number"),
    ],
)
def test_what_is_wrong_is_named(run, options, message):
    code, _, error = run("robustness", "coupled_lc.toml", *options)
    assert code == 2 and message in error


@pytest.mark.parametrize(
    ("losses", "trains"),
    [
        ({"before": 0.13, "exact": 1e-4, "machine": 0.15}, False),
        ({"before": 0.13, "exact": 1e-4, "machine": float("nan")}, False),
        ({"before": 0.13, "exact": 1e-4, "machine": 1e-3}, True),
        ({"before": 0.13, "exact": 0.2, "machine": 0.2}, True),
        ({}, True),
    ],
)
def test_a_machine_whose_training_raises_the_loss_is_unfit(losses, trains):
    base = SimpleNamespace(best=[1.0])
    study = SimpleNamespace(losses=losses, base=base, trains=trains)
    assert Study.trains.fget(study) is trains
    assert Study.fit.fget(study) is trains
