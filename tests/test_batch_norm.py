"""Stacks normalised over a batch: their derivatives, their statistics, and who refuses them."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning
from learning import BatchNorm, FusedSweep, LayerSweep, StoredSweep

STEPS, SERIES = 60, 4


def two_tones(count=24, steps=30):
    """Slow and fast sines on a large offset, which a norm takes away."""
    rng = np.random.default_rng(5)
    which = np.arange(count) % 2
    time = np.arange(steps) + rng.uniform(0, 20, (count, 1))
    x = 3 + np.sin(time * np.where(which, 0.9, 0.3)[:, None])[:, None]
    return learning.SeriesData("tones", x, np.full(count, steps), which, ("slow", "fast"))


def stack_of(signals=2, blocks=2):
    shape = learning.StackShape(signals, 2, blocks, 4, 3)
    return learning.make_stack(
        shape, learning.make_linear_hru, key=jax.random.key(0), norm=learning.batch_norm
    )


@eqx.filter_jit
def outputs(stack, x, sweep):
    return sweep(stack, x, learning.subsampling(x.shape[1], x.shape[1] // 2, x.dtype))


@pytest.fixture(scope="module")
def data():
    return 2 + jax.random.normal(jax.random.key(1), (2, STEPS, SERIES))


def test_a_norm_leaves_mean_0_and_variance_1(data):
    norm = dataclasses.replace(learning.batch_norm(2), of_batch=True)
    y = norm(data)
    np.testing.assert_allclose(jnp.mean(y, (1, 2)), 0, atol=1e-14)
    np.testing.assert_allclose(jnp.var(y, (1, 2)), 1, rtol=2e-5)


@pytest.mark.slow
def test_layer_by_layer_is_backpropagation(data):
    def loss(stack, x, sweep):
        return jnp.sum(outputs(learning.of_batches(stack), x, sweep) ** 2)

    slopes = [
        eqx.filter_grad(loss)(stack_of(blocks=1), data, s) for s in (LayerSweep(), StoredSweep())
    ]
    echo, exact = (jnp.concatenate([jnp.ravel(x) for x in jax.tree.leaves(g)]) for g in slopes)
    np.testing.assert_allclose(echo, exact, atol=1e-12 * float(jnp.linalg.norm(exact)))
    assert all(float(jnp.linalg.norm(b.norm.mean)) == 0 for b in slopes[1].blocks)


def test_statistics_of_all_series_give_the_outputs_of_training(data):
    stack = learning.settled(stack_of(), [data])
    trained = outputs(learning.of_batches(stack), data, StoredSweep())
    for sweep in (StoredSweep(), FusedSweep(chunk=20)):
        np.testing.assert_allclose(outputs(stack, data, sweep), trained, rtol=1e-11)


def test_statistics_are_means_over_series(data):
    """Of the first norm, which no other comes before: by hand."""
    first = learning.settled(stack_of(), [data[..., :3], data[..., 3:]]).blocks[0].norm
    assert isinstance(first, BatchNorm)
    u = stack_of().encoder(data)
    np.testing.assert_allclose(first.mean, jnp.mean(u, (1, 2)), rtol=1e-13)
    parts = [jnp.var(u[..., :3], (1, 2)), jnp.var(u[..., 3:], (1, 2))]
    np.testing.assert_allclose(first.variance, 0.75 * parts[0] + 0.25 * parts[1], rtol=1e-13)


@pytest.mark.slow
def test_it_trains_and_judges_with_the_statistics_of_training():
    data = two_tones()
    fit = learning.fit_stack(
        stack_of(1, 1), learning.Splits(data[:12], data[12:18], data[18:]),
        sweep=LayerSweep(), optimiser=optax.adam(0.03), epochs=25, batch_size=6, progress=False,
    )  # fmt: skip
    assert fit.test_score == 1.0
    assert float(jnp.linalg.norm(fit.stack.blocks[0].norm.mean)) > 0.1


def test_the_fused_sweep_refuses_it(data):
    with pytest.raises(ValueError, match=r"mix all times.*LayerSweep\(\)"):
        outputs(learning.of_batches(stack_of()), data, FusedSweep())


def test_ragged_series_are_refused():
    data = dataclasses.replace(two_tones(), lengths=np.r_[20, np.full(23, 30)])
    with pytest.raises(ValueError, match="tones differ in length"):
        learning.fit_stack(
            stack_of(1, 1), learning.Splits(data[:12], data[12:18], data[18:]),
            sweep=LayerSweep(), optimiser=optax.adam(0.03), epochs=1, batch_size=6, progress=False,
        )  # fmt: skip


def test_a_configuration_with_the_fused_sweep_is_refused(run, tmp_path):
    text = '[data]\nset = "adding"\n[model]\nnorm = "batch"\n'
    (tmp_path / "c.toml").write_text(text)
    code, _, err = run("train", "c.toml")
    assert code == 2 and 'norm = "batch" mixes all times' in err
