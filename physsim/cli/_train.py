"""`physsim train`: stacks of recurrent units on labelled series."""

import hashlib
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ._curves import save_curves
from ._digest import digest
from ._files import console, output_folder
from ._launch import WAIT, Coordinator, Hosts, ProcessId, Wait, check_same, is_first, join
from ._main import app
from ._options import Out, Overwrite, Resume
from ._record import save_record
from ._train_config import METHODS, TrainConfig, read_config


@app.command(rich_help_panel="Series")
def train(
    config: Annotated[Path, typer.Argument(help="A TOML configuration, or a bundled one's name.")],
    method: Annotated[
        str | None, typer.Option(help="BPTT, RHEL, ReversibleAdjoint or fused.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Train this often, with seeds 0, 1, ...")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many epochs.")] = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    out: Out = "out",
    coordinator: Coordinator = None,
    hosts: Hosts = None,
    process_id: ProcessId = None,
    wait: Wait = WAIT,
) -> None:
    """Train a stack of Hamiltonian recurrent units to classify series, or to read values off them.

    Each seed's results are in OUT/CONFIG_METHOD/seed_N: metrics.jsonl (a line an epoch), a
    checkpoint that survives a crash (go on with `--resume`; another configuration's is not
    replaced without `--overwrite`), result.json, learning curves
    and the confusion matrix. Compare methods and seeds with `physsim compare OUT`. All devices
    share the series of a batch; on several hosts, run the same command on each, with one folder
    for results.

    Examples:

        physsim train japanese_vowels.toml --seeds 1

        physsim train recall.toml --method BPTT --out runs

    A configuration:

    ```toml
    seeds = [0, 1, 2]
    [data]
    set = "JapaneseVowels"     # of an archive; or adding, recall, copy, phase, heart_rate
    folder = "archive"         # where NAME_TRAIN.ts is; without it, sets that come with aeon
    [model]
    unit = "linear"            # or nonlinear
    blocks = 2
    hidden = 64
    state = 16
    [gradient]
    method = "fused"           # or BPTT, RHEL, ReversibleAdjoint
    [training]
    learning_rate = 1e-3
    ```

    docs/hssm.md lists all keys.
    """
    mesh = join(locals())
    plan = read_config(config)
    changes: dict[str, Any] = {}
    if method is not None:
        changes["gradient"] = plan.gradient | {"method": method}
    if method is not None and method not in METHODS:
        raise ValueError(f"unknown method {method!r}: choose {', '.join(METHODS)}")
    if epochs is not None:
        changes["training"] = plan.training | {"epochs": epochs}
    if seeds is not None:
        changes["seeds"] = tuple(range(seeds))
    plan = replace(plan, **changes)
    tables = {f"[{name}]": table for name, table in _tables(plan).items()}
    check_same(tables | {"seeds": plan.seeds}, "give all processes the same configuration")
    folder = output_folder(Path(out) / plan.label)
    for seed in plan.seeds:
        checkpoint_of(plan, seed, folder / f"seed_{seed}", resume).claim(overwrite)
    # One optimiser for all seeds: a new one would be compiled anew.
    optimiser, results = plan.optimiser(len(plan.splits(plan.seeds[0]).train)), []
    for seed in plan.seeds:
        own = output_folder(folder / f"seed_{seed}")
        results.append(_train_one(plan, seed, own, resume, optimiser, mesh))
        if results[-1]["interrupted"]:
            console.print("interrupted; go on with --resume", style="yellow")
            raise typer.Exit(130)
    scores = [r[r["metric"]] for r in results]
    spread = f" +- {np.std(scores, ddof=1):.4f}" if len(scores) > 1 else ""
    console.print(
        f"{plan.label}: {results[0]['metric']} {np.mean(scores):.4f}{spread} on the test series, "
        f"{len(scores)} seed{'s' if len(scores) > 1 else ''}"
    )


def _train_one(
    plan: TrainConfig, seed: int, folder: Path, resume: bool, optimiser: Any, mesh: Any
) -> dict[str, Any]:
    """Train with one seed, write its results, and return them."""
    import learning

    splits = plan.splits(seed)
    check_same({"the data": _digest_of(splits)}, "give all processes the same files")
    stack = plan.stack(splits.train, seed)
    options, settings = plan.training, _settings(plan, seed)
    checkpoint = checkpoint_of(plan, seed, folder, resume)
    console.print(f"{plan.label}, seed {seed}: {_sizes(splits)}", highlight=False)
    fit = learning.fit_stack(
        stack, splits,
        sweep=plan.sweep(), optimiser=optimiser,
        epochs=options["epochs"], batch_size=options["batch"],
        patience=options["patience"] or None, seed=seed, checkpoint=checkpoint,
        metrics=learning.MetricsFile(folder / "metrics.jsonl", lambda epoch: epoch._asdict()),
        mesh=mesh,
    )  # fmt: skip
    if fit.origin:
        console.print(fit.origin, highlight=False)
    result = settings | _figures(splits, fit)
    if is_first():
        _write(plan, result, splits, fit, folder)
    return result


def _write(plan: TrainConfig, result: dict[str, Any], splits, fit, folder: Path) -> None:
    path = folder / "result.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    save_record(path, "train", [plan.path], _settings(plan, result["seed"]))
    _draw(result, splits, fit, folder)
    console.print(
        f"  {result['metric']} {result[result['metric']]:.4f} on the test series after "
        f"{len(fit.epochs)} epochs, {result['seconds']:.0f} s; results in {folder}",
        highlight=False,
    )


def checkpoint_of(plan: TrainConfig, seed: int, folder: Path, resume: bool):
    """Of the training with this configuration and seed whose results are in `folder`."""
    import learning

    every = plan.training["checkpoint_every"]
    return learning.Checkpoint(folder / "checkpoint", every, resume, _hashes(_settings(plan, seed)))


def restored(plan: TrainConfig, seed: int, splits: Any, folder: Path):
    """The stack whose training with this configuration and seed is in `folder`."""
    import learning

    stack, checkpoint = plan.stack(splits.train, seed), checkpoint_of(plan, seed, folder, True)
    return learning.trained_stack(stack, plan.optimiser(len(splits.train)), checkpoint)


def _settings(plan: TrainConfig, seed: int) -> dict[str, Any]:
    """What makes a run what it is."""
    named = {"config": plan.path.stem, "method": plan.gradient["method"], "seed": seed}
    return named | _tables(plan)


def _tables(plan: TrainConfig) -> dict[str, Any]:
    tables = asdict(plan)
    return {name: tables[name] for name in ("data", "model", "gradient", "training")}


def _digest_of(splits) -> str:
    parts = (splits.train, splits.validation, splits.test)
    return digest(*(x.tobytes() for part in parts for x in (part.x, part.lengths, part.targets)))


def _hashes(settings: dict[str, Any]) -> dict[str, str]:
    """Of each table, so that another configuration is refused by the name of what changed."""
    parts = dict(settings)
    # More epochs, or more patience, go on with the same training.
    parts["training"] = {
        key: value
        for key, value in settings["training"].items()
        if key not in ("epochs", "patience", "checkpoint_every")
        or settings["training"]["schedule"] != "constant"
    }
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]
        for name, part in parts.items()
        if name != "config"
    }


