"""Times that can be compared on a machine which does other things as well."""

import functools
import statistics
import time
from collections.abc import Callable

import jax


def seconds(call: Callable) -> float:
    """How long one call takes, JAX's results waited for."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def steps_for(call: Callable[[int], object], target: float, first: int = 8) -> int:
    """A number of steps that takes about `target` seconds."""
    steps = first
    while True:
        call(steps)  # compiles
        taken = seconds(functools.partial(call, steps))
        if taken > target / 4 or steps > 10**8:
            return max(1, int(steps * target / taken))
        steps = int(steps * min(max(target / max(taken, 1e-9) / 2, 2), 100))


def interleaved(
    calls: dict[str, Callable], rounds: int, summary: Callable = statistics.median
) -> dict[str, float]:
    """The median time of each call (or another `summary`), all of them taking turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(seconds(call))
    return {name: summary(values) for name, values in times.items()}
