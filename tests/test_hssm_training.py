"""Training stacks: learning, going on after a break, and what the command line refuses."""

import json
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from typer.testing import CliRunner

import learning
from learning import Checkpoint, CheckpointError, FusedSweep, MetricsFile, StoredSweep
from physsim.cli._bundled import bundled_configs
from physsim.cli._commands import register
from physsim.cli._main import app
from physsim.cli._train_config import read_config

from .report_runs import Page

EPOCHS = 4


def two_tones(count=24, steps=20):
    """Slow and fast sines: what a spectrum tells apart."""
    rng = np.random.default_rng(5)
    which = np.arange(count) % 2
    time = np.arange(steps) + rng.uniform(0, 20, (count, 1))
    x = np.sin(time * np.where(which, 0.9, 0.3)[:, None])[:, None]
    return learning.SeriesData("tones", x, np.full(count, steps), which, ("slow", "fast"))


# Made once: a new one would be compiled anew.
ADAM = optax.adam(0.02)


def fit(folder=None, *, epochs=EPOCHS, resume=False, sweep=None, owner="1"):
    data = two_tones()
    shape = learning.StackShape(1, 2, 1, 8, 8)
    stack = learning.make_stack(shape, learning.make_linear_hru, key=jax.random.key(0), dropout=0.2)
    kept = {}
    if folder is not None:
        kept = {
            "checkpoint": Checkpoint(folder / "c", 1, resume, {"config": owner}),
            "metrics": MetricsFile(folder / "m.jsonl", lambda epoch: epoch._asdict()),
        }
    return learning.fit_stack(
        stack, learning.Splits(data[:12], data[12:18], data[18:]),
        sweep=FusedSweep(chunk=10) if sweep is None else sweep, optimiser=ADAM,
        epochs=epochs, batch_size=5, seed=1, progress=False, **kept,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, fit(folder, epochs=40)


def test_it_learns_and_tells(whole):
    folder, trained = whole
    assert trained.test_score == 1.0
    assert trained.predictions.tolist() == [0, 1] * 3
    losses = [epoch.loss for epoch in trained.epochs]
    assert losses[-1] < 0.3 * losses[0]
    lines = [json.loads(line) for line in (folder / "m.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(40))
    assert [line["loss"] for line in lines] == losses


def test_backpropagation_trains_to_the_same(whole):
    """Epoch by epoch: the gradients differ by rounding alone."""
    _, trained = whole
    other = fit(sweep=StoredSweep(), epochs=EPOCHS)
    for a, b in zip(other.epochs, trained.epochs, strict=False):
        assert a.loss == pytest.approx(b.loss, rel=1e-9)
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-9)


def test_a_resumed_training_goes_on_bit_for_bit(whole, tmp_path):
    _, trained = whole
    fit(tmp_path, epochs=2)
    resumed = fit(tmp_path, epochs=EPOCHS, resume=True)
    assert resumed.origin.startswith("resumed")
    timeless = [epoch[:-1] for epoch in resumed.epochs]
    assert timeless == [epoch[:-1] for epoch in trained.epochs[:EPOCHS]]
    assert len((tmp_path / "m.jsonl").read_text().splitlines()) == EPOCHS
    with pytest.raises(CheckpointError, match="belongs to another training: config changed"):
        fit(tmp_path, resume=True, owner="2")


CONFIG = """seeds = [3]
[data]
set = "recall"
count = 40
lag = 6
[model]
blocks = 1
hidden = 3
state = 2
[gradient]
method = "{method}"
[training]
epochs = {epochs}
learning_rate = 0.01
"""


def run(*arguments):
    """The command line without its process; raises what it would turn into one sentence."""
    register()
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False).output


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.toml").write_text(CONFIG.format(method="fused", epochs=2))
    return folder, run("train", folder / "tiny.toml", "--out", folder / "out")


def test_the_command_line_trains_and_compares(trained):
    folder, output = trained
    assert "tiny_fused: mse" in output
    results = folder / "out" / "tiny_fused" / "seed_3"
    result = json.loads((results / "result.json").read_text())
    assert result["metric"] == "mse" and result["epochs"] == 2
    assert 0 < result["mse"] < 5
    # One of 8 channels was lit.
    assert result["mse_of_the_mean"] == pytest.approx(7 / 64, rel=0.2)
    assert (results / "curves.png").stat().st_size > 5_000
    assert (results / "readings.png").exists()
    table = run("compare", folder / "out")
    assert "tiny" in table and "fused" in table and f"{result['mse']:.4f}" in table
    with pytest.raises(ValueError, match=r"no result\.json there or below"):
        run("compare", tmp := folder / "nothing")
    assert not tmp.exists()


def test_a_report_shows_the_training(trained):
    folder, _ = trained
    results = folder / "out" / "tiny_fused" / "seed_3"
    run("report", results)
    page = Page(results / "report.html")
    result = json.loads((results / "result.json").read_text())
    assert page.texts["title"] == ["Training, tiny.toml"]
    assert {result["mse"], result["mse_of_the_mean"]} <= set(page.numbers)
    lines = [json.loads(line) for line in (results / "metrics.jsonl").read_text().splitlines()]
    assert page.curves("loss")["training"][1].tolist() == [line["loss"] for line in lines]
    assert list(page.curves("the first test series")) == ["true", "read"]
    assert CONFIG.format(method="fused", epochs=2) in page.texts["pre"]


@pytest.mark.slow
def test_the_command_line_compares_gradients(trained):
    folder, _ = trained
    table = run("gradients", folder / "tiny.toml", "--precision", "float64", "--out", folder)
    assert "block 1 unit" in table and "ReversibleAdjoint" in table
    found = json.loads((folder / "tiny_gradients.json").read_text())
    assert set(found) == {"RHEL", "ReversibleAdjoint", "fused"}
    for method, limit in (("RHEL", 1e-4), ("ReversibleAdjoint", 1e-9), ("fused", 1e-9)):
        for cosine, ratio in (row.values() for row in found[method].values()):
            assert cosine == pytest.approx(1, abs=limit)
            assert ratio == pytest.approx(1, abs=limit)


def test_resuming_another_configuration_is_refused(trained):
    folder, _ = trained
    changed = folder / "other" / "tiny.toml"
    changed.parent.mkdir()
    changed.write_text(CONFIG.format(method="fused", epochs=2).replace("0.01", "0.02"))
    with pytest.raises(ValueError, match="another training: training changed since"):
        run("train", changed, "--resume", "--out", folder / "out")


MISTAKES = {
    "key": ("hidden = 3", "hiden = 3", r"\[model\] unknown key 'hiden'; did you mean 'hidden'"),
    "table": ("[training]", "[trainning]", "unknown key 'trainning'; did you mean 'training'"),
    "method": ('"fused"', '"fussed"', "unknown method 'fussed'; did you mean 'fused'"),
    "type": ("lag = 6", 'lag = "6"', r"\[data\] lag must be int, got '6'"),
    "count": ("blocks = 1", "blocks = 0", "blocks must be at least 1, got 0"),
    "rate": ("learning_rate = 0.01", "learning_rate = 0.0", "learning_rate must be above 0"),
    "seeds": ("seeds = [3]", "seeds = [-1]", "seeds must be a list of numbers from 0 on"),
    "step": ("state = 2", "state = 2\nstep = [0.1, 2.5]", "2.5 is beyond stability"),
    "steps": ("state = 2", "state = 2\nstep = [0.5, 0.1]", "0 < shortest <= longest"),
    "unit": ("state = 2", "state = 2\ndense = true", "dense is for nonlinear units"),
    "truth": ("state = 2", "state = 2\ndense = 1", "dense must be bool, got 1"),
    "set": ('"recall"', '"Recal"', "no Recal_TRAIN.ts in|come with the aeon package"),
    "few": ("count = 40", "count = 4", "4 series leave none for the"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_before_training(tmp_path, name):
    old, new, message = MISTAKES[name]
    text = CONFIG.format(method="fused", epochs=2)
    assert old in text
    (tmp_path / "bad.toml").write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        run("train", tmp_path / "bad.toml", "--out", tmp_path / "out")


@pytest.mark.parametrize("command", ["train", "compare", "gradients"])
def test_help_teaches_every_command(command):
    assert "Example" in run(command, "--help")


def test_all_bundled_configurations_are_valid():
    names = bundled_configs(("data", "model", "gradient", "training"))
    assert len(names) > 8
    assert all(read_config(Path(name)).seeds for name in names)
