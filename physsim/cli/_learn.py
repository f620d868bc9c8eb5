"""`physsim learn`"""

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table
from scipy.interpolate import CubicSpline

from ._files import console, find_input, load_circuit, output_folder, save_figure, save_json
from ._main import app
from ._options import Out
from ._task import Task, read_task, read_waveform


@app.command()
def learn(
    task: Annotated[Path, typer.Argument(help="A TOML task, or the bundled coupled_lc.toml.")],
    out: Out = "out",
) -> None:
    """Train the component values named in a task against a target waveform.

    Ctrl-C stops early and keeps the best values so far.

    Example:  physsim learn coupled_lc.toml

    A task names the netlist, the elements to train, the target and the run:

    ```toml
    netlist = "coupled_lc.cir"
    train = ["C1", "C2", "L12"]
    [target]
    quantity = "v(out)"
    csv = "measured.csv"     # time (s), value; or a file that `simulate` wrote
    [run]
    t_end = "2u"
    ```
    """
    folder = output_folder(Path(out))
    trained = train(read_task(task))
    write_results(trained, folder, find_input(task).stem)
    if trained["fit"].interrupted:
        console.print("interrupted; the best values so far were kept", style="yellow")
        raise typer.Exit(130)


def train(task: Task) -> dict[str, Any]:
    """Run a task: the experiment, the fit and the circuits before and after."""
    import optax

    import learning

    from ._experiment import make_experiment

    method, solver = task.method(), task.solver()
    circuit = load_circuit(task.netlist)
    trainable = choose_values(circuit, task.train)
    experiment = make_experiment(
        circuit, task.target["quantity"], solver, task.time("t_end"), task.time("dt")
    )
    experiment = experiment.with_targets(_targets(task, experiment))
    fit: Any = learning.fit(
        *experiment.arguments(),
        **experiment.options(),
        method=method,
        # A short memory of squared gradients: components matter at very different sizes.
        optimiser=optax.adam(task.optimiser["learning_rate"], b2=0.99),
        iterations=task.optimiser["iterations"],
        tolerance=task.optimiser["tolerance"],
        trainable=trainable,
        positive=trainable,
    )
    learned = circuit.with_hamiltonian(fit.hamiltonian)
    return {"experiment": experiment, "fit": fit, "before": circuit, "after": learned}


def choose_values(circuit, names: list[str]):
    """A mask in the shape of the Hamiltonian: the values of these elements.

    A name is an element (`C1`: its capacitance, inductance or critical current) or one
    value of it (`B1.phase`).
    """
    import jax
    import jax.numpy as jnp

    parameters = circuit.hamiltonian.parameter_names()
    lower = {name.lower(): i for i, name in enumerate(parameters)}
    chosen = np.zeros(len(parameters), bool)
    for name in names:
        options = [str(name).lower() + end for end in ("", ".c", ".l", ".icrit")]
        found = [lower[option] for option in options if option in lower]
        if not found:
            raise ValueError(f"train: no value {name!r} among {', '.join(parameters[:20])}")
        chosen[found] = True
    leaves, structure = jax.tree.flatten(circuit.hamiltonian)
    ends = np.cumsum([leaf.size for leaf in leaves])
    pieces = np.split(chosen, ends[:-1])
    return jax.tree.unflatten(
        structure, [jnp.asarray(m.reshape(x.shape)) for m, x in zip(pieces, leaves, strict=True)]
    )


def _targets(task: Task, experiment) -> np.ndarray:
    """The target at the times of the steps, in SI."""
    times = np.asarray(experiment.times)
    if task.target["csv"]:
        path = task.path.parent / task.target["csv"]
        t, values = read_waveform(path, task.target["column"] or task.target["quantity"])
        if times[0] < t[0] or times[-1] > t[-1] * (1 + 1e-9):
            raise ValueError(
                f"{path}: covers {t[0]:.6g} to {t[-1]:.6g} s, but the run goes to {times[-1]:.6g} s"
            )
        # Straight lines between samples would shift the values that are learned.
        return CubicSpline(t, values)(times) if len(t) > 3 else np.interp(times, t, values)
    teacher = load_circuit(task.path.parent / task.target["netlist"])
    readout = teacher.readout(task.target["quantity"])
    dt = times[0]
    refine = math.ceil(dt / teacher.suggest_dt(experiment.solver))
    result = teacher.simulate(times[-1], dt / refine, solver=experiment.solver, save_every=refine)
    return result.measure(readout)[1 : len(times) + 1]


def write_results(trained: dict[str, Any], folder: Path, stem: str) -> dict[str, Any]:
    """Print the values, write figures, the loss history and the plot; returns the figures."""
    from ._pictures import training_picture

    fit = trained["fit"]
    before, after = trained["before"].values(), trained["after"].values()
    table = Table(title="component values")
    for column in ("value", "before", "after", "change"):
        table.add_column(column, justify="left" if column == "value" else "right")
    changed = {name: value for name, value in after.items() if value != before[name]}
    for name, value in changed.items():
        change = f"{value / before[name] - 1:+.2%}" if before[name] else ""
        table.add_row(name, f"{before[name]:.6g}", f"{value:.6g}", change)
    console.print(table)
    first = float(fit.losses[0]) if len(fit.losses) else math.nan
    console.print(f"loss {first:.3e} -> {fit.best:.3e} in {len(fit.losses)} iterations")
    figures = {
        "loss_first": first,
        "loss_best": fit.best,
        "iterations": len(fit.losses),
        "interrupted": fit.interrupted,
        "values_before": before,
        "values_after": after,
    }
    save_json(figures, folder / f"{stem}_learned.json")
    np.savetxt(folder / f"{stem}_loss.csv", fit.losses, header="loss", comments="")
    save_figure(training_picture(trained), folder / f"{stem}_learned.png")
    return figures
