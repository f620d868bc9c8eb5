"""Trajectories in parallel over time: affine scans, gradients, Newton's iterations, windows"""

import functools
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import sympy

import learning
import physsim
from physsim.plotting import style

from . import memory, report
from .errors import largest_error
from .timing import interleaved, seconds

_ALPHAS = (0.0, 0.01, 0.03, 0.05, 0.1, 0.3, 1.0)
_PERIODS = (8, 16, 32, 64, 160)
_MANY = 300


def measure(quick: bool) -> dict:
    """All parts; times are of programs that take turns."""
    parts = (_affine, _gradients, _iterations, _agreement, _lossless)
    result = {}
    for part in parts:
        result[part.__name__.lstrip("_")] = part(quick)
        for row in result[part.__name__.lstrip("_")]:
            print(f"  {part.__name__.lstrip('_')}: {row}", flush=True)
    return result


def _affine(quick: bool) -> list[dict]:
    """z' = A z + b_t with one A, and with one of each time."""
    rng, rows = np.random.default_rng(0), []
    scans = {
        "lax.scan": learning.SequentialScan(),
        "blocked": learning.BlockedScan(),
        "associative": learning.AssociativeScan(),
    }
    for T in (10_000,) if quick else (10_000, 100_000):
        for D in (8,) if quick else (3, 8, 32):
            A = jnp.asarray(0.5 * rng.normal(size=(D, D)) / D**0.5)
            b, z0 = jnp.asarray(rng.normal(size=(T, D))), jnp.zeros(D)
            for constant in (True, False):
                if not constant and T * D * D > 2e7:
                    continue
                values = A if constant else jnp.broadcast_to(A, (T, D, D)) + 0.0
                calls = {
                    name: functools.partial(_scanned, scan, learning.Dense(values), b, z0)
                    for name, scan in scans.items()
                }
                times = _timed(calls, 3 if quick else 9)
                rows.append({"T": T, "D": D, "constant": constant, "ms": times})
    return rows


@eqx.filter_jit
def _scanned(scan, A, b, z0):
    return scan(A, b, z0)


def _timed(calls, rounds: int) -> dict[str, float]:
    """Milliseconds of processor time, the least of the rounds, all of them taking turns.

    Not by the clock: where others share the machine that would time their turns. A turn is as
    many calls as take 50 ms, since the time of other threads is booked late.
    """
    repeats = {name: _calls_in(0.05, call) for name, call in calls.items()}
    turns = {name: functools.partial(_repeated, calls[name], n) for name, n in repeats.items()}
    times = interleaved(turns, rounds, min, time.process_time)
    return {name: 1e3 * taken / repeats[name] for name, taken in times.items()}


def _repeated(call, times: int) -> None:
    for _ in range(times):
        jax.block_until_ready(call())


def _calls_in(target: float, call) -> int:
    jax.block_until_ready(call())
    return max(1, round(target / seconds(call)))


def _gradients(quick: bool) -> list[dict]:
    """Cost and gradient of a forced run, alpha = 0.1: time, and memory beside the arguments."""
    solvers = {
        "BPTT": learning.Sequential(),
        "Hybrid": learning.Hybrid(),
        "DEER": learning.DEER(),
        "DEER, blocked": learning.DEER(scan=learning.BlockedScan()),
        "DEER, associative": learning.DEER(scan=learning.AssociativeScan()),
    }
    rows = []
    for T in (1000,) if quick else (10_000,):
        for name, model, z0 in _models((3,) if quick else (3, 8, 16, 32, 64)):
            measured = _measured(model, z0, T)
            calls, megabytes = {}, {}
            for label, solver in solvers.items():
                if label.startswith("DEER,") and T * z0.size**2 > 1e6:
                    continue
                call = eqx.filter_jit(functools.partial(_cost_and_gradient, solver=solver))
                compiled = call.lower(model, measured, jnp.asarray(0.1)).compile()
                calls[label] = functools.partial(call, model, measured, jnp.asarray(0.1))
                megabytes[label] = memory.planned(compiled).temp_size_in_bytes / 1e6
            times = _timed(calls, 3 if quick else 7)
            rows.append({"model": name, "D": z0.size, "T": T, "ms": times, "MB": megabytes})
    return rows


