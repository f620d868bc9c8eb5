"""`physsim reconstruct`"""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ._files import console, output_folder, save_figure, save_json
from ._main import app
from ._options import Out, Overwrite, Repeats, Resume


@app.command(rich_help_panel="Series")
def reconstruct(
    task: Annotated[Path, typer.Argument(help="A TOML task: data, model, training.")],
    seeds: Repeats = 1,
    resume: Resume = False,
    overwrite: Overwrite = False,
    out: Out = "out",
) -> None:
    """Reconstruct a dynamical system from a measured series, chaotic ones too.

    A recurrent model is trained under generalised teacher forcing, runs free, and is judged by
    what matters in the long run: D_stsp (where the states lie), D_H (power spectra), prediction
    errors and the largest Lyapunov exponent. Ctrl-C stops early; `--resume` goes on bit for bit.

    Example:

        physsim reconstruct lorenz63.toml --seeds 5

    ```toml
    [data]
    system = "lorenz63"     # lorenz96, chua, bursting_neuron, driven_junction; or csv = "x.csv"
    samples = 40000
    noise = 0.05            # standard deviations, on what is learned from only
    [model]
    kind = "shPLRNN"        # ALRNN, tanh, LSSM (linear, with a nonlinear read-out)
    states = 3              # more than the channels: the others are hidden
    hidden = 50
    [training]
    alpha = 0.1             # or "estimated", or { first = 0.3, last = 0.05, updates = 1000 }
    updates = 5000
    length = 200
    ```

    docs/reconstruction.md lists all keys and what was measured.
    """
    from ._reconstruction_task import read_reconstruction

    folder, plan = output_folder(Path(out)), read_reconstruction(task)
    results = []
    for seed in range(seeds):
        label = task.stem if seeds == 1 else f"{task.stem}_{seed}"
        figures = _one(plan.reseeded(seed), folder, label, resume, overwrite)
        results.append(figures)
        if figures["interrupted"]:
            console.print("interrupted; the best model so far was kept", style="yellow")
            raise typer.Exit(130)
    if seeds > 1:
        save_json({"seeds": results}, folder / f"{task.stem}_seeds.json")


def _one(plan, folder: Path, label: str, resume: bool, overwrite: bool) -> dict[str, Any]:
    """Train and judge once."""
    import learning

    from ._reconstruction_pictures import reconstruction_picture
    from ._reconstruction_task import (
        make_alpha,
        make_rates,
        make_reconstruction,
        make_series,
        make_solver,
    )

    options = plan.training
    series, test = make_series(plan)
    counts = {
        k: options[k]
        for k in ("updates", "length", "batch", "judge_every", "seed", "jitter", "held_out")
    }
    training = learning.Training(**counts)
    training.check(series)
    learned, _ = series.split(1 - training.held_out)
    owner = hashlib.sha256(f"{plan.text}{options['seed']}".encode()).hexdigest()
    checkpoint = learning.Checkpoint(
        folder / f"{label}.checkpoint", 500, resume, {"the task": owner}
    )
    found = learning.reconstruct(
        make_reconstruction(plan, learned),
        series,
        training,
        alpha=make_alpha(plan),
        solver=make_solver(plan),
        optimiser=make_rates(plan),
        checkpoint=checkpoint.claim(overwrite),
    )
    if found.origin:
        console.print(found.origin)
    judged = learning.evaluate(found.reconstruction, test)
    figures = _figures(found, judged, label)
    _print(figures)
    save_json(figures, folder / f"{label}.json")
    _save_model(found.reconstruction, folder / f"{label}_model.npz")
    save_figure(reconstruction_picture(found, judged, test), folder / f"{label}.png")
    return figures


def _figures(found, judged, label: str) -> dict[str, Any]:
    state = found.state
    return {
        "label": label,
        "D_stsp": judged.divergence,
        "D_H": judged.spectral,
        "lyapunov_exponent": judged.exponent,
        "prediction_error": {str(n): x for n, x in judged.predictions.items()},
        "updates": state.step,
        "seconds": float(state.seconds),
        "loss_last": float(state.losses[-1]) if state.step else None,
        "alpha_last": float(state.alpha),
        "judged": state.judged.tolist(),
        "interrupted": found.interrupted,
    }


def _print(figures: dict[str, Any]) -> None:
    table = Table(title=f"{figures['label']}: free run against the series that judges")
    table.add_column("measure")
    table.add_column("value", justify="right")
    for name in ("D_stsp", "D_H", "lyapunov_exponent", "updates", "seconds"):
        table.add_row(name.replace("_", " "), f"{figures[name]:.4g}")
    for n, x in figures["prediction_error"].items():
        table.add_row(f"PE({n})", f"{x:.3g}")
    console.print(table)


def _save_model(reconstruction, path: Path) -> None:
    """The parameters by name."""
    import equinox as eqx
    import jax

    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(reconstruction, eqx.is_inexact_array))
    named = {jax.tree_util.keystr(where).lstrip("."): np.asarray(x) for where, x in leaves}
    np.savez(path, allow_pickle=False, **named)
    console.print(f"  model    {path}", highlight=False)
