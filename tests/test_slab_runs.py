"""A network on eight devices, and on processes of their own, runs as it does on one."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physsim
from physsim import ExactReversal, StormerVerlet

from .device_process import ROOT, environment, on_devices, on_hosts
from .slab_lattices import chain, repelling, shuffled_ladder, start, torus
from .test_ensemble_devices import free_port

STEPS = 60
SYSTEMS = {
    # None of them divides by eight devices; the last slabs of the first are empty.
    "chain": lambda: chain(9),
    "repelling": lambda: repelling(19),
    "torus": lambda: torus(6, 5),
    "ladder": lambda: shuffled_ladder(21),
}


def placed(H):
    """(the system, from and to the order of its nodes) on all devices; on one, as it is."""
    if jax.device_count() == 1:
        return H, lambda y: y, lambda y: y
    H = physsim.partitioned(H, jax.make_mesh((jax.device_count(),), ("nodes",)))
    return H, H.scatter, H.gather


def one_system(name):
    H, scatter, gather = placed(SYSTEMS[name]())
    n = len(SYSTEMS[name]().coordinates)
    inputs = jnp.sin(jnp.arange(STEPS * len(H.input_names), dtype=float)).reshape(STEPS, -1)
    options = {"dt": 0.05, "num_steps": STEPS, "save_every": 20, "inputs": inputs}
    options |= {"inputs": None} if not H.input_names else {}
    y0 = scatter(start(n))
    plain = physsim.integrate(H, StormerVerlet(), y0, **options)
    grid = ExactReversal(StormerVerlet())
    run = physsim.integrate(H, grid, y0, **options)
    echo = physsim.integrate(H, grid, run.final.reverse(), backward=True, **options)
    states = {"plain": plain.ys.q, "grid": run.ys.q, "grid p": run.ys.p}
    states |= {"first": jax.tree.map(lambda x: x[0], run.ys).q, "echo": echo.final.q}
    found = {f"{name} {key}": np.asarray(gather(x)) for key, x in states.items()}
    return found | {f"{name} energies": np.asarray(plain.energies)}


def runs():
    return {key: x for name in SYSTEMS for key, x in one_system(name).items()}


def one_run():
    return one_system("chain")


@pytest.fixture(scope="module")
def alone():
    return runs()


def assert_same(alone, found):
    off = {key: float(np.abs(x - alone[key]).max()) for key, x in found.items()}
    worst = max(off, key=lambda key: off[key])
    parted = [key for key, x in off.items() if x and "energies" not in key]
    print(f"{len(off)} arrays, {worst} off by {off[worst]:.1e}; states that differ: {parted}")
    for key, x in found.items():
        np.testing.assert_allclose(x, alone[key], rtol=1e-12, atol=1e-12, err_msg=key)
    for name in {key.split()[0] for key in found}:
        # Sums keep their order across the cuts.
        np.testing.assert_array_equal(found[f"{name} grid"], alone[f"{name} grid"], name)
        np.testing.assert_array_equal(found[f"{name} grid p"], alone[f"{name} grid p"], name)
        np.testing.assert_array_equal(found[f"{name} echo"], found[f"{name} first"], name)


@pytest.mark.slow
def test_a_chain_on_eight_devices(tmp_path):
    assert_same(one_run(), on_devices(one_run, tmp_path, 8))


@pytest.mark.slow
@pytest.mark.parametrize("devices", [3, 8])
def test_devices(alone, tmp_path, devices):
    assert_same(alone, on_devices(runs, tmp_path, devices))


def uncontracted():
    """Long runs of a periodic sheet of junctions, whole and in slabs: how many numbers differ."""
    H, n = torus(16, 8), 128
    cut = physsim.partitioned(H, jax.make_mesh((jax.device_count(),), ("nodes",)))
    found = {}
    for name, solver in (("plain", StormerVerlet()), ("grid", ExactReversal(StormerVerlet()))):
        options = {"dt": 0.05, "num_steps": 400, "save_every": 100}
        whole = physsim.integrate(H, solver, start(n), **options).ys.q
        slabs = cut.gather(physsim.integrate(cut, solver, cut.scatter(start(n)), **options).ys.q)
        found[name] = np.sum(np.asarray(whole) != np.asarray(slabs))
    return found


@pytest.mark.slow
def test_without_fused_operations_every_bit_is_the_same(tmp_path):
    """What is left where products and sums are contracted is the compiler's own choice."""
    path = tmp_path / "found.npz"
    flags = "--xla_force_host_platform_device_count=2 --xla_cpu_max_isa=AVX"
    name = f"{uncontracted.__module__}:{uncontracted.__name__}"
    command = [sys.executable, "-m", "tests.device_process", name, str(path)]
    subprocess.run(command, cwd=ROOT, env=environment(2) | {"XLA_FLAGS": flags}, check=True)
    assert dict(np.load(path)) == {"plain": 0, "grid": 0}


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts(tmp_path, hosts):
    alone = one_run()
    for found in on_hosts(one_run, tmp_path, hosts, free_port()):
        assert_same(alone, found)
