"""`physsim tanks`: a trained unit goes out as tanks, and ngspice gives its outputs."""

import re

import pytest

from .command import physsim
from .ngspice import require_ngspice

pytestmark = pytest.mark.slow

CONFIG = """
[data]
set = "phase"
count = 20
lag = 10
[model]
unit = "linear"
blocks = 1
hidden = 2
state = 2
complex = true
[training]
batch = 7
epochs = 2
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tanks")
    (folder / "small.toml").write_text(CONFIG)
    assert physsim("train", folder / "small.toml", "--out", folder / "runs") == 0
    return folder


def tanks(folder, *words):
    seed = folder / "runs" / "small_fused" / "seed_0"
    return physsim("tanks", folder / "small.toml", seed, "--out", folder / "out", *words)


def test_the_deck_of_a_trained_unit_gives_its_outputs(trained, capsys):
    require_ngspice()
    assert tanks(trained, "--ngspice", "--steps", "30") == 0
    found = re.search(r"ngspice +(\S+) of the largest", capsys.readouterr().out)
    assert found is not None and float(found[1]) <= 1e-3
    deck = (trained / "out" / "small_tanks.cir").read_text()
    assert deck.count("\nL") == 4 and "Vu2 u2 0 PWL" in deck


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--block", "2"], "--block 2: the stack has 1"),
        (["--series", "9"], "--series 9: there are 3 test series"),
        (["--sample", "-1u"], "--sample must be positive"),
    ],
)
def test_what_is_not_there_is_named(trained, capsys, words, message):
    assert tanks(trained, *words) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_results_is_refused(trained, capsys):
    assert physsim("tanks", trained / "small.toml", trained) == 2
    assert "result.json" in capsys.readouterr().err
