"""Optimisers and schedules of the learning rate, by the names a task gives them."""

from collections.abc import Callable
from typing import Any

from ._options import choose

OPTIMISERS = ("adam", "sgd", "radam", "adabelief", "lbfgs")
SCHEDULES = ("constant", "cosine", "exponential")


def make_schedule(options: dict[str, Any]) -> Callable[[Any], Any]:
    """Update -> learning rate: a linear warm-up, then the schedule down to `final` of the rate."""
    import optax

    rate, warmup = options["learning_rate"], options["warmup"]
    steps = max(options["iterations"] - warmup, 1)
    final = options["final"]
    table = {
        "constant": lambda: optax.constant_schedule(rate),
        "cosine": lambda: optax.cosine_decay_schedule(rate, steps, alpha=final),
        "exponential": lambda: optax.exponential_decay(rate, steps, max(final, 1e-12)),
    }
    schedule = choose(options["schedule"], table, "schedule")()
    if not warmup:
        return schedule
    rise = optax.linear_schedule(rate / (warmup + 1), rate, warmup)
    return optax.join_schedules([rise, schedule], [warmup])


def make_optimiser(options: dict[str, Any]):
    """The optimiser of a task, from optax."""
    import optax

    rate = make_schedule(options)
    table = {
        # A short memory of squared gradients: components matter at very different sizes.
        "adam": lambda: optax.adam(rate, b2=0.99),
        "sgd": lambda: optax.sgd(rate, momentum=0.9),
        "radam": lambda: optax.radam(rate, b2=0.99),
        "adabelief": lambda: optax.adabelief(rate, b2=0.99),
        # A line search finds the length of its steps.
        "lbfgs": optax.lbfgs,
    }
    return choose(options["method"], table, "optimiser")()
