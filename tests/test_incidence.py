"""A signed incidence, by each strategy, is the matrix it stands for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physsim import SignedIncidence


@st.composite
def matrices(draw):
    rows, columns = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    cells = st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1))
    chosen = draw(st.lists(cells, unique=True, max_size=40))
    signs = draw(st.lists(st.sampled_from([-1, 1]), min_size=len(chosen), max_size=len(chosen)))
    index = np.array(chosen, int).reshape(-1, 2)
    return SignedIncidence(index[:, 0], index[:, 1], np.array(signs, int), (rows, columns))


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(matrices(), st.sampled_from([(), (3,)]), st.integers(0, 2**31))
def test_every_strategy_is_the_dense_product(matrix, batch, seed):
    x = jnp.asarray(np.random.default_rng(seed).normal(size=(matrix.shape[1], *batch)))
    expected = matrix.dense() @ np.asarray(x)
    for product in (matrix, matrix._by_slices, matrix._by_gather, matrix._by_segments):
        np.testing.assert_allclose(product(x), expected, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(matrix.T.dense(), matrix.dense().T)


def test_the_pattern_chooses_the_strategy():
    n = 100
    chain = SignedIncidence(
        np.repeat(np.arange(n - 1), 2),
        np.stack([np.arange(n - 1), np.arange(1, n)], 1).ravel(),
        np.tile([1, -1], n - 1),
        (n - 1, n),
    )
    rng = np.random.default_rng(0)
    graph = SignedIncidence.selection(rng.permutation(n), n)
    star = SignedIncidence(np.zeros(n, int), rng.permutation(n), rng.choice([-1, 1], n), (1, n))
    assert [m.strategy for m in (chain, graph, star)] == ["slices", "gather", "segment_sum"]


def test_equal_patterns_share_a_trace():
    traces = []

    @jax.jit
    def product(x):
        traces.append(1)
        return SignedIncidence.identity(4)(x)

    a, b = SignedIncidence.identity(4), SignedIncidence.identity(4)
    assert a == b and hash(a) == hash(b)
    assert a != SignedIncidence.identity(5)
    product(jnp.ones(4))
    product(jnp.zeros(4))
    assert len(traces) == 1


def test_empty_rows_and_columns():
    empty = SignedIncidence([], [], np.array([], int), (3, 2))
    np.testing.assert_array_equal(empty(jnp.ones(2)), np.zeros(3))


@pytest.mark.parametrize("index", [[5], [-1]])
def test_entries_outside_are_refused(index):
    with pytest.raises(IndexError, match="outside of the 1 x 2 matrix"):
        SignedIncidence.selection(index, 2)


def test_slots_of_one_sign_are_not_multiplied():
    """The ends of branches: a difference of two gathers and nothing else."""
    rng = np.random.default_rng(0)
    a, b = rng.permutation(50), rng.permutation(50)
    b = np.where(a == b, (b + 1) % 50, b)
    ends = np.stack([a, b], 1).ravel()
    matrix = SignedIncidence(np.repeat(np.arange(50), 2), ends, np.tile([1, -1], 50), (50, 50))
    program = str(jax.make_jaxpr(matrix)(jnp.ones(50)))
    assert matrix.strategy == "gather"
    assert " mul " not in program and " sub " in program


@pytest.mark.parametrize("shape", [(6, 4), (40, 30)])
def test_real_entries(shape):
    """As transformers have them; more than a few runs of one sign use other strategies."""
    rng = np.random.default_rng(3)
    dense = np.where(rng.random(shape) < 0.3, rng.choice([1.0, -1.0, 0.5, 2.5], shape), 0.0)
    rows, columns = np.nonzero(dense)
    matrix = SignedIncidence(rows, columns, dense[rows, columns], shape)
    np.testing.assert_array_equal(matrix.dense(), dense)
    x = rng.normal(size=(shape[1], 3))
    np.testing.assert_allclose(matrix(jnp.asarray(x)), dense @ x, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(
        matrix.T(jnp.asarray(dense @ x)), dense.T @ dense @ x, rtol=1e-14, atol=1e-14
    )
