"""Echoes of lossy systems without gain: their bias against Q, as docs/echo.md predicts it."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import physsim
from learning import RHEL, ReversibleAdjoint
from physsim import PhaseState, StormerVerlet

STEPS, DT = 3_000, 0.2
LENGTH = STEPS * DT
QUALITIES = (600.0, 6e3, 6e4)


@functools.cache
def tank():
    """One mode of frequency 1; the input adds to its stiffness, held over each step."""
    q, p, k, u = sympy.symbols("q p k u")
    return physsim.symbolic(p**2 / 2 + (k + u) * q**2 / 2, q=[q], p=[p], u=[u], params={k: 1.0})


class Overlap(eqx.Module):
    """Linear in the state, so that both echoes get the nudges of the run itself."""

    late: bool = eqx.field(static=True)

    def __call__(self, H, y, u, target):
        wave, last = target
        return (last if self.late else 1.0) * wave * y.q[0]


def targets():
    k = jnp.arange(1.0, STEPS + 1)
    # In quadrature, where a change of the frequency shows.
    return jnp.stack([jnp.sin(k * DT), (k > STEPS - 31.0).astype(k.dtype)], axis=1)


def densities(method, quality, late):
    """dL/du_k of each step, whose sum is the derivative by k."""
    H = physsim.damped(tank(), conductance=1.0 / quality)
    y0 = PhaseState(jnp.ones(1), jnp.zeros(1))
    options = {"dt": DT, "num_steps": STEPS, "inputs": jnp.zeros((STEPS, 1)), "targets": targets()}
    _, found = method(H, StormerVerlet(), y0, Overlap(late), **options)
    total = float(jax.tree.leaves(found.params.H)[0])
    return np.asarray(found.inputs[:, 0]), total


@functools.cache
def measured_and_predicted(quality, late):
    """(exact, by the echo, predicted) derivatives by k."""
    exact, total = densities(ReversibleAdjoint(), quality, late)
    np.testing.assert_allclose(exact.sum(), total, rtol=1e-9)
    _, echo = densities(RHEL(1e-4, gain=False), quality, late)
    left = LENGTH - DT * np.arange(STEPS)
    return total, echo, float(exact @ np.exp(-left / quality))


@pytest.mark.parametrize("late", [False, True], ids=["cost along the way", "cost at the end"])
@pytest.mark.parametrize("quality", QUALITIES)
def test_the_bias_is_the_predicted_one(quality, late):
    """For any omega T / Q, to order 1 / Q, which does not grow with the run."""
    exact, echo, predicted = measured_and_predicted(quality, late)
    print(quality, late, "bias", echo / exact - 1, "predicted", predicted / exact - 1)
    assert abs(echo - predicted) <= 1.0 / quality * abs(exact)


@pytest.mark.parametrize("late", [False, True], ids=["cost along the way", "cost at the end"])
def test_the_bias_is_proportional_to_omega_T_over_Q(late):
    """And its factor is the mean time that was left, weighted by what was learnt then."""
    quality = QUALITIES[-1]
    exact, echo, _ = measured_and_predicted(quality, late)
    density, _ = densities(ReversibleAdjoint(), quality, late)
    mean_left = float(density @ (LENGTH - DT * np.arange(STEPS))) / exact
    np.testing.assert_allclose(echo / exact - 1, -mean_left / quality, rtol=0.02)
    # At the end every time has the same share: half the run is left on average.
    if late:
        np.testing.assert_allclose(mean_left, LENGTH / 2, rtol=0.02)
