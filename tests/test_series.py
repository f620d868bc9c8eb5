"""Series: reading them, refusing what doesn't fit, splits, and the tasks that are made."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import learning

HEAD = """# a comment
@problemName Tiny
@timeStamps false
@univariate false
@dimensions 2
@equalLength {equal}
@classLabel true up down
@data
"""
LINES = "1,2,3:4,5,6:up\n0,0,1:2,2,2:down\n"
RAGGED = "1,2,3:4,5,6:up\n0,0:2,2:down\n"


def write(folder, text, name="Tiny_TRAIN.ts", equal="true"):
    path = folder / name
    path.write_text(HEAD.format(equal=equal) + text)
    return path


def test_a_file_is_read_as_it_says(tmp_path):
    data = learning.load_ts(write(tmp_path, LINES))
    np.testing.assert_array_equal(data.x, [[[1, 2, 3], [4, 5, 6]], [[0, 0, 1], [2, 2, 2]]])
    assert data.classes == ("up", "down")
    assert data.targets.tolist() == [0, 1]
    ragged = learning.load_ts(write(tmp_path, RAGGED, equal="false"))
    assert ragged.lengths.tolist() == [3, 2]
    np.testing.assert_array_equal(ragged.x[1], [[0, 0, 0], [2, 2, 0]])


BAD = {
    "ragged": (RAGGED, r"line 10: a series of 2 steps among those of 3"),
    "missing": ("1,?,3:4,5,6:up\n", r"line 9: a missing value in channel 1, step 2"),
    "text": ("1,2,3:4,x,6:up\n", r"line 9: 'x' in channel 2, step 2"),
    "infinite": ("1,2,3:4,inf,6:up\n", r"line 9: inf in channel 2, step 2"),
    "channels": ("1,2,3:up\n", r"line 9: 1 channels, but @dimensions says 2"),
    "uneven": ("1,2,3:4,5:up\n", r"line 9: channels of unequal length"),
    "label": ("1,2,3:4,5,6:sideways\n", r"line 9: class 'sideways': not in up, down"),
    "empty": ("", r"no series after @data"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_contradicts_itself_is_refused_with_its_line(tmp_path, name):
    text, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        learning.load_ts(write(tmp_path, text))


def test_other_files_are_refused(tmp_path):
    other = tmp_path / "other.ts"
    for text, message in (
        ("1,2:up\n", "line 1: a series before @data"),
        ("# nothing\n", "no @data"),
        ("@timeStamps true\n@data\n", "time stamps"),
        ("@classLabel false\n@data\n", "no `@classLabel true`"),
        ("@dimensions two\n@classLabel true a b\n@data\n", "@dimensions must be a number"),
    ):
        other.write_text(text)
        with pytest.raises(ValueError, match=message):
            learning.load_ts(other)


def test_an_archive_is_two_files_that_agree(tmp_path):
    write(tmp_path, LINES)
    write(tmp_path, LINES * 2, "Tiny_TEST.ts")
    train, test = learning.load_archive(tmp_path, "Tiny")
    assert (len(train), len(test)) == (2, 4)
    with pytest.raises(ValueError, match=r"no Other_TRAIN\.ts in"):
        learning.load_archive(tmp_path, "Other")
    changed = (tmp_path / "Tiny_TEST.ts").read_text().replace("up down", "down up")
    (tmp_path / "Tiny_TEST.ts").write_text(changed)
    with pytest.raises(ValueError, match="differ in classes"):
        learning.load_archive(tmp_path, "Tiny")


def made(count=40, classes=2):
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 2.0, size=(count, 3, 7))
    lengths = rng.integers(4, 8, count)
    x[np.broadcast_to(np.arange(7) >= lengths[:, None, None], x.shape)] = 0.0
    names = tuple(str(i) for i in range(classes))
    return learning.SeriesData("made", x, lengths, np.arange(count) % classes, names)


def test_splits_keep_every_series_once_and_every_class():
    data = made()
    splits = learning.split(data, seed=1)
    parts = [splits.train, splits.validation, splits.test]
    assert [len(part) for part in parts] == [28, 6, 6]
    together = np.concatenate([part.x for part in parts])
    assert sorted(together[:, 0, 0]) == sorted(data.x[:, 0, 0])
    assert all((part.counts == len(part) // 2).all() for part in parts)
    again, other = learning.split(data, seed=1), learning.split(data, seed=2)
    assert (again.train.x == splits.train.x).all()
    assert not (other.train.x == splits.train.x).all()
    archive = learning.split_archive(data, made(), seed=0)
    assert [len(archive.train), len(archive.validation), len(archive.test)] == [32, 8, 40]


def test_a_split_without_a_class_is_refused():
    data = made()
    rare = dataclasses.replace(data, targets=(np.arange(len(data)) < 2).astype(int))
    with pytest.raises(ValueError, match="no series of class 1 in the test split"):
        learning.split(rare, seed=0)
    with pytest.raises(ValueError, match="leave none for the test split"):
        learning.split(data, seed=0, shares=(0.5, 0.5))


def test_standardised_by_the_training_series_without_their_padding():
    splits = learning.standardise(learning.split(made(), seed=0))
    for part in (splits.train, splits.validation):
        inside = np.arange(7) < part.lengths[:, None, None]
        values = part.x.transpose(1, 0, 2)[:, inside[:, 0]]
        assert (part.x[np.broadcast_to(~inside, part.x.shape)] == 0).all()
        if part is splits.train:
            np.testing.assert_allclose(values.mean(1), 0, atol=1e-12)
            np.testing.assert_allclose(values.std(1), 1, rtol=1e-12)
        else:
            assert abs(values.mean()) > 1e-3
    timed = learning.with_time(splits.train)
    assert timed.x.shape[1] == 4
    assert timed.x[0, 3].max() == (timed.lengths[0] - 1) / 6


def test_what_does_not_fit_is_refused():
    data = made()
    hole = data.x.copy()
    hole[4, 1, 2] = np.nan
    for changes, message in (
        ({"x": hole}, "nan in series 5, channel 2, step 3"),
        ({"lengths": data.lengths[1:]}, "40 series, but 39 lengths"),
        ({"lengths": data.lengths + 7}, "lengths must be between 1 and 7"),
        ({"targets": data.targets + 1}, "class numbers must be below 2"),
        ({"targets": data.targets * 1.0}, "must be integers"),
        ({"classes": ("only",)}, "one class only"),
        ({"classes": ()}, "can't be read every 0"),
        ({"classes": (), "every": 7}, r"targets must have shape \(40, outputs, 1\)"),
        ({"x": data.x[:, :0]}, "no data"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(data, **changes)


def test_tasks_ask_for_what_they_showed():
    lag = 50
    adding = learning.adding_task(5, lag, seed=0)
    marks = [np.flatnonzero(m) for m in adding.x[:, 1]]
    assert all(b - a == lag for a, b in marks)
    sums = [x[i].sum() for x, i in zip(adding.x[:, 0], marks, strict=True)]
    np.testing.assert_allclose(adding.targets[:, 0, 0], sums)

    recall = learning.recall_task(5, lag, seed=0)
    assert (recall.x[:, :-1, 0].argmax(1) == recall.targets[:, :, 0].argmax(1)).all()

    copy = learning.copy_task(5, lag, seed=0)
    delayed = copy.x[:, 0, ::10]
    np.testing.assert_array_equal(copy.targets[:, 0, 5:], delayed[:, :-5])

    phase = learning.phase_task(5, lag, seed=0)
    wave = phase.x[:, 0, :80]
    at = np.exp(2j * np.pi * np.arange(80) / 20)
    angle = np.angle((wave * at.conj()).sum(1))
    np.testing.assert_allclose(phase.targets[:, 0, 0], np.cos(angle), atol=0.05)
    np.testing.assert_allclose(phase.targets[:, 1, 0], np.sin(angle), atol=0.05)


def test_the_heart_beats_at_the_rate_to_be_learned():
    """Counted in the pulse wave's spectrum, where the wearer is at rest."""
    data = learning.heart_rate_task(2, seed=3, steps=7_680)
    assert data.x.shape == (2, 6, 7_680)
    assert data.targets.shape == (2, 1, 60)
    assert (data.targets >= 50).all() and (data.targets <= 170).all()
    assert (learning.heart_rate_task(2, seed=3, steps=7_680).x == data.x).all()
    with pytest.raises(ValueError, match="can't be read every 128"):
        learning.heart_rate_task(1, seed=0, steps=1000)


def test_shipped_data_are_read_where_they_are():
    """Three sets that come with aeon, by their published sizes."""
    try:
        folder = learning.shipped_archive()
    except ValueError as error:
        pytest.skip(str(error))
    for name, train, test, channels, steps, classes in (
        ("JapaneseVowels", 270, 370, 12, 29, 9),
        ("BasicMotions", 40, 40, 6, 100, 4),
        ("ACSF1", 100, 100, 1, 1460, 10),
    ):
        a, b = learning.load_archive(Path(folder), name)
        assert a.x.shape == (train, channels, steps)
        assert b.x.shape == (test, channels, steps)
        assert len(a.classes) == classes
