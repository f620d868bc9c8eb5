"""SymPy energies: derivatives against autodiff, separability, and clear refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import physsim
from physsim import PhaseState

q, p, r, s, k, u = sympy.symbols("q p r s k u")


def test_derivatives_are_those_of_autodiff():
    energy = p**2 / (2 * k) + sympy.exp(s) + q**4 / 4 + sympy.cos(q * r) - u * r + k * q
    H = physsim.symbolic(energy, q=[q, r], p=[p, s], u=[u], params={k: 1.7})
    rng = np.random.default_rng(0)
    Q, P, U = (jnp.asarray(rng.normal(size=n)) for n in (2, 2, 1))
    np.testing.assert_allclose(H.velocity(P), jax.grad(H.kinetic)(P), rtol=1e-14)
    np.testing.assert_allclose(H.force(Q, U), -jax.grad(H.potential)(Q, U), rtol=1e-14)
    assert H.kinetic_is_quadratic is False and H.is_even is False
    assert H.input_names == ("u",) and H.parameter_names() == ("k",)


def test_terms_that_only_seem_to_mix_are_multiplied_out():
    H = physsim.symbolic(p * (p + 2) / 2 + (q + p) ** 2 - 2 * q * p, q=[q], p=[p])
    assert isinstance(H, physsim.SymbolicSeparableHamiltonian)
    assert H.kinetic_is_quadratic and not H.is_even


def test_energies_that_mix_are_kept_whole_and_refused_by_splittings():
    H = physsim.symbolic(p**2 * (1 + q**2) / 2, q=[q], p=[p])
    assert isinstance(H, physsim.SymbolicHamiltonian)
    x = jnp.array([0.3])
    velocity, force = H.vector_field(x, 2 * x, jnp.zeros(0))
    np.testing.assert_allclose(velocity, 0.6 * 1.09)
    np.testing.assert_allclose(force, -(0.6**2) * 0.3)
    with pytest.raises(ValueError, match="separable"):
        physsim.integrate(H, physsim.StormerVerlet(), PhaseState(x, x), dt=0.1, num_steps=1)


def test_nystrom_methods_refuse_a_kinetic_energy_that_is_not_quadratic():
    H = physsim.symbolic(sympy.cosh(p) + q**2, q=[q], p=[p])
    y = PhaseState(jnp.ones(1), jnp.ones(1))
    with pytest.raises(ValueError, match=r"quadratic.*Yoshida4"):
        physsim.integrate(H, physsim.SRKN11b(), y, dt=0.1, num_steps=1)
    physsim.integrate(H, physsim.Yoshida4(), y, dt=0.1, num_steps=1)


def test_coefficients_keep_all_their_digits():
    third = sympy.Float("0.333333333333333333333333", 30)
    H = physsim.symbolic(p**2 / 2 + third * q, q=[q], p=[p])
    assert float(-H.force(jnp.zeros(1), jnp.zeros(0))[0]) == 1 / 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"energy": p**2 + k}, "contains k"),
        ({"q": [q, q]}, "same length"),
        ({"q": [], "p": []}, "at least 1"),
        ({"q": [q], "p": [q]}, "two roles"),
        ({"params": {k: float("nan")}}, "finite"),
        ({"params": {k: [1.0, 2.0]}}, "one real number"),
        ({"params": {k: 1j}}, "one real number"),
    ],
)
def test_bad_energies_are_named(arguments, message):
    given = {"energy": p**2 / 2 + q**2, "q": [q], "p": [p]} | arguments
    energy = given.pop("energy")
    with pytest.raises(ValueError, match=message):
        physsim.symbolic(energy, **given)


def test_text_is_no_energy():
    from physsim._energy import _require_expression

    with pytest.raises(ValueError, match="SymPy expression, not str"):
        _require_expression("p**2")
