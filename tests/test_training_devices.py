"""Training on the samples of 8 devices: the gradients and losses of one."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning
import physsim
from learning._domain import make_domain
from physsim import sharding

from .device_process import on_devices
from .systems import duffing_chain

STEPS, UPDATES = 20, 8
SOLVER = physsim.StormerVerlet()
METHODS = {"RHEL": learning.RHEL(), "BPTT": learning.BPTT()}
# Of what is rounded otherwise for other shapes RHEL divides the difference by epsilon.
BOUNDS = {"RHEL": 1e-11, "BPTT": 1e-12}


class Tone(eqx.Module):
    """An input without a row a step, which would take memory."""

    size: Any

    def __call__(self, t):
        return self.size * jnp.sin(3 * t)[None]


def squared(H, y, u, target):
    return y.q[0] ** 2


def samples(count):
    rng = np.random.default_rng(8)
    return learning.Samples(
        jnp.asarray(rng.normal(size=(count, STEPS, 1))),
        jnp.asarray(rng.normal(size=(count, STEPS))),
    )


def objective(steps=STEPS, cost=None):
    case = duffing_chain(steps)
    cost = case.cost if cost is None else cost
    return learning.Objective(case.H, make_domain(case.H), SOLVER, case.y0, cost, 0.2, steps)


def gradients():
    """Of 11 samples, which 8 devices can't share alike."""
    mesh, task = sharding.all_devices(), objective()
    z = task.domain.to_free(task.H)
    own = samples(11)
    own = own if mesh is None else learning.SharedSamples.make(own, mesh)
    found = {}
    for name, method in METHODS.items():
        slope = jax.jit(lambda z, own, method=method: task.slope(method, z, own))
        found[f"value {name}"], found[f"gradient {name}"] = map(np.asarray, slope(z, own))
    return found


def fit(mesh=None, folder=None, iterations=UPDATES, resume=False, belongs_to=None, **options):
    case = duffing_chain(STEPS)
    kept = {}
    if folder is not None:
        kept["checkpoint"] = learning.Checkpoint(folder / "c", 3, resume, belongs_to or {})
    return learning.fit(
        case.H, SOLVER, case.y0, case.cost, dt=0.2, num_steps=STEPS, samples=samples(11),
        batch_size=5, seed=3, progress=False, iterations=iterations, mesh=mesh,
        **kept, **options,
    )  # fmt: skip


def losses(**options):
    one = fit(sharding.all_devices(), **options)
    return {"losses": np.append(one.losses, one.best)}


def line_search():
    return losses(iterations=3, optimiser=optax.lbfgs())


def everything():
    return gradients() | losses() | {"memory": memory(100, 10_000)}


def memory(*lengths):
    """Temporary bytes of a device for a gradient by echoes, by the number of steps."""
    mesh, found = sharding.all_devices(), []
    for steps in lengths:
        task = objective(steps, squared)
        own = learning.Samples(Tone(jnp.arange(16.0)))
        own = own if mesh is None else learning.SharedSamples.make(own, mesh)
        slope = jax.jit(lambda z, own, task=task: task.slope(METHODS["RHEL"], z, own))
        compiled = slope.lower(task.domain.to_free(task.H), own).compile()
        found.append(compiled.memory_analysis().temp_size_in_bytes)
    return np.array(found)


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    return on_devices(everything, tmp_path_factory.mktemp("eight"), 8)


@pytest.mark.slow
def test_gradients(eight):
    for name, alone in gradients().items():
        off = np.abs(eight[name] - alone).max() / np.abs(alone).max()
        print(f"{name}: off by {off:.1e}")
        assert off <= BOUNDS[name.split()[1]], name


@pytest.mark.slow
def test_training(eight):
    np.testing.assert_allclose(eight["losses"], losses()["losses"], rtol=1e-10)


@pytest.mark.slow
def test_a_line_search(tmp_path):
    found = on_devices(line_search, tmp_path, 8)["losses"]
    np.testing.assert_allclose(found, line_search()["losses"], rtol=1e-10)


@pytest.mark.slow
def test_memory_of_a_device(eight):
    """It grows with the samples of the device, not with the run."""
    short, long = eight["memory"]
    assert long <= 1.05 * short
    assert short < 0.4 * memory(100)[0]


def test_one_run_is_nothing_to_share():
    case, mesh = duffing_chain(STEPS), jax.make_mesh((1,), ("any",))
    with pytest.raises(ValueError, match="there is one run only"):
        learning.fit(case.H, SOLVER, case.y0, case.cost, dt=0.2, num_steps=STEPS, mesh=mesh,
                     inputs=case.inputs, targets=case.targets, progress=False)  # fmt: skip
