"""Models, data and training of reconstructions."""

import json
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning
from learning._reconstruction._evaluate import distances
from physsim.cli import main
from physsim.cli._reconstruction_task import read_reconstruction

RNG = np.random.default_rng(8)


def relu(x):
    return np.maximum(x, 0)


def test_networks_are_what_their_papers_say():
    z = RNG.normal(size=4)
    net = learning.ShallowPLRNN.draw(4, 7, 0)
    A, W1, W2, h1, h2 = (np.asarray(x) for x in (net.A, net.W1, net.W2, net.h1, net.h2))
    expected = A * z + W1 @ (relu(W2 @ z + h2) - relu(W2 @ z)) + h1
    np.testing.assert_allclose(net(jnp.asarray(z), None), expected, atol=1e-12)
    tanh = learning.ShallowTanhRNN(net.A, net.W1, net.W2, net.h1, net.h2)
    expected = A * z + W1 @ np.tanh(W2 @ z + h2) + h1
    np.testing.assert_allclose(tanh(jnp.asarray(z), None), expected, atol=1e-12)
    almost = learning.AlmostLinearRNN.draw(4, 2, 0)
    bent = np.concatenate([z[:2], relu(z[2:])])
    expected = np.asarray(almost.A) * z + np.asarray(almost.W) @ bent + np.asarray(almost.h)
    np.testing.assert_allclose(almost(jnp.asarray(z), None), expected, atol=1e-12)


def test_clipped_networks_stay_bounded():
    net = learning.ShallowPLRNN.draw(3, 20, 1)
    net = eqx.tree_at(lambda n: (n.W1, n.W2), net, (50 * net.W1, 50 * net.W2))
    bound = float(jnp.max(jnp.abs(net.W1) @ jnp.abs(net.h2) + jnp.abs(net.h1)) / (1 - 0.99))
    zs = learning.solve(net, jnp.full(3, 1e3), num_steps=3000, solver=learning.Hybrid()).zs
    assert float(jnp.max(jnp.abs(zs[1000:]))) <= bound


def test_linear_state_space_is_a_recurrence_and_closes_on_itself():
    space = learning.LinearStateSpace.draw(2, 3, 5, 0)
    measured = RNG.normal(size=(240, 2))
    found = space.run(jnp.asarray(measured), jnp.asarray(0.0), None)
    B = np.asarray(space.B[0]) + 1j * np.asarray(space.B[1])
    eigenvalues = np.exp(-np.exp(np.asarray(space.decay)) + 1j * np.asarray(space.phase))
    s = np.zeros(3, complex)
    for t in range(239):
        s = eigenvalues * s + B @ measured[t]
    np.testing.assert_allclose(found.zs[-1], np.concatenate([s.real, s.imag]), atol=1e-10)
    # Fed what it reads, the closed map does what the driven one would.
    z = found.zs[-1]
    read = np.asarray(space.observe(z[None])[0])
    after = eigenvalues * s + B @ read
    expected = np.concatenate([after.real, after.imag])
    np.testing.assert_allclose(space.model(z, None), expected, atol=1e-10)


@pytest.mark.parametrize(
    "name", ["lorenz63", "lorenz96", "chua", "bursting_neuron", "driven_junction"]
)
def test_series_are_on_attractors_and_follow_from_the_seed(name):
    system = learning.SYSTEMS[name]()
    runs = [learning.generate(system, 400, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0].values, runs[1].values)
    assert np.max(np.abs(runs[0].values - runs[2].values)) > 1e-3
    assert runs[0].values.shape == (400, len(system.labels)) and np.max(np.abs(runs[0].values)) < 60
    noisy = runs[0].noisy(0.1, 3)
    spread = (noisy.values - runs[0].values).std(axis=0) / runs[0].values.std(axis=0)
    np.testing.assert_allclose(spread, 0.1, rtol=0.15)


def test_fields_vanish_where_they_should():
    numbers = learning.Lorenz63()
    root = np.sqrt(8 / 3 * 27)
    fixed = (
        (numbers, [root, root, 27.0]),
        (learning.Lorenz96(6, 8.0), [8.0] * 6),
        (learning.Chua(), [1.5, 0.0, -1.5]),
        (learning.DrivenJunction(drive=0.0, frequency=0.0, bias=0.5), [np.pi / 6, 0.0, 0.0]),
        (learning.BurstingNeuron(current=0.024), [-1.6, 1 - 5 * 1.6**2, 0.0]),
    )
    for system, point in fixed:
        slope = system(jnp.asarray(point), None)
        np.testing.assert_allclose(slope, np.zeros(len(point)), atol=1e-12)


@pytest.fixture(scope="module")
def series():
    """A circle with a harmonic: two channels that a small model learns at once."""
    t = 0.2 * np.arange(600)
    values = np.stack([np.cos(t), np.sin(t) + 0.2 * np.sin(2 * t)], axis=1)
    return learning.Series(values, 0.2, ("a", "b")).standardised()