def _sizes(splits) -> str:
    train = splits.train
    what = f"{len(train.classes)} classes" if train.classes else f"a value every {train.every}"
    counts = " / ".join(str(len(getattr(splits, n))) for n in ("train", "validation", "test"))
    return (
        f"{train.name}, {counts} series of {train.x.shape[1]} channels and up to "
        f"{train.x.shape[2]} steps, {what}"
    )


def _figures(splits, fit) -> dict[str, Any]:
    """What a run came to."""
    test = splits.test
    best = max(fit.epochs, key=lambda e: (e.validation_score, -e.validation_loss))
    common = {
        "epochs": len(fit.epochs),
        "best_epoch": best.step,
        "seconds": fit.epochs[-1].seconds,
        "interrupted": fit.interrupted,
        "peak_memory_mb": _peak_memory(),
    }
    if not test.classes:
        mean = float(np.mean((test.targets - splits.train.targets.mean()) ** 2))
        return common | {
            "metric": "mse", "mse": -fit.test_score, "mse_of_the_mean": mean,
            "validation": -best.validation_score,
        }  # fmt: skip
    confusion = np.zeros((len(test.classes), len(test.classes)), int)
    np.add.at(confusion, (test.targets, fit.predictions), 1)
    return common | {
        "metric": "accuracy", "accuracy": fit.test_score, "validation": best.validation_score,
        "classes": list(test.classes), "confusion": confusion.tolist(),
    }  # fmt: skip


def _peak_memory() -> float | None:
    """What this process held at most, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _draw(result: dict[str, Any], splits, fit, folder: Path) -> None:
    from ._train_pictures import (
        confusion_picture,
        curves_picture,
        readings_curves,
        readings_picture,
    )

    curves_picture(fit.epochs, result["metric"]).savefig(folder / "curves.png")
    if splits.test.classes:
        picture = confusion_picture(np.array(result["confusion"]), splits.test.classes)
        picture.savefig(folder / "confusion.png")
    else:
        curves = readings_curves(splits.test, fit.predictions)
        save_curves(folder / "readings.json", curves)
        readings_picture(curves).savefig(folder / "readings.png")
