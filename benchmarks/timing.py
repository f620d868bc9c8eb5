"""Times that can be compared on a machine which does other things as well."""

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any, final

import jax


def timed(call: Callable, clock: Callable[[], float] = time.perf_counter) -> tuple[float, Any]:
    """(how long one call takes, what it returns); JAX's results are waited for.

    With `time.process_time` as the clock: seconds of the processor.
    """
    start = clock()
    value = jax.block_until_ready(call())
    return clock() - start, value


def seconds(call: Callable) -> float:
    """How long one call takes."""
    return timed(call)[0]


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
    calls: dict[str, Callable],
    rounds: int,
    summary: Callable = statistics.median,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """The median time of each call (or another `summary`), all of them taking turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(timed(call, clock)[0])
    return {name: summary(values) for name, values in times.items()}


@final
class Laps:
    """What passes between readings."""

    def __init__(self):
        self._last = _now()

    def lap(self) -> tuple[float, float]:
        """(seconds, seconds of the processor) since the last lap."""
        (wall, cpu), self._last = self._last, _now()
        return self._last[0] - wall, self._last[1] - cpu


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