TRAINING = learning.Training(updates=12, length=30, batch=4, judge_every=6)
# Made once: a new one would be compiled anew.
ADAM = optax.adam(1e-2)


def trained(series, checkpoint=None, training=TRAINING, alpha=None):
    model = learning.ForcedModel.of(learning.ShallowPLRNN.draw(3, 8, 0), 2, 3)
    return learning.reconstruct(
        model, series, training, alpha=alpha, optimiser=ADAM, checkpoint=checkpoint,
        progress=False,
    )  # fmt: skip


def test_training_goes_on_bit_for_bit(series, tmp_path):
    whole = trained(series)
    path = tmp_path / "x.checkpoint"
    trained(series, learning.Checkpoint(path), TRAINING._replace(updates=7))
    resumed = trained(series, learning.Checkpoint(path, resume=True))
    assert "resumed" in resumed.origin
    for x, y in zip(jax.tree.leaves(whole.state.arrays), jax.tree.leaves(resumed.state.arrays),
                    strict=True):  # fmt: skip
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(whole.state.losses, resumed.state.losses)
    np.testing.assert_array_equal(whole.state.judged, resumed.state.judged)
    assert whole.state.losses[-1] < 0.7 * whole.state.losses[0]
    assert float(whole.state.best) == whole.state.judged[:, 1:].prod(axis=1).min()


def test_what_is_held_out_chooses_but_does_not_teach(series):
    values = series.values.copy()
    values[480:] = values[480:][::-1]
    other = learning.Series(values, series.dt, series.labels)
    one, two = trained(series), trained(other)
    for x, y in zip(jax.tree.leaves(one.state.arrays), jax.tree.leaves(two.state.arrays),
                    strict=True):  # fmt: skip
        np.testing.assert_array_equal(x, y)
    assert not np.array_equal(one.state.judged, two.state.judged)
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="held out"):
            trained(series, training=TRAINING._replace(held_out=share))


def test_start_explains_single_steps():
    """Of the Hénon map, to 3e-3 of the variance; units as drawn leave 5e-3 at best."""
    x, y, rows = 0.1, 0.1, []
    for _ in range(1500):
        x, y = 1 - 1.4 * x**2 + y, 0.3 * x
        rows.append((x, y))
    values = learning.Series(np.asarray(rows[500:]), 1.0, ("x", "y")).standardised().values
    one, two = (learning.regressed(learning.ShallowPLRNN.draw(2, 12, 0), values, 0) for _ in "ab")
    ahead = jax.vmap(lambda z: one(z, None))(jnp.asarray(values[:-1]))
    error = float(jnp.mean((ahead - values[1:]) ** 2))
    assert error < 3e-3
    np.testing.assert_array_equal(one.W1, two.W1)


def test_hidden_states_start_as_low_passes(series):
    """Of 600 samples: with a time constant of 30, and driven by the first channel."""
    values = series.values
    network = learning.regressed(learning.ShallowPLRNN.draw(3, 40, 0), values, 0)
    kept = 1 - 1 / 30
    assert float(network.A[2]) == pytest.approx(kept, rel=1e-12)
    slow = [0.0]
    for x in values[:-1, 0]:
        slow.append(kept * slow[-1] + (1 - kept) * x)
    states = np.column_stack([values, np.asarray(slow) / np.std(slow)])[100:]
    ahead = jax.vmap(lambda z: network(z, None))(jnp.asarray(states[:-1]))
    np.testing.assert_allclose(ahead, states[1:], atol=0.02)


def test_alpha_is_estimated_along(series):
    rule = learning.EstimatedAlpha(first=0.05, every=4)
    found = trained(series, training=TRAINING._replace(updates=5), alpha=rule)
    alphas = found.state.alphas
    assert len(alphas) == 5 and alphas[1] == alphas[2] == alphas[3]
    assert np.all((alphas >= 0) & (alphas <= 1)) and alphas[0] != 0.05


def test_evaluation_of_the_true_model():
    """A rotation's own map: nothing lost, no divergence, exponent zero."""
    angle = 2 * np.pi / 30
    t = angle * np.arange(600)
    pure = learning.Series(np.stack([np.cos(t), np.sin(t)], axis=1), angle, ("a", "b"))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    model = learning.ForcedModel.of(_Turn(jnp.asarray(turn)), 2, 2)
    found = learning.evaluate(model, pure, predictions=(1, 20))
    assert found.predictions[1] < 1e-25 and found.predictions[20] < 1e-25
    assert abs(found.exponent) < 1e-6 and found.spectral < 1e-6 and found.divergence < 0.5
    slower = learning.ForcedModel.of(_Turn(jnp.asarray(0.9 * turn)), 2, 2)
    worse = learning.evaluate(slower, pure, predictions=(1,))
    assert worse.predictions[1] == pytest.approx(0.005, rel=1e-6)
    assert worse.divergence > 3 and worse.exponent == pytest.approx(np.log(0.9) / angle, rel=1e-3)


