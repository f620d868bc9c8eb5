"""`physsim tanks`: a trained linear unit as LC tanks."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ._files import console, output_folder
from ._main import app
from ._options import Out, seconds
from ._train import restored
from ._train_config import TrainConfig, read_config


@app.command(rich_help_panel="Series")
def tanks(
    config: Annotated[Path, typer.Argument(help="The configuration that was trained.")],
    run: Annotated[
        Path, typer.Argument(help="The results of one seed: runs/CONFIG_METHOD/seed_0.")
    ],
    block: Annotated[int, typer.Option(min=1, help="Which block's unit.")] = 1,
    series: Annotated[int, typer.Option(min=1, help="Which test series drives it.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="So many steps of it at most.")] = 100,
    sample: Annotated[str, typer.Option(help="The time of a step, such as 1u.")] = "1u",
    ngspice: Annotated[
        bool, typer.Option("--ngspice", help="Run the deck, and compare at every step.")
    ] = False,
    out: Out = "out",
) -> None:
    """Write a trained linear unit as a netlist of LC tanks, driven by a test series.

    Each mode is a lossless tank; the unit's inputs come in by transconductances, its read-outs go
    out as sums of the coils' currents. At the ends of the samples the deck gives what the unit
    gives after each step.

    Examples:

        physsim train basic_motions.toml --seeds 1 --out runs

        physsim tanks basic_motions.toml runs/basic_motions_fused/seed_0 --ngspice
    """
    from ._tank_deck import tank_netlist

    tau = seconds(sample, "--sample")
    plan, seed = _trained_as(read_config(config), run)
    splits = plan.splits(seed)
    if series > len(splits.test):
        raise ValueError(f"--series {series}: there are {len(splits.test)} test series")
    stack = restored(plan, seed, splits, run)
    if block > len(stack.blocks):
        raise ValueError(f"--block {block}: the stack has {len(stack.blocks)}")
    length = min(steps, int(splits.test.lengths[series - 1]))
    signals, read = _block_run(stack, splits.test.x[series - 1, :, :length], block - 1)
    chosen = stack.blocks[block - 1]
    deck = tank_netlist(chosen.unit, np.asarray(chosen.C, float), signals, sample=tau)
    path = output_folder(Path(out)) / f"{plan.path.stem}_tanks.cir"
    path.write_text(deck)
    console.print(
        f"{len(chosen.unit.coordinates)} tanks, {length} steps of {splits.test.name}",
        highlight=False,
    )
    console.print(f"  netlist  {path}", highlight=False)
    if ngspice:
        error = _ngspice_error(deck, read, tau)
        console.print(f"  ngspice  {error:.1e} of the largest read-out away", highlight=False)


def _trained_as(plan: TrainConfig, run: Path) -> tuple[TrainConfig, int]:
    """The configuration with the method and the seed of the results in `run`."""
    from dataclasses import replace

    from ._compare import read_result

    result = read_result(run / "result.json")
    tables = {name: result[name] for name in ("data", "model", "gradient", "training")}
    return replace(plan, **tables), result["seed"]


def _block_run(stack: Any, x: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    """(what drives the unit [H, T], its read-outs C q [H, T]) on one series [m, T], in float64."""
    import jax.numpy as jnp

    import learning

    stack = learning.cast(stack, "float64")
    sweep, u = learning.StoredSweep(), stack.encoder(jnp.asarray(x, "float64")[..., None])
    for block, start in zip(stack.blocks[: index + 1], stack.start(1), strict=False):
        v, drive = block.enter(u)
        q = sweep.positions(stack.solver, block.unit, start, drive)
        u = block.leave(q, u, v)
    return np.asarray(v[..., 0]), np.asarray(jnp.tensordot(block.C, q, 1)[..., 0])


def _ngspice_error(deck: str, read: np.ndarray, sample: float) -> float:
    """The largest difference at any step, relative to the largest read-out."""
    from circuits import run_ngspice

    names = [f"v(y{k + 1})" for k in range(len(read))]
    found = run_ngspice(deck, names)
    times = sample * np.arange(1, read.shape[1] + 1)
    rows = np.stack([np.interp(times, found["time"], found[name]) for name in names])
    return float(np.abs(rows - read).max() / np.abs(read).max())
