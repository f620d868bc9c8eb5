"""One lattice over several devices: memory a node, overhead, and the halo's share of the time

StormerVerlet, float64, energies u(d) = k d^2 / 2 + beta d^4 / 4 of neighbours. Each part in
processes of its own. The share is what a step loses to the exchange: 1 - t' / t, where t' is
the time of the same program with nothing exchanged. The model is latency + bytes / bandwidth,
fitted to exchanges alone.
"""

import dataclasses
import functools
import json
import os
import socket
import sys

import physsim

physsim.tune_cpu()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import sympy  # noqa: E402
from jax.sharding import AxisType, NamedSharding, PartitionSpec  # noqa: E402

from . import processes, report  # noqa: E402
from .memory import peak_mib  # noqa: E402
from .timing import Laps, interleaved, seconds  # noqa: E402

LARGE = ((100_000, 1), (1_000_000, 1), (1000, 1000))
SMALL = ((1000, 1), (10_000, 1), (100, 100), (300, 300))
MESSAGES = (1, 1000, 30_000, 300_000)
DT = 0.1
i, j = sympy.symbols("i j", integer=True)
k, beta = sympy.symbols("k beta")
q, p = sympy.IndexedBase("q"), sympy.IndexedBase("p")


def measure(quick: bool) -> dict:
    """Figures of all parts."""
    nodes = 100_000 if quick else 10_000_000
    (memory,) = _children("memory", {"nodes": nodes, "steps": 100}, devices=2)
    print("  memory", memory, flush=True)
    arguments = {"shapes": LARGE[:1] if quick else LARGE, "rounds": 3 if quick else 9}
    (overhead,) = _children("overhead", arguments)
    print("  overhead", overhead, flush=True)
    arguments = {"shapes": SMALL, "rounds": 10 if quick else 40}
    halo = {}
    for where, layout in (("threads", {"devices": 2}), ("processes", {"hosts": 2})):
        halo[where] = _children("halo", arguments, **layout)[0]
        print(f"  halo between {where}", halo[where], flush=True)
    return {"memory": memory, "overhead": overhead, "halo": halo}


def table(result: dict) -> str:
    """Markdown."""
    m = result["memory"]
    heads = ("stage", "s", "CPU s", "peak MiB", "bytes a node")
    rows = [
        [s["stage"], f"{s['s']:.1f}", f"{s['CPU s']:.1f}", f"{s['peak MiB']:.0f}",
         f"{s['bytes a node']:.0f}"]
        for s in m["stages"]
    ]  # fmt: skip
    ratios = [[r["shape"], f"{r['ns']:.2f}", f"{r['ratio']:.3f}"] for r in result["overhead"]]
    parts = [
        f"A chain of {m['nodes']} nodes on {m['devices']} devices of one process, "
        f"{m['steps']} steps, energy error {m['energy error']:.1e}:",
        report.markdown(heads, rows),
        "On one device, time divided by that of `integrate` without slabs:",
        report.markdown(("lattice", "ns a node and step", "slabs"), ratios),
    ]
    heads = ("lattice", "bytes a force", "us a step", "without exchange", "share", "model")
    for where, h in result["halo"].items():
        rows = [
            [r["shape"], r["bytes"], f"{r['us']:.0f}", f"{r['silent us']:.0f}",
             f"{r['share']:.0%}", f"{r['model']:.0%}"]
            for r in h["rows"]
        ]  # fmt: skip
        parts += [
            f"Two {where}: an exchange takes {h['latency, us']:.0f} us + bytes / "
            f"({h['GB/s']:.2f} GB/s).",
            report.markdown(heads, rows),
        ]
    return "\n\n".join(parts)


def lattice(rows: int, columns: int) -> physsim.LatticeHamiltonian:
    """An open chain, or an open sheet whose rows are what slabs are made of."""

    def bond(a, b):
        return k * (b - a) ** 2 / 2 + beta * (b - a) ** 4 / 4

    n, here = rows * columns, i * columns + j
    if columns == 1:
        bonds = sympy.Sum(bond(q[i], q[i + 1]), (i, 0, n - 2))
    else:
        across, along = (i, 0, rows - 2), (j, 0, columns - 2)
        bonds = sympy.Sum(bond(q[here], q[here + columns]), across, (j, 0, columns - 1))
        bonds += sympy.Sum(bond(q[here], q[here + 1]), (i, 0, rows - 1), along)
    energy = sympy.Sum(p[i] ** 2 / 2, (i, 0, n - 1)) + bonds
    return physsim.lattice(energy, q=q, p=p, size=n, params={k: 1.0, beta: 0.3})


def start(n: int) -> physsim.PhaseState:
    return physsim.PhaseState(np.sin(2 * np.pi * np.arange(n) / 64), np.zeros(n))


def run(H, y0, steps: int, *, throw: bool = False):
    options = {"dt": DT, "num_steps": steps, "save_every": steps, "throw": throw}
    return physsim.integrate(H, physsim.StormerVerlet(), y0, **options)