def _models(sizes):
    """(name, map, start): Chua's circuit under RK4, and shallow PLRNNs."""
    chua = learning.Chua(*(jnp.asarray(x) for x in (9.0, 100 / 7, -8 / 7, -5 / 7)))
    yield "Chua, RK4", learning.RungeKutta4(chua, 0.04), jnp.asarray([0.1, 0.0, 0.0])
    for D in sizes:
        network = learning.ShallowPLRNN.draw(D, 50, 0)
        # Drawn to be contracting; stretched so that it is not.
        network = eqx.tree_at(lambda n: n.W1, network, 2.0 * network.W1)
        yield "shPLRNN, 50 units", network, jnp.full(D, 0.1)


def _measured(model, z0, T: int):
    """A run of the map, with noise of 1 %."""
    run = eqx.filter_jit(learning.solve)(
        model, z0, num_steps=T, solver=learning.Sequential(), throw=False
    )
    zs = jnp.concatenate([z0[None], run.zs])
    noise = np.random.default_rng(0).normal(size=zs.shape)
    return zs + 0.01 * zs.std(axis=0)[None] * jnp.asarray(noise)


def _cost_and_gradient(model, measured, alpha, *, solver):
    def cost(model):
        run = learning.forced_run(
            model, learning.IdentityObservation(), measured, alpha, solver=solver, throw=False
        )
        return jnp.mean((run.zs - measured[1:]) ** 2)

    return eqx.filter_value_and_grad(cost)(model)


def _lorenz(T: int):
    """(a map that is off by 2 %, data of the right one)."""
    numbers = [jnp.asarray(x) for x in (10.0, 28.0, 8 / 3)]
    right = learning.RungeKutta4(learning.Lorenz63(*numbers), 0.01)
    wrong = learning.RungeKutta4(
        learning.Lorenz63(numbers[0], jnp.asarray(27.44), numbers[2]), 0.01
    )
    z0 = jnp.asarray([-5.0, -6.0, 22.0])
    return wrong, _measured(right, z0, T)


def _iterations(quick: bool) -> list[dict]:
    """Newton's iterations by alpha, from the data and from the start, on Lorenz-63."""
    model, measured = _lorenz(1000 if quick else 10_000)

    @eqx.filter_jit
    def run(alpha, guess):
        forced = learning.TeacherForced(model, learning.IdentityObservation(), alpha)
        found = learning.solve(
            forced, measured[0], (None, measured[:-1]), guess=guess, throw=False,
            solver=learning.DEER(max_iterations=100),
        )  # fmt: skip
        return found.status

    rows = []
    for alpha in _ALPHAS:
        guesses = {"data": measured[1:], "start": jnp.broadcast_to(measured[0], measured[1:].shape)}
        for name, guess in guesses.items():
            status = run(jnp.asarray(alpha), guess)
            rows.append({
                "T": len(measured) - 1, "alpha": alpha, "guess": name,
                "converged": bool(status.converged), "iterations": int(status.iterations),
            })  # fmt: skip
    return rows


def _agreement(quick: bool) -> list[dict]:
    """Against the sequential scan and BPTT, Lorenz-63, alpha = 0.1."""
    rows = []
    for T in (1000,) if quick else (10_000, 100_000):
        model, measured = _lorenz(T)
        alpha = jnp.asarray(0.1)
        run = eqx.filter_jit(
            lambda solver, model=model, measured=measured, alpha=alpha: learning.forced_run(
                model, learning.IdentityObservation(), measured, alpha, solver=solver, throw=False
            )
        )
        slope = eqx.filter_jit(
            lambda solver, model=model, measured=measured, alpha=alpha: _cost_and_gradient(
                model, measured, alpha, solver=solver
            )[1]
        )
        exact = (run(learning.Sequential()).zs, slope(learning.Sequential()))
        solvers = {
            "Hybrid": learning.Hybrid(),
            "DEER": learning.DEER(),
            "DEER, blocked": learning.DEER(scan=learning.BlockedScan()),
        }
        for name, solver in solvers.items():
            found, gradient = run(solver), slope(solver)
            rows.append({
                "T": T, "solver": name, "converged": bool(found.status.converged),
                "iterations": int(found.status.iterations),
                "forward": largest_error(found.zs, exact[0]),
                "gradient": largest_error(gradient, exact[1]),
            })  # fmt: skip
    return rows


