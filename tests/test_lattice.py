"""Lattices from SymPy Sums: against plain JAX energies, against `symbolic`, and refusals."""

import itertools
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import IndexedBase, Mod, Sum, cos, floor, symbols

import physsim
from physsim import PhaseState
from physsim._incidence import SignedIncidence
from physsim._lattice_index import numbered

i, j = symbols("i j", integer=True)
k, beta, u, v, t = symbols("k beta u v t")
q, p, m, g = (IndexedBase(name) for name in "qpmg")
NONE = jnp.zeros(0)


def chain_energy(n):
    stretch = q[i + 1] - q[i]
    bonds = Sum(k * stretch**2 / 2 + beta * stretch**4 / 4, (i, 0, n - 2))
    return Sum(p[i] ** 2 / 2, (i, 0, n - 1)) + bonds + q[0] ** 2 / 2


def chain(n, stiffness=1.3, quartic=0.3):
    params = {k: stiffness, beta: quartic}
    return physsim.lattice(chain_energy(n), q=q, p=p, size=n, params=params)


def plain_chain(params, Q, P):
    d = Q[1:] - Q[:-1]
    bonds = params["k"] * d**2 / 2 + params["beta"] * d**4 / 4
    return jnp.sum(P**2) / 2 + jnp.sum(bonds) + Q[0] ** 2 / 2


def junctions(nx, ny):
    """A periodic array of junctions with capacitances and critical currents of each site's own."""
    here = q[i * ny + j]
    right, up = q[Mod(i + 1, nx) * ny + j], q[i * ny + Mod(j + 1, ny)]
    site = p[i * ny + j] ** 2 / (2 * m[i * ny + j])
    bonds = g[i, j] * (1 - cos(right - here)) + k * (1 - cos(up - here))
    return Sum(site + bonds, (i, 0, nx - 1), (j, 0, ny - 1))


def plain_junctions(params, Q, P):
    grid = Q.reshape(params["g"].shape)
    across = params["g"] * (1 - jnp.cos(jnp.roll(grid, -1, 0) - grid))
    along = params["k"] * (1 - jnp.cos(jnp.roll(grid, -1, 1) - grid))
    return jnp.sum(P**2 / (2 * params["m"])) + jnp.sum(across) + jnp.sum(along)


def random_state(n, seed=0):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(size=n)), jnp.asarray(rng.normal(size=n))


