"""Training parameters by gradient descent on the cost of runs."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Float, PyTree

from physsim import (
    AbstractHamiltonian,
    AbstractSolver,
    Inputs,
    check_solver,
    check_steps,
    sharding,
)

from ._checkpoint import Checkpoint
from ._domain import make_domain
from ._echo import ReversibleAdjoint
from ._files import Files
from ._gradient import AbstractGradient, InitialState
from ._loop import Plan, has_converged, train
from ._metrics import MetricsFile
from ._objective import Objective
from ._outcome import Outcome
from ._samples import AnySamples, Samples, SharedSamples
from ._state import Update, start_state


@final
class Fit(eqx.Module):
    """What training leaves: the best Hamiltonian seen and the loss before each update."""

    hamiltonian: AbstractHamiltonian
    losses: Float[np.ndarray, " iterations"]
    interrupted: bool = eqx.field(static=True)
    best: float = eqx.field(static=True)
    """The loss of `hamiltonian`: the lowest over the samples that judge."""
    judged: Float[np.ndarray, "judgements 2"]
    """(update, loss) over the samples that judge, where they are others than the updates'."""
    objective: Objective
    """What was minimised; `objective.totals(H, samples)` evaluates other runs."""
    seconds: float = eqx.field(static=True)
    """All that it took, before a resumption, too."""
    origin: str = eqx.field(static=True, default="")
    """Where a resumed training started."""
    converged: bool = eqx.field(static=True, default=False)
    """Whether line searches found nothing lower any more."""


def fit(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: InitialState,
    cost: Callable[..., Any] | Outcome,
    *,
    dt: float,
    num_steps: int,
    inputs: Inputs = None,
    targets: Any = None,
    samples: Samples | None = None,
    validation: Samples | None = None,
    batch_size: int | None = None,
    method: AbstractGradient | None = None,
    optimiser: optax.GradientTransformation | None = None,
    iterations: int = 300,
    trainable: PyTree | None = None,
    positive: PyTree | None = None,
    lower: PyTree | None = None,
    upper: PyTree | None = None,
    tolerance: float | None = None,
    patience: int | None = None,
    judge_every: int | None = None,
    check_every: int | None = None,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
    metrics: MetricsFile | None = None,
    progress: bool = True,
    callback: Callable[[Update], None] | None = None,
    mesh: Mesh | None = None,
) -> Fit:
    """Minimise the cost of a run, or the mean cost of many, over the parameters of `H`.

    `cost` is a running cost, cost(H, y, u, target), summed over the steps, or an `Outcome`.
    `inputs` and `targets` are the run's, or what all `samples` share; `batch_size` of them,
    in an order drawn by `seed`, make an update (default: all).

    `trainable`, `positive`, `lower` and `upper` have the shape of `H`: which entries change,
    and within which bounds; see `make_domain`. Default: all, without bounds. `method` defaults
    to the reversible adjoint, `optimiser` (any of optax) to Adam at 0.02.

    The best values are those of the lowest loss: of the updates' own where there is one run or
    all samples make an update, else of `validation` (default: all samples), every `judge_every`
    updates (default: once through the samples). Stops after `iterations`, at a loss of at most
    `tolerance`, after `patience` judgements without a better one, where the line searches of an
    optimiser such as `optax.lbfgs` find nothing lower in five updates, on Ctrl-C, or with a
    warning where an update made the run diverge; the best values until then are returned.

    `checkpoint` keeps the state of training in a file and may start from it, `metrics` writes
    a line an update, `callback(update)` is called for each; every `check_every` updates
    the gradient is compared with BPTT's.

    The samples of an update are spread over the devices of a `mesh`, and their gradients added
    up: in memory that does not grow with the run where the method's does not. On several hosts all
    call this alike; the first writes the files, and all read them.

    Raises `ValueError` for arguments that don't fit, `physsim.DivergenceError` where the run
    diverges from the start, `CheckpointError` for a checkpoint that can't be used.

    >>> q, p, k = sympy.symbols("q p k")
    >>> H = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: 3.0})
    >>> run = H, physsim.SRKN11b(), physsim.PhaseState(jnp.ones(1), jnp.zeros(1))
    >>> miss = lambda H, y, u, target: (y.q[0] - target) ** 2
    >>> data = jnp.cos(2 * 0.1 * jnp.arange(1, 41))  # k = 4
    >>> fit = learning.fit(*run, miss, dt=0.1, num_steps=40, targets=data, progress=False)
    >>> round(float(fit.hamiltonian.params["k"]), 3)
    4.0
    """
    check_solver(solver)
    check_steps(dt, num_steps)
    _check_counts(iterations=iterations, patience=patience, judge_every=judge_every,
                  check_every=check_every, batch_size=batch_size)  # fmt: skip
    domain = make_domain(H, trainable=trainable, positive=positive, lower=lower, upper=upper)
    shared = Samples(inputs, targets)
    objective = Objective(H, domain, solver, y0, cost, float(dt), num_steps, shared)
    method = ReversibleAdjoint() if method is None else method
    objective.check(method, samples)
    batches = _batches(samples, batch_size)
    judges = samples if validation is None and batches > 1 else validation
    if mesh is not None and samples is None:
        raise ValueError("a mesh shares samples between its devices, and there is one run only")
    plan = Plan(
        objective, method, _with_value(optimiser),
        samples if batches > 1 else _shared(samples, mesh), judge_by=_shared(judges, mesh),
        iterations=iterations, batch_size=batch_size if batches > 1 else None,
        judge_every=judge_every or batches, check_every=check_every,
        tolerance=tolerance, patience=patience, seed=seed, mesh=mesh,
    )  # fmt: skip
    files = Files(checkpoint, metrics, mesh)
    state, origin = files.begin(start_state(domain.to_free(H), plan.optimiser))
    with files.bar(progress, iterations) as advance:
        advance(state.step)
        agreed = ""

        def told(_, update: Update) -> None:
            nonlocal agreed
            files.tell(update)
            if update.agreement is not None:
                agreed = f", {update.agreement[1]:.0e} off BPTT"
            advance(1, note=f"loss {update.loss:.3e}{agreed}")
            if callback is not None:
                callback(update)

        state, interrupted = train(plan, state, told, files.keep)
    files.save(state)
    best = domain.from_free(H, sharding.local(state.best_z, mesh))
    return Fit(
        best, state.losses, interrupted, float(state.best), state.judged, objective,
        float(state.seconds), origin, has_converged(plan, state),
    )  # fmt: skip


def _shared(samples: Samples | None, mesh: Mesh | None) -> AnySamples:
    return samples if samples is None or mesh is None else SharedSamples.make(samples, mesh)


def _with_value(optimiser) -> Any:
    """An optimiser that may be told the loss: line searches ask for it."""
    return optax.with_extra_args_support(optax.adam(0.02) if optimiser is None else optimiser)


def _batches(samples: Samples | None, batch_size: int | None) -> int:
    """How many updates go once through the samples."""
    if batch_size is None:
        return 1
    if samples is None or batch_size > len(samples):
        count = "there are none" if samples is None else f"there are {len(samples)}"
        raise ValueError(f"a batch of {batch_size} samples, but {count}")
    return len(samples) // batch_size


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