def _lossless(quick: bool) -> list[dict]:
    """Free runs without losses: windows by their number of periods, and where DEER starts."""
    rows = []
    for name, H, z0 in (_tanks(), _junctions()):
        steps = [
            learning.HamiltonianMap.of(H, physsim.StormerVerlet(), k * 2 * np.pi / 40)
            for k in (1, 2, 4)
        ]
        whole = (32 if quick else 320) * 40
        exact = eqx.filter_jit(learning.solve)(
            steps[0], z0, num_steps=whole, solver=learning.Sequential()
        ).zs
        starts = {
            "DEER": learning.DEER(max_iterations=_MANY),
            "damped": learning.DEER(damped=True, max_iterations=_MANY),
            "steps of 2": learning.DEER(
                coarse=learning.CoarseGuess(steps[1], 2), max_iterations=_MANY
            ),
            "steps of 4": learning.DEER(
                coarse=learning.CoarseGuess(steps[2], 4), max_iterations=_MANY
            ),
        }
        for start, solver in starts.items():
            for periods in _PERIODS[:4] if quick else _PERIODS:
                found = eqx.filter_jit(learning.solve)(
                    steps[0], z0, num_steps=whole, throw=False,
                    solver=learning.Windowed(solver, 40 * periods),
                )  # fmt: skip
                rows.append({
                    "system": name, "start": start, "periods": periods,
                    "converged": bool(found.status.converged),
                    "iterations": int(found.status.iterations),
                    "error": float(jnp.max(jnp.abs(found.zs - exact))),
                })  # fmt: skip
    return rows


def _tanks():
    """Two coupled LC tanks, which are linear."""
    q, p = sympy.symbols("q:2"), sympy.symbols("p:2")
    energy = sum(x**2 for x in (*q, *p)) / 2 + (q[0] - q[1]) ** 2 / 10
    return "LC tanks", physsim.symbolic(energy, q=q, p=p), jnp.asarray([1.0, 0.0, 0.0, 0.3])


def _junctions():
    """Three junctions in a chain, coupled by inductors, at large amplitude."""
    q, p = sympy.symbols("q:3"), sympy.symbols("p:3")
    energy = sum(x**2 for x in p) / 2 + sum(1 - sympy.cos(x) for x in q)
    energy += ((q[0] - q[1]) ** 2 + (q[1] - q[2]) ** 2) / 10
    start = jnp.asarray([1.5, 0.0, -0.5, 0.0, 0.4, 0.0])
    return "junctions", physsim.symbolic(energy, q=q, p=p), start


def table(result: dict) -> str:
    """Markdown."""
    return "\n\n".join(part(result) for part in _TABLES)


def _affine_table(result: dict) -> str:
    text = "Affine recurrences: processor ms, lax.scan's time over it, and GFLOP/s."
    rows = []
    for r in result["affine"]:
        ms = r["ms"]
        rates = {n: operations * r["T"] / ms[n] / 1e6 for n, operations in _operations(r).items()}
        cells = [
            f"{ms['lax.scan']:.2f} ({rates['lax.scan']:.1f})",
            f"{ms['blocked']:.2f} ({ms['lax.scan'] / ms['blocked']:.2f}; {rates['blocked']:.1f})",
            f"{ms['associative']:.2f} ({ms['lax.scan'] / ms['associative']:.2f})",
        ]
        kind = "one" if r["constant"] else "one a step"
        rows.append([r["T"], r["D"], kind, *cells])
    heads = ("T", "D", "A", "lax.scan", "blocked", "associative")
    return f"{text}\n\n{report.markdown(heads, rows)}"