def check_against(H, plain, Q, P, inputs=NONE):
    """Energy, motion and gradients by parameters are those of `plain(params, Q, P)`."""
    close = dict(rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(H(Q, P, inputs), plain(H.params, Q, P), **close)
    slope_q, slope_p = jax.grad(plain, (1, 2))(H.params, Q, P)
    np.testing.assert_allclose(H.velocity(P), slope_p, **close)
    np.testing.assert_allclose(H.force(Q, inputs), -slope_q, **close)
    ours, theirs = jax.grad(lambda H: H(Q, P, inputs))(H).params, jax.grad(plain)(H.params, Q, P)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert value.shape == H.params[name].shape
        np.testing.assert_allclose(value, theirs[name], **close)


def strategies(parts):
    return [terminal.strategy for part in parts for terminal in part.terminals]


# Few sizes, since JAX compiles anew for each.
@pytest.mark.slow
@given(n=st.sampled_from([2, 3, 23]), seed=st.integers(0, 2**31), scale=st.floats(0.1, 3.0))
@settings(max_examples=6, deadline=None)
def test_chain_is_that_of_a_plain_energy(n, seed, scale):
    Q, P = random_state(n, seed)
    check_against(chain(n, scale), plain_chain, Q, P)


@pytest.mark.slow
@given(shape=st.sampled_from([(1, 2), (3, 4), (5, 12)]), seed=st.integers(0, 2**31))
@settings(max_examples=6, deadline=None)
def test_periodic_junction_array_is_that_of_a_plain_energy(shape, seed):
    nx, ny = shape
    rng = np.random.default_rng(seed)
    params = {m: rng.uniform(0.5, 2, nx * ny), g: rng.normal(size=(nx, ny)), k: 0.7}
    H = physsim.lattice(junctions(nx, ny), q=q, p=p, size=nx * ny, params=params)
    check_against(H, plain_junctions, *random_state(nx * ny, seed))


def test_chain_has_one_terminal_a_bond_and_is_applied_by_slices():
    H = chain(50)
    network = H.prepare()
    assert set(strategies((*network.kinetic_parts, *network.potential_parts))) == {"slices"}
    assert sorted(len(part.terminals) for part in network.potential_parts) == [1, 1]
    assert "49 x sum over i" in H.describe() and "slices" in H.describe()
    assert H.kinetic_is_quadratic and H.kinetic_is_diagonal and H.is_even
    assert not H.potential_is_quadratic and not H.has_clock


def test_names():
    H = physsim.lattice(
        junctions(2, 2), q=q, p=p, size=4, params={m: np.ones(4), g: np.ones((2, 2)), k: 1.0}
    )
    assert H.coordinates == ("q[0]", "q[1]", "q[2]", "q[3]")
    names = ("g[0,0]", "g[0,1]", "g[1,0]", "g[1,1]", "k", "m[0]", "m[1]", "m[2]", "m[3]")
    assert H.parameter_names() == names
    leaves = jax.tree.leaves(eqx.filter(H, eqx.is_array))
    assert sum(leaf.size for leaf in leaves) == len(names)
    assert H.expr == junctions(2, 2)


def test_sites_parameters_indices_as_numbers_and_floor():
    """m[i] by site, an energy with i itself, pairs of sites that share a parameter."""
    n = 7
    sites = Sum(p[i] ** 2 / (2 * m[i]) + cos(2 * sympy.pi * i / n) * q[i] ** 2, (i, 0, n - 1))
    params = {m: np.arange(1.0, 8), g: [0.3, -1.0, 2.0, 0.1], k: 0.4}

    def build(pair):
        shifted = Sum(g[pair] * i * q[i + 3] ** 4, (i, -3, 3))
        energy = sites + shifted - 2 * k * (q[6] - 3) ** 2
        return physsim.lattice(energy, q=q, p=p, size=n, params=params)

    with pytest.raises(ValueError, match=r"g\[floor\(i/2\)\].*index floor\(i/2\) is -2 at i = -3"):
        build(floor(i / 2))
    H = build(floor((i + 3) / 2))

    def plain(params, Q, P):
        site = jnp.arange(n, dtype=float)
        onsite = jnp.cos(2 * jnp.pi * site / n) * Q**2
        quartic = params["g"][np.arange(n) // 2] * (site - 3) * Q**4
        kinetic = P**2 / (2 * params["m"])
        return jnp.sum(kinetic + onsite + quartic) - 2 * params["k"] * (Q[6] - 3) ** 2

    check_against(H, plain, *random_state(n))


def test_floor_of_fractions_is_exact():
    # In floating point floor((1/49)*49) is 0.
    energy = Sum(p[i] ** 2 / 2, (i, 0, 1)) + Sum(q[floor(i / 49)], (i, 49, 97))
    H = physsim.lattice(energy, q=q, p=p, size=2)
    np.testing.assert_array_equal(H.force(jnp.zeros(2), NONE), [0, -49])


def test_factors_nested_sums_and_terms_that_share_a_sum():
    pairs = Sum(k * Sum(cos(q[3 * i + j] - q[i]), (j, 0, 2)), (i, 0, 2))
    energy = (Sum(p[i] ** 2 + (q[i] + p[i]) ** 2 - 2 * q[i] * p[i], (i, 0, 8)) - 3 * pairs) / 2
    energy += beta * (1 + Sum(q[i] * q[i + 1] * q[i + 2], (i, 0, 6))) + Sum(q[i], (i, 4, 3))
    H = physsim.lattice(energy, q=q, p=p, size=9, params={k: 0.8, beta: 0.3})

    def plain(params, Q, P):
        cosines = jnp.cos(Q.reshape(3, 3) - Q[:3, None])
        triples = 1 + jnp.sum(Q[:-2] * Q[1:-1] * Q[2:])
        both = jnp.sum(P**2 + Q**2 / 2) - 1.5 * params["k"] * jnp.sum(cosines)
        return both + params["beta"] * triples

    check_against(H, plain, *random_state(9))
    terminals = [len(part.terminals) for part in H.prepare().potential_parts]
    assert sorted(terminals) == [1, 1, 1, 3]


@pytest.mark.parametrize(
    ("local", "plain"),
    [
        (cos(q[i] - q[i + 1] + q[i + 2]), lambda a, b, c: jnp.cos(a - b + c)),
        (k * (q[i] + q[i + 1]) ** 3, lambda a, b, c: 0.7 * (a + b) ** 3),
        (sympy.Abs(q[i + 2] - q[i]) ** 3, lambda a, b, c: jnp.abs(c - a) ** 3),
    ],
)
def test_energies_of_one_linear_form_have_one_terminal(local, plain):
    energy = Sum(p[i] ** 2 / 2, (i, 0, 8)) + Sum(local, (i, 0, 6))
    H = physsim.lattice(energy, q=q, p=p, size=9, params={k: 0.7})
    (part,) = H.prepare().potential_parts
    assert len(part.terminals) == 1
    Q, P = random_state(9)

    def whole(_, Q, P):
        return jnp.sum(P**2) / 2 + jnp.sum(plain(Q[:-2], Q[1:-1], Q[2:]))

    np.testing.assert_allclose(H(Q, P, NONE), whole(None, Q, P), rtol=1e-13)
    np.testing.assert_allclose(H.force(Q, NONE), -jax.grad(whole, 1)(None, Q, P), rtol=1e-12)


def test_forms_that_only_look_like_one_keep_their_terminals():
    energy = Sum(p[i] ** 2 / 2, (i, 0, 3)) + Sum((q[i + 1] - 2 * q[i]) ** 2, (i, 0, 2))
    (part,) = physsim.lattice(energy, q=q, p=p, size=4).prepare().potential_parts
    assert len(part.terminals) == 2


def test_inputs_and_time():
    energy = Sum(p[i] ** 2 / 2 - u * q[i] * sympy.sin(t), (i, 0, 3)) + v * q[0] ** 2 + v * t
    H = physsim.lattice(energy, q=q, p=p, size=4, u=[u, v], t=t)
    assert H.input_names == ("u", "v", "t") and H.has_clock
    Q, P = random_state(4)

    def plain(_, Q, P):
        drive = jnp.sum(P**2 / 2 - 0.3 * Q * jnp.sin(0.9))
        return drive + 2.0 * Q[0] ** 2 + 1.8

    check_against(H, plain, Q, P, jnp.asarray([0.3, 2.0, 0.9]))
    y = PhaseState(Q, P)
    inputs = jnp.ones((5, 2))
    run = physsim.integrate(H, physsim.StormerVerlet(), y, dt=0.1, num_steps=5, inputs=inputs)
    assert np.isfinite(run.energies).all()


def small_symbolic_chain(n=6):
    Q, P = sympy.symbols(f"q:{n}"), sympy.symbols(f"p:{n}")
    energy = sum(x**2 for x in P) / 2 + Q[0] ** 2 / 2
    for a, b in itertools.pairwise(Q):
        energy += k * (b - a) ** 2 / 2 + beta * (b - a) ** 4 / 4
    return physsim.symbolic(energy, q=Q, p=P, params={k: 1.3, beta: 0.3})


def test_run_is_that_of_the_same_energy_from_symbolic():
    y = PhaseState(*random_state(6))
    options = {"dt": 0.05, "num_steps": 40, "save_every": 10}
    ours = physsim.integrate(chain(6), physsim.SRKN11b(), y, **options)
    theirs = physsim.integrate(small_symbolic_chain(), physsim.SRKN11b(), y, **options)
    np.testing.assert_allclose(ours.ys.q, theirs.ys.q, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.energies, theirs.energies, rtol=1e-12)


@pytest.mark.slow
def test_gradient_of_a_run_by_a_shared_parameter():
    y = PhaseState(*random_state(6))

    def final(H):
        run = physsim.integrate(H, physsim.SRKN11b(), y, dt=0.05, num_steps=10, throw=False)
        return run.final.q[2]

    ours = jax.grad(final)(chain(6)).params
    theirs = jax.grad(final)(small_symbolic_chain()).params
    for name in ("k", "beta"):
        assert ours[name].shape == ()
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-10)


def test_code_does_not_grow_with_the_lattice():
    def equations(n):
        jaxpr = jax.make_jaxpr(lambda H, x: H.force(x, NONE))(chain(n), jnp.zeros(n))
        return len(jaxpr.eqns)

    assert equations(16) == equations(4096)


def test_lattices_that_are_built_again_are_not_traced_again():
    traces = []

    @eqx.filter_jit
    def force(H, x):
        traces.append(None)
        return H.force(x, NONE)

    for stiffness in (1.0, 2.0):
        force(chain(8, stiffness), jnp.ones(8))
    assert len(traces) == 1


def test_names_of_large_lattices_are_one_leaf():
    """JAX and equinox search tuples for leaves, 65536 of them on every call."""
    names = numbered("q", 4)
    assert jax.tree.leaves(names) == [names]
    assert names == ("q[0]", "q[1]", "q[2]", "q[3]") and hash(names) == hash(tuple(names))
    assert numbered("q", 4) is names and names != numbered("q", 5)


def test_large_periodic_lattices_build_quickly():
    start = time.perf_counter()
    n = 128
    params = {m: np.ones(n * n), g: np.ones((n, n)), k: 1.0}
    H = physsim.lattice(junctions(n, n), q=q, p=p, size=n * n, params=params)
    Q, P = random_state(n * n)
    np.testing.assert_allclose(H(Q, P, NONE), plain_junctions(H.params, Q, P), rtol=1e-12)
    assert time.perf_counter() - start < 20


KINETIC = Sum(p[i] ** 2 / 2, (i, 0, 3))


@pytest.mark.parametrize(
    ("potential", "arguments", "message"),
    [
        (Sum(q[i + 1] ** 2, (i, 0, 3)), {}, r"q\[i \+ 1\].*index i \+ 1 is 4 at i = 3, outside"),
        (Sum(q[i - 1] ** 2, (i, 0, 3)), {}, r"index i - 1 is -1 at i = 0"),
        (q[7], {}, r"index 7 is 7, outside 0\.\.\.3"),
        (Sum(q[i / 2], (i, 0, 3)), {}, r"q\[i/2\].*not an integer"),
        (q[0.5], {}, "0.5.*in its index is neither an integer"),
        (q[sympy.sqrt(2)], {}, "neither an integer"),
        (Sum(q[1 / (i + 1)], (i, 0, 3)), {}, "divides by an index"),
        (q[i], {}, "i in its index is neither an integer nor an index of a Sum"),
        (Sum(q[i + k], (i, 0, 3)), {"params": {k: 1.0}}, "k in its index is neither"),
        (Sum(q[q[i]], (i, 0, 3)), {}, r"q\[i\] in its index is neither"),
        (Sum(q[i, i], (i, 0, 3)), {}, r"has 2 indices, but q has 1: write q\[i\*Ny \+ j\]"),
        (k * q[0], {}, "contains k, which is neither"),
        (g[0] * q[0], {}, "contains g"),
        (sympy.Function("f")(q[0]), {}, r"contains f\(q\[0\]\)"),
        (q[0] * q, {}, "contains q.* need an index"),
        (i * q[0], {}, "contains i"),
        (Sum(q[i] ** 2, (i, 0, sympy.oo)), {}, "bounds 0, oo of the index i must be integers"),
        (Sum(q[i] ** 2, (i, 0, k)), {"params": {k: 3}}, "bounds 0, k"),
        (Sum(q[i + j], (i, 0, j), (j, 0, 1)), {}, "bounds 0, j"),
        (Sum(q[i], (i, 3, 0)), {}, "runs backwards, from 3 to 0"),
        (Sum(q[i] * Sum(q[i], (i, 0, 1)), (i, 0, 1)), {}, "the index i"),
        (q[i] * Sum(q[i], (i, 0, 1)), {}, r"factor q\[i\] has the index i of the Sum"),
        (Sum(q[i], (i, 0, 1), (i, 0, 1)), {}, "summed over twice"),
        (Sum(q[i], (i, 0, 3)) ** 2, {}, "applies Pow to a Sum"),
        (Sum(q[i], (i, 0, 3)) * Sum(q[j], (j, 0, 3)), {}, "multiplies Sums"),
        (Sum(q[i] * p[i], (i, 0, 3)), {}, "mixes p with q or inputs: only separable"),
        (u * p[0], {"u": [u]}, "mixes p with q or inputs"),
        (sympy.I * q[0], {}, "real and finite.* has I"),
        (sympy.oo * q[0], {}, "real and finite"),
        (k * q[0], {"params": {k: 1j}}, "parameter k must be real"),
        (k * q[0], {"params": {k: "1"}}, "parameter k must be real"),
        (k * q[0], {"params": {k: float("nan")}}, "parameter k must be finite"),
        (k * q[0], {"params": {k: [1.0]}}, "must be one number.*IndexedBase"),
        (m[0] * q[0], {"params": {m: 1.0}}, "m is indexed: pass an array"),
        (m[0] * q[0], {"params": {m: [1.0, np.inf]}}, "m must be finite"),
        (m[0] * q[0], {"params": {m: [1.0, 2.0]}}, r"shape \(2,\), but the energy reads only \(1,"),
        (m[2] * q[0], {"params": {m: [1.0, 2.0]}}, r"m\[2\].*index 2 is 2, outside 0\.\.\.1"),
        (m[0] * q[0], {"params": {m: [[1.0]]}}, "has 1 indices, but m has 2"),
        (k * q[0], {"params": {k + 1: 1.0}}, "use a sympy.Symbol"),
        (k * q[0], {"params": {k: 1.0}, "u": [k]}, "k has two roles"),
        (k * q[0], {"params": {k: 1.0}, "t": k}, "k has two roles"),
        (q[0], {"params": {symbols("p"): 1.0}}, "p has two roles"),
        (Sum(q[i], (i, 0, 3)), {"params": {symbols("i"): 1.0}}, "i has two roles: it is summed"),
        (q[0], {"size": 0}, "at least 1"),
        (-KINETIC, {}, r"no term with p"),
    ],
)  # fmt: skip
def test_bad_lattices_are_named(potential, arguments, message):
    given = {"q": q, "p": p, "size": 4} | arguments
    with pytest.raises(ValueError, match=message):
        physsim.lattice(KINETIC + potential, **given)


def test_single_symbols_and_text_are_sent_elsewhere():
    from physsim._lattice import _require_bases

    with pytest.raises(ValueError, match=r"q must be a sympy.IndexedBase, got Symbol.*symbolic"):
        _require_bases(KINETIC, k, p, 4)
    with pytest.raises(ValueError, match="SymPy expression, not str"):
        _require_bases("p[0]**2", q, p, 4)


def test_symbolic_sends_indexed_energies_to_lattice():
    from physsim._energy import _require_plain_symbols

    with pytest.raises(ValueError, match=r"physsim\.lattice"):
        physsim.symbolic(p[0] ** 2 + k**2, q=[k], p=[beta])
    with pytest.raises(ValueError, match=r"physsim\.lattice"):
        _require_plain_symbols(k, q, p)


def test_selection_of_parameters_has_their_gradient():
    """A parameter that many elements share collects the gradient of all of them."""
    pick = SignedIncidence.selection([0, 2, 2, 1, 0, 2, 1, 1, 0, 2], 3)
    np.testing.assert_array_equal(
        jax.grad(lambda x: jnp.sum(pick(x)))(jnp.ones(3)), [3.0, 3.0, 4.0]
    )
