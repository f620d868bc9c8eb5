"""Everything works in float32, as JAX comes out of the box."""

import subprocess
import sys

import pytest

CODE = """
import warnings
warnings.simplefilter("error")
import jax, jax.numpy as jnp, numpy as np, sympy
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
import circuits, learning, physsim
from importlib.resources import files

for name, node in (("coupled_lc", "out"), ("junction_chain", "n4"), ("lc_ladder", "n8")):
    circuit = circuits.load(files("circuits") / "library" / f"{name}.cir")
    result = circuit.simulate(solver=physsim.StormerVerlet())
    assert result.solution.ys.q.dtype == jnp.float32
    readout = circuit.readout(f"v({node})")
    unit = circuit.scales.voltage
    cost = lambda H, y, u, t: (readout(H, y, u) / unit) ** 2
    options = dict(dt=0.05, num_steps=200, inputs=circuit.drive)
    arguments = (circuit.hamiltonian, physsim.StormerVerlet(), circuit.initial_state, cost)
    _, exact = learning.BPTT()(*arguments, **options)
    for method, tolerance in ((learning.ReversibleAdjoint(), 1e-4), (learning.RHEL(), 3e-2)):
        _, echo = method(*arguments, **options)
        for a, b in zip(jax.tree.leaves(echo.params), jax.tree.leaves(exact.params)):
            assert a.dtype == jnp.float32
            error = float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b))
            assert error < tolerance, (name, method, error)
"""


@pytest.mark.slow
def test_circuits_and_gradients_in_float32():
    subprocess.run([sys.executable, "-c", CODE], check=True)
