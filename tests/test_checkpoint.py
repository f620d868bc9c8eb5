"""Checkpoints: going on bit for bit, and refusing what can't be gone on from."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning
import physsim
from learning import Checkpoint, CheckpointError, MetricsFile

from .systems import duffing_chain

STEPS, UPDATES = 20, 12
COUNT = 6


def noisy_samples():
    rng = np.random.default_rng(8)
    return learning.Samples(
        jnp.asarray(rng.normal(size=(COUNT, STEPS, 1))),
        jnp.asarray(rng.normal(size=(COUNT, STEPS))),
    )


def describe(update):
    return {"step": update.step, "loss": update.loss, "values": update.values.tolist()}


# Made once: a new one would be compiled anew.
ADAM = optax.adam(0.03)


def train(folder=None, *, stop_at=None, resume=False, every=5, belongs_to=None, **changes):
    """Minibatches with Adam: optimiser memory, data order and judgements all matter."""
    problem = duffing_chain(STEPS)
    kept = {}
    if folder is not None:
        checkpoint = Checkpoint(folder / "c", every, resume, belongs_to or {"task": "1"})
        kept = {"checkpoint": checkpoint, "metrics": MetricsFile(folder / "m.jsonl", describe)}

    def callback(update):
        if update.step == stop_at:
            raise KeyboardInterrupt

    options = {"iterations": UPDATES, "optimiser": ADAM} | changes
    return learning.fit(
        problem.H, physsim.StormerVerlet(), problem.y0, problem.cost, dt=0.2, num_steps=STEPS,
        samples=noisy_samples(), batch_size=2, seed=3, progress=False, callback=callback,
        **kept, **options,
    )  # fmt: skip


def leaves(fit):
    arrays = [*jax.tree.leaves(fit.hamiltonian), fit.losses, fit.judged, fit.best]
    return [np.asarray(x) for x in arrays]


def assert_same(a, b):
    for x, y in zip(leaves(a), leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path):
    whole = train()
    for stop in (3, 7):
        part = train(tmp_path, stop_at=stop, resume=True)
        assert part.interrupted
    rest = train(tmp_path, resume=True)
    assert rest.origin == f"resumed {tmp_path / 'c'}" and not rest.interrupted
    # Nothing is left to do, and the time that it took is known.
    assert train(tmp_path, resume=True).seconds == rest.seconds > 0
    assert_same(whole, rest)
    steps = [json.loads(line)["step"] for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert steps == list(range(UPDATES))


def test_the_checkpoint_alone_decides_where_to_go_on(tmp_path):
    """A process that died left metrics behind that its checkpoint knows nothing of."""
    whole = train(tmp_path)
    log = tmp_path / "m.jsonl"
    complete = log.read_text()
    checkpoint = Checkpoint(tmp_path / "c")
    assert checkpoint.previous.exists()
    checkpoint.path.unlink()  # the former one is of update 10
    log.write_text(complete + '{"step": 12, "lo')
    again = train(tmp_path, resume=True)
    assert again.origin == f"resumed {checkpoint.previous}"
    assert_same(whole, again)
    assert log.read_text() == complete


def test_a_finished_training_is_not_gone_on_with(tmp_path):
    first = train(tmp_path, tolerance=1e9)
    again = train(tmp_path, tolerance=1e9, resume=True)
    assert len(first.losses) == 1
    assert_same(first, again)


def test_without_a_checkpoint_training_starts_anew(tmp_path):
    fit = train(tmp_path, resume=True, iterations=1)
    assert "no checkpoint yet" in fit.origin and len(fit.losses) == 1


def test_without_resume_old_results_are_replaced(tmp_path):
    train(tmp_path, iterations=4)
    fit = train(tmp_path, iterations=2)
    assert len(fit.losses) == 2
    assert len((tmp_path / "m.jsonl").read_text().splitlines()) == 2


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    return content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]


DAMAGES = [
    (cut, "damaged or cut short"),
    (flip, "damaged or cut short"),
    (lambda content: b"", "its first line is not ours"),
    (lambda content: b"PK\x03\x04" + content, "its first line is not ours"),
    (lambda content: content.replace(b"checkpoint 1 ", b"checkpoint x ", 1), "is not ours"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_a_damaged_checkpoint_gives_way_to_the_previous(tmp_path, damage, message):
    whole = train(tmp_path)
    path = tmp_path / "c"
    path.write_bytes(damage(path.read_bytes()))
    fit = train(tmp_path, resume=True)
    assert str(path) in fit.origin and message in fit.origin
    assert fit.origin.endswith(f"resumed {path}.previous")
    assert_same(whole, fit)


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_where_both_are_damaged_the_error_names_them(tmp_path, damage, message):
    train(tmp_path)
    for path in (tmp_path / "c", tmp_path / "c.previous"):
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=message) as error:
        train(tmp_path, resume=True)
    assert "c is damaged" in str(error.value) and "c.previous is damaged" in str(error.value)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    train(tmp_path, iterations=1, belongs_to={"task": "1", "netlist": "a"})
    with pytest.raises(CheckpointError, match="another training: netlist changed"):
        train(tmp_path, resume=True, belongs_to={"task": "1", "netlist": "b"})
    with pytest.raises(CheckpointError, match="arrays differ"):
        train(tmp_path, resume=True, belongs_to={"task": "1", "netlist": "a"},
              optimiser=optax.sgd(0.1))  # fmt: skip


def test_another_version_is_refused(tmp_path):
    train(tmp_path, iterations=1)
    path = tmp_path / "c"
    path.write_bytes(path.read_bytes().replace(b"checkpoint 1 ", b"checkpoint 2 ", 1))
    with pytest.raises(CheckpointError, match="version 2 of the format, this program reads 1"):
        train(tmp_path, resume=True)


def test_a_failed_write_leaves_the_checkpoint_whole(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "c")
    first = {"a": np.arange(3.0)}
    checkpoint.save(first)

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save({"a": np.arange(3.0) + 1})
    state, _ = checkpoint.load(first)
    np.testing.assert_array_equal(state["a"], first["a"])


def test_the_interval_is_checked(tmp_path):
    with pytest.raises(ValueError, match="at least 1"):
        dataclasses.replace(Checkpoint(tmp_path / "c"), every=0)