def memory(nodes: int, steps: int) -> dict:
    """Stage by stage, the peak of the process and its share of a node."""
    stages, laps, base = [], Laps(), peak_mib()

    def lap(stage):
        (wall, cpu), peak = laps.lap(), peak_mib()
        own = {"peak MiB": peak, "bytes a node": (peak - base) * 2**20 / nodes}
        stages.append({"stage": stage, "s": wall, "CPU s": cpu} | own)

    whole = lattice(nodes, 1)
    lap("lattice")
    H = physsim.partitioned(whole, mesh())
    del whole
    lap("slabs")
    y0 = H.scatter(start(nodes))
    lap("state")
    solution = jax.block_until_ready(run(H, y0, steps, throw=True))
    lap(f"{steps} steps, compiled and checked")
    solution = jax.block_until_ready(run(H, solution.final, steps))
    lap(f"{steps} more")
    first, last = (float(x) for x in solution.energies)
    error = {"energy error": abs(last / first - 1)}
    sizes = {"nodes": nodes, "steps": steps, "devices": jax.device_count()}
    return sizes | {"stages": stages} | error


def overhead(shapes, rounds: int) -> list[dict]:
    """The slabs' way on one device, against the plain one."""
    rows = []
    for shape in shapes:
        plain = lattice(*shape)
        H, n = physsim.partitioned(plain, mesh()), shape[0] * shape[1]
        y0 = jax.tree.map(jnp.asarray, start(n))
        steps = max(10, 20_000_000 // n)
        calls = {
            "plain": functools.partial(run, plain, y0, steps),
            "slabs": functools.partial(run, H, H.scatter(y0), steps),
        }
        for call in calls.values():
            jax.block_until_ready(call())
        taken = interleaved(calls, rounds, min)
        ratio = taken["slabs"] / taken["plain"]
        rows.append({"shape": _text(shape), "ns": taken["plain"] / n / steps * 1e9, "ratio": ratio})
    return rows


def halo(shapes, rounds: int) -> dict:
    """Steps with and without their exchange, and exchanges alone."""
    latency, per_byte = _fit({8 * size: _exchange(size, rounds) for size in MESSAGES})
    rows = []
    for shape in shapes:
        n = shape[0] * shape[1]
        H = physsim.partitioned(lattice(*shape), mesh())
        y0, steps = H.scatter(start(n)), max(5, 1_000_000 // n)
        calls = {
            "loud": functools.partial(run, H, y0, steps),
            "silent": functools.partial(run, silent(H), y0, steps),
        }
        for call in calls.values():
            jax.block_until_ready(call())
        taken = interleaved(calls, rounds, min)
        loud, quiet = taken["loud"] / steps, taken["silent"] / steps
        size = 8 * H.layout.cuts[1].halo
        model = latency + size * per_byte
        rows.append({
            "shape": _text(shape), "bytes": size, "us": loud * 1e6, "silent us": quiet * 1e6,
            "share": 1 - quiet / loud, "model": model / (quiet + model),
        })  # fmt: skip
    return {"latency, us": latency * 1e6, "GB/s": 1e-9 / per_byte, "rows": rows}


def silent(H):
    """The same work with no exchange: a slab's own nodes stand where its neighbour's belong."""
    # Indices beyond the end are clamped. An exchange of nothing would still wait for the others.
    cuts = tuple(dataclasses.replace(cut, shifts=()) for cut in H.layout.cuts)
    return dataclasses.replace(H, layout=dataclasses.replace(H.layout, cuts=cuts))


def _exchange(size: int, rounds: int) -> float:
    """Seconds that two devices take to swap so many numbers."""
    # Short programs, many rounds: the best of them has met no one else.
    count = max(5, 500_000 // (size + 10_000))

    def swap(x, _):
        return jax.lax.ppermute(x, "nodes", [(0, 1), (1, 0)]) + 1.0, None

    spec = PartitionSpec("nodes")
    many = jax.jit(
        jax.shard_map(
            lambda x: jax.lax.scan(swap, x, length=count)[0],
            mesh=mesh(), in_specs=spec, out_specs=spec,
        )
    )  # fmt: skip
    sharding = NamedSharding(mesh(), spec)
    x = jax.make_array_from_callback((2 * size,), sharding, lambda part: np.zeros(size))
    jax.block_until_ready(many(x))
    return min(seconds(lambda: many(x)) for _ in range(rounds)) / count


def _fit(taken: dict[int, float]) -> tuple[float, float]:
    """(latency, seconds a byte) of a straight line, each message counting by its own time."""
    size, time_ = np.array(list(taken.items())).T
    latency, per_byte = np.linalg.lstsq(
        np.stack([1 / time_, size / time_], axis=1), np.ones(len(size))
    )[0]
    return float(latency), float(per_byte)


def mesh() -> jax.sharding.Mesh:
    return jax.make_mesh((jax.device_count(),), ("nodes",), axis_types=(AxisType.Auto,))


def _text(shape) -> str:
    return f"chain of {shape[0]}" if shape[1] == 1 else f"sheet of {shape[0]} x {shape[1]}"


def _children(name: str, arguments: dict, devices: int = 1, hosts: int = 1) -> list[dict]:
    """What the function `name` finds in processes of its own, one a host."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    told, env = json.dumps(arguments), {"XLA_FLAGS": flags}
    children = [
        processes.started("halo", name, told, hosts, address, host, env=env)
        for host in range(hosts)
    ]
    return [processes.found(child) for child in children]


def main(name: str, arguments: str, hosts: str, address: str, host: str) -> None:
    if int(hosts) > 1:
        jax.distributed.initialize(address, int(hosts), int(host), initialization_timeout=60)
    parts = {"memory": memory, "overhead": overhead, "halo": halo}
    processes.tell(functools.partial(parts[name], **json.loads(arguments)))


if __name__ == "__main__":
    main(*sys.argv[1:])