def _operations(row: dict) -> dict[str, int]:
    """Floating-point operations a step: matrix times vector, twice in blocks; there, matrix times
    matrix too where there is one a step."""
    once = 2 * row["D"] ** 2
    products = 0 if row["constant"] else 2 * row["D"] ** 3
    return {"lax.scan": once, "blocked": 2 * once + products}


def _gradient_table(result: dict) -> str:
    names = list(result["gradients"][0]["ms"])
    text = "Cost and gradient of a forced run, alpha = 0.1: processor ms (BPTT's time over it; MB)."
    rows = []
    for r in result["gradients"]:
        cells = [
            f"{r['ms'][n]:.1f} ({r['ms']['BPTT'] / r['ms'][n]:.1f}; {r['MB'][n]:.1f})"
            if n in r["ms"] else ""
            for n in names
        ]  # fmt: skip
        rows.append([r["model"], r["D"], r["T"], *cells])
    return f"{text}\n\n{report.markdown(['model', 'D', 'T', *names], rows)}"


def _iteration_table(result: dict) -> str:
    text = "Newton's iterations on Lorenz-63 (the model 2 % off), from the data and from z_0."
    found, rows = result["iterations"], []
    for alpha in dict.fromkeys(r["alpha"] for r in found):
        cells = [
            r["iterations"] if r["converged"] else f"none in {r['iterations']}"
            for r in found if r["alpha"] == alpha
        ]  # fmt: skip
        rows.append([found[0]["T"], alpha, *cells])
    heads = ("T", "alpha", "from the data", "from z_0")
    return f"{text}\n\n{report.markdown(heads, rows)}"


def _agreement_table(result: dict) -> str:
    text = "Against the sequential scan and BPTT, Lorenz-63, alpha = 0.1, relative."
    heads = ("T", "solver", "converged", "iterations", "trajectory", "gradient")
    rows = [
        [r["T"], r["solver"], r["converged"], r["iterations"], f"{r['forward']:.1e}",
         f"{r['gradient']:.1e}"]
        for r in result["agreement"]
    ]  # fmt: skip
    return f"{text}\n\n{report.markdown(heads, rows)}"


def _lossless_table(result: dict) -> str:
    text = (
        "Free runs without losses in windows, 40 steps a period: iterations of the window "
        f"that took most, of {_MANY} at most."
    )
    found, rows = result["lossless"], []
    starts = dict.fromkeys(r["start"] for r in found)
    for system, periods in dict.fromkeys((r["system"], r["periods"]) for r in found):
        cells = [
            f"{r['iterations']} (off by {r['error']:.0e})" if r["converged"] else "none"
            for r in found if (r["system"], r["periods"]) == (system, periods)
        ]  # fmt: skip
        rows.append([system, periods, *cells])
    return f"{text}\n\n{report.markdown(['system', 'periods a window', *starts], rows)}"


_TABLES = (_affine_table, _gradient_table, _iteration_table, _agreement_table, _lossless_table)


def plot(result: dict, folder) -> None:
    """Time of a gradient by the number of states."""
    rows = [r for r in result["gradients"] if r["model"].startswith("shPLRNN")]
    with style():
        figure, axis = plt.subplots(figsize=(6, 4))
        for T in dict.fromkeys(r["T"] for r in rows):
            for name in ("BPTT", "Hybrid", "DEER"):
                points = [(r["D"], r["ms"][name]) for r in rows if r["T"] == T and name in r["ms"]]
                axis.loglog(*zip(*points, strict=True), ".-", label=f"{name}, T = {T}")
        axis.set(xlabel="states D", ylabel="cost and gradient (ms)")
        axis.legend()
        figure.savefig(folder / "parallel.png")
        plt.close(figure)