def test_one_free_run_of_eight_that_comes_to_rest_stands_out():
    """Pooled with the others it would add ln(8 / 7) = 0.13 nats."""
    t = 0.21 * np.arange(1200)
    pure = learning.Series(np.stack([np.cos(t), np.sin(t)], axis=1), 0.21, ("a", "b"))
    # The third state is hidden: the cosine of the start, which is above 0.97 at the first alone.
    observation = learning.MaskedObservation((0, 1), 3)
    encoder = jnp.zeros((3, 2)).at[2, 0].set(1.0)
    found = [
        distances(learning.ForcedModel(_Resting(0.21, limit), observation, encoder), pure)
        for limit in (2.0, 0.97)
    ]
    print("D_stsp, D_H of runs that all turn, and of some where one rests:", found)
    (all_turn, _), (one_rests, _) = found
    assert all_turn < 0.3 and one_rests > all_turn + 1


class _Resting(eqx.Module):
    """A rotation that dies out where the third state is above the limit."""

    angle: float
    limit: float

    def __call__(self, z, x):
        c, s = jnp.cos(self.angle), jnp.sin(self.angle)
        shrink = jnp.where(z[2] > self.limit, 0.9, 1.0)
        return jnp.stack([shrink * (c * z[0] - s * z[1]), shrink * (s * z[0] + c * z[1]), z[2]])


class _Turn(eqx.Module):
    A: jax.Array

    def __call__(self, z, x):
        return self.A @ z


TASK = """
[data]
csv = "s.csv"
test = 0.4
[model]
kind = "{kind}"
states = 3
hidden = 6
[training]
alpha = {alpha}
updates = 4
length = 20
batch = 2
judge_every = 2
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, series):
    """Runs `physsim reconstruct`, on the circle."""
    monkeypatch.chdir(tmp_path)
    rows = np.column_stack([0.2 * np.arange(600), series.values])
    np.savetxt("s.csv", rows, delimiter=",", header="time,a,b", comments="", fmt="%.12g")

    def call(text, *arguments):
        (tmp_path / "t.toml").write_text(text, encoding="latin-1")
        monkeypatch.setattr(sys, "argv", ["physsim", "reconstruct", "t.toml", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code or 0, capsys.readouterr().err

    return call


def test_command_writes_figures_model_and_plot(run, tmp_path):
    code, err = run(TASK.format(kind="shPLRNN", alpha=0.2))
    assert code == 0, err
    figures = json.loads((tmp_path / "out" / "t.json").read_text())
    assert figures["updates"] == 4 and len(figures["judged"]) == 2
    assert (tmp_path / "out" / "t.png").stat().st_size > 10_000
    with np.load(tmp_path / "out" / "t_model.npz") as model:
        assert model["dynamics.W1"].shape == (3, 6)
    code, err = run(TASK.format(kind="shPLRNN", alpha=0.3), "--resume")
    assert code == 2 and "belongs to another training" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TASK.format(kind="shPLRNN", alpha=1.5), "alpha must lie in [0, 1]"),
        (TASK + "# H\xe9non", "t.toml: not a TOML file"),
        (TASK.format(kind="shPLRNN", alpha='"often"'), 'give a number of 0 to 1, "estimated"'),
        (TASK.format(kind="LSTM", alpha=0.1), "unknown kind 'LSTM'"),
        (TASK.replace("states = 3", "states = 1").format(kind="tanh", alpha=0.1), "1 states can't"),
        (TASK.replace("length = 20", "length = 2000").format(kind="tanh", alpha=0.1), "shorten"),
        (
            TASK.replace("[data]", '[data]\nsystem = "chua"').format(kind="tanh", alpha=0.1),
            "either",
        ),
        (TASK.replace("lpha", "lfa").format(kind="tanh", alfa=0.1), "did you mean 'alpha'"),
        (
            TASK.replace("[model]", 'channels = ["c"]\n[model]').format(kind="tanh", alpha=0.1),
            "unknown channel 'c'",
        ),
        (TASK.replace("s.csv", "none.csv").format(kind="tanh", alpha=0.1), "csv: there is no "),
    ],
)
def test_tasks_that_do_not_fit(run, text, message):
    code, err = run(text)
    assert code == 2 and message in err and "Traceback" not in err


def test_lorenz_63_is_bundled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = read_reconstruction(Path("lorenz63.toml"))
    assert task.data["system"] == "lorenz63" and task.training["updates"] == 24_000
    with pytest.raises(ValueError, match=r"no such file; bundled are lorenz63\.toml"):
        read_reconstruction(Path("lorenz.toml"))
