"""What spreading samples over devices costs where there is one: a mesh of one against none

The work of a block of samples is the same; what is added is the way there and back.
"""

import functools
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

import circuits
import learning
import physsim

from . import report, systems
from .timing import interleaved

_TANK = "a tank\nC1 a 0 1n ic=1\nR1 a 0 1k\nL1 a 0 1u\n.tolerance C*=2% L1=3%\n"
_STEPS, _BATCH = 100, 64


def measure(quick: bool) -> dict:
    """Seconds of processor time, the least of programs that take turns."""
    size, rounds = (1, 20) if quick else (4, 40)
    works = {
        f"Monte Carlo of {1000 * size} tanks": _ensemble(1000 * size),
        f"integrate, {128 * size} samples of 64 junctions": _batch(128 * size),
        f"{10 * size} updates by RHEL, {_BATCH} samples each": _training(10 * size),
    }
    rows = []
    for name, work in works.items():
        rows.append({"work": name, **_compared(work, rounds)})
        print(" ", rows[-1], flush=True)
    return {"rows": rows}


def _compared(work: Callable, rounds: int) -> dict[str, float]:
    meshes = {"without": None, "mesh of one": jax.make_mesh((1,), ("samples",))}
    calls = {name: functools.partial(work, mesh) for name, mesh in meshes.items()}
    # The first round compiles, and is the least of none.
    least = interleaved(calls, rounds, min, time.process_time)
    return {**least, "overhead": least["mesh of one"] / least["without"] - 1}


def _ensemble(samples: int) -> Callable:
    circuit = circuits.loads(_TANK)
    options = {"samples": samples, "t_end": 3e-6, "dt": 4e-9, "limits": (4.9e6, 5.2e6)}
    return lambda mesh: (
        circuits.monte_carlo(circuit, "v(a)", circuits.frequency, mesh=mesh, **options).yield_
    )


def _batch(samples: int) -> Callable:
    system = systems.junction_chain(64)
    y0, solver = system.batch(samples), physsim.StormerVerlet()
    options = {"dt": 0.05, "num_steps": 1000, "save_every": 1000}
    return lambda mesh: physsim.integrate(system.H, solver, y0, mesh=mesh, **options).final.q


def _training(updates: int) -> Callable:
    circuit = circuits.loads(_TANK.replace("R1 a 0 1k\n", "I1 0 a 0\n"))
    rng = np.random.default_rng(0)
    runs = learning.Samples(
        jnp.asarray(rng.normal(size=(4 * _BATCH, _STEPS, 1))),
        jnp.asarray(rng.normal(size=(4 * _BATCH, _STEPS))),
    )
    v = circuit.readout("v(a)")
    # Made once: every fit of another optimiser compiles anew.
    adam = optax.with_extra_args_support(optax.adam(0.02))

    def cost(H, y, u, target):
        return (v(H, y, u) - target) ** 2

    return lambda mesh: learning.fit(
        circuit.hamiltonian, physsim.StormerVerlet(), circuit.initial_state, cost, dt=0.2,
        num_steps=_STEPS, samples=runs, validation=runs[:1], batch_size=_BATCH,
        method=learning.RHEL(), optimiser=adam, iterations=updates, progress=False, mesh=mesh,
    ).losses  # fmt: skip


def table(result: dict) -> str:
    """Markdown."""
    heads = ("work", "without a mesh", "a mesh of one device", "overhead")
    rows = []
    for row in result["rows"]:
        times = [f"{1e3 * row[name]:.1f}" for name in ("without", "mesh of one")]
        rows.append([row["work"], *times, f"{100 * row['overhead']:+.1f} %"])
    text = "Processor time in ms, the least of several rounds, on one device."
    return f"{text}\n\n{report.markdown(heads, rows)}"
