"""Wrong tasks and what is said about them: one sentence, with the name of what is wrong."""

import sys

import numpy as np
import pytest

from physsim.cli import main
from physsim.cli._task import read_task

NETLISTS = {
    "tank.cir": "a tank\nC1 out 0 1n ic=1\nL1 out 0 1u\n.end\n",
    "lossy.cir": "lossy\nC1 out 0 1n ic=1\nL1 out 0 1u\nRLOAD out 0 10k\nR2 out x 2k\n"
    "C2 x 0 2n\n.end\n",
    "driven.cir": "driven\nI1 0 out SIN(0 10m 4meg)\nC1 out 0 1n\nL1 out 0 1u\n.end\n",
}

TASK = """netlist = "tank.cir"
train = ["C1"]
[target]
quantity = "v(out)"
csv = "target.csv"
[run]
t_end = "400n"
[gradient]
method = "RHEL"
[optimiser]
iterations = 6
"""
TARGET = '[target]\nquantity = "v(out)"\ncsv = "target.csv"\n'
CLASSES = '[classes]\nreadouts = ["v(out)", "v(out)"]\n'
DRIVEN = ("tank.cir", "driven.cir")


def data(file):
    return ("[run]", f'[data]\nsources = ["I1"]\nfile = "{file}"\n[run]')


def bounds(text):
    return [('train = ["C1"]\n', ""), ("[run]", f"[train.C1]\n{text}\n[run]")]


CASES = {
    "bounds that exclude the start": (
        bounds('min = "2n"'), "C1.C starts at 1e-09, which is not above 2e-09"
    ),
    "a number that is none": (bounds('min = "2q"'), "train.C1.min: unknown suffix 'q' in '2q'"),
    "losses and an echo": (
        [("tank.cir", "lossy.cir")],
        'lossy.cir has RLOAD, R2. Take them out; or set [gradient] echo = "gain"',
    ),
    "losses that no gain undoes": (
        [("tank.cir", "lossy.cir"), ("[optim", 'echo = "gain"\n[optim')],
        "an echo with gain would be biased. Use ReversibleAdjoint() or BPTT()",
    ),
    "a table": ([("[optimiser]", "[optimizer]")], "'optimizer'; did you mean 'optimiser'?"),
    "a key": (
        [("iterations", "iteration")],
        "[optimiser] unknown key 'iteration'; did you mean 'iterations'?",
    ),
    "an echo": ([("[optim", 'echo = "gian"\n[optim')], "'gian'; did you mean 'gain'?"),
    "a method": ([('"RHEL"', '"RHELL"')], "'RHELL'; did you mean 'RHEL'?"),
    "an integrator": (
        [("[gradient]", 'integrator = "SRKN11"\n[gradient]')], "did you mean 'SRKN11b'?"
    ),
    "an element": ([('["C1"]', '["C9"]')], "unknown value 'C9'; known are C1.C, L1.L"),
    "nothing to train": ([('["C1"]', "[]")], "train is empty: name the elements to train"),
    "no train": ([('train = ["C1"]\n', "")], "missing train"),
    "a short target": (
        [("target.csv", "short.csv")], "covers 0 to 1.95e-07 s, but the run goes to 4e-07 s"
    ),
    "a column": (
        [('csv = "target.csv"', 'csv = "target.csv"\ncolumn = "w"')],
        "target.csv: no column 'w' among time, v",
    ),
    "a node": ([("v(out)", "v(otu)")], "there is no node 'otu'"),
    "a rate": ([("iterations = 6", "learning_rate = 3.0")], "learning_rate must be above 0"),
    "a type": ([("iterations = 6", "iterations = 6.5")], "iterations must be int, got 6.5"),
    "no goal": ([(TARGET, "")], "give one of the tables [target], [response], [classes]"),
    "broken TOML": ([("[run]", "[run")], "not a TOML file"),
    "targets of another length": (
        [DRIVEN, ('csv = "target.csv"\n', ""), data("targets.npz")],
        "targets of shape (4, 150) for 4 samples of 201 times",
    ),
    "an amplitude in seconds": (
        [DRIVEN, (TARGET, CLASSES), data('labels.npz"\namplitude = "2ms')],
        "is in s; the value here is in A",
    ),
    "labels of another length": (
        [DRIVEN, (TARGET, CLASSES), data("labels.npz")], "labels of shape (3,) for 4 samples"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    for name, text in NETLISTS.items():
        (folder / name).write_text(text)
    t = np.linspace(0, 1e-6, 201)
    table = np.stack([t, np.cos(t / np.sqrt(1.1e-15))], 1)
    for name, rows in (("target.csv", table), ("short.csv", table[:40])):
        np.savetxt(folder / name, rows, delimiter=",", header="time,v", comments="")
    inputs = np.ones((4, 201))
    np.savez(folder / "targets.npz", time=t, inputs=inputs, targets=np.ones((4, 150)))
    np.savez(folder / "labels.npz", time=t, inputs=inputs, labels=np.zeros(3, int))
    return folder


@pytest.fixture
def learn(folder, monkeypatch, capsys):
    """Runs `physsim learn` on a changed task; gives (exit code, what it says)."""
    monkeypatch.chdir(folder)

    def call(changes, *arguments):
        task = TASK
        for old, new in changes:
            assert old in task
            task = task.replace(old, new)
        (folder / "task.toml").write_text(task)
        monkeypatch.setattr(sys, "argv", ["physsim", "learn", "task.toml", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, capsys.readouterr().err

    return call


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_named(learn, name):
    changes, message = CASES[name]
    code, text = learn(changes)
    assert code == 2 and message in text
    assert text.startswith("error: ") and text.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("tank.cir", "none.cir")], r"task\.toml: netlist: there is no .*none\.cir$"),
        ([("target.csv", "none.csv")], r"task\.toml: \[target\] csv: there is no .*none\.csv$"),
        ([('csv = "target.csv"', 'netlist = "none.cir"')], r"\[target\] netlist: there is no "),
        ([("[run]", '[data]\nfile = "none.npz"\nsources = ["I1"]\n[run]')], r"\[data\] file: "),
    ],
)
def test_a_task_is_not_read_without_the_files_it_names(folder, changes, message):
    text = TASK
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "task.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_task(folder / "task.toml")


def test_a_method_on_the_command_line_is_checked(learn):
    code, text = learn([], "--method", "RHELL")
    assert code == 2 and "--method: unknown method 'RHELL'; did you mean 'RHEL'?" in text


def test_a_foreign_checkpoint_is_refused(learn, folder):
    (folder / "out").mkdir(exist_ok=True)
    (folder / "out" / "task_checkpoint.bin").write_bytes(b"PK\x03\x04 not ours")
    code, text = learn([], "--resume")
    assert code == 2 and "is damaged or no checkpoint" in text and "delete it to start anew" in text
