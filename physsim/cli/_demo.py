"""`physsim demo`"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from ._bundled import bundled
from ._files import console, load_circuit, output_folder, save_json
from ._main import app
from ._options import Out

_NETLIST = bundled("coupled_lc.cir")
_PERIODS = 10_000


@app.command(rich_help_panel="Start")
def demo(out: Out = "out") -> None:
    """The main job from end to end, on two coupled LC tanks.

    Hamiltonian, 10 000 periods, the echo, the gradient table, and training. Takes about
    half a minute.
    """
    start = time.perf_counter()
    folder = output_folder(Path(out))
    circuit = load_circuit(_NETLIST)
    figures: dict[str, Any] = {
        "simulation": _simulate(circuit, folder),
        "gradients": _check(folder),
        "training": _train(folder),
    }
    figures["seconds"] = time.perf_counter() - start
    save_json(figures, folder / "demo.json")
    console.print(
        f"\nDone in {figures['seconds']:.0f} s. Look at the plots in {folder}/, or make a page:"
    )
    console.print(f"  physsim report {folder}", highlight=False)


def _simulate(circuit, folder: Path) -> dict:
    from ._analysis import shortest_period
    from ._hamiltonian import hamiltonian
    from ._pictures import energy_picture
    from ._simulate import write_simulation

    console.rule("1. The Hamiltonian of the netlist")
    hamiltonian(_NETLIST)
    console.rule(f"2. {_PERIODS} periods")
    period = shortest_period(circuit)
    result = circuit.simulate(_PERIODS * period, period / 20, progress=True)
    error = np.abs(result.energy_error)
    console.print(f"relative energy error over {_PERIODS} periods: at most {error.max():.2e}")
    plot = energy_picture(result, "out", 400, f"Two coupled LC tanks: start of {_PERIODS} periods")
    settings = {"integrator": circuit.default_solver.name, "periods": _PERIODS, "format": "nc"}
    write_simulation(result, plot, _NETLIST, settings, folder)
    half = len(error) // 2
    return {
        "periods": _PERIODS,
        "max_relative_energy_error": error.max(),
        "max_relative_energy_error_first_half": error[:half].max(),
        "max_relative_energy_error_second_half": error[half:].max(),
    }


def _check(folder: Path) -> dict:
    from ._check import check

    console.rule("3. The echo, and the gradient by four methods")
    check(_NETLIST, measure="v(out)", t_end="2u", dt="10n", echo=True, out=str(folder))
    figures = json.loads((folder / f"{_NETLIST.stem}_check.json").read_text())
    return {"worst_relative_error": figures["worst_relative_error"]}


def _train(folder: Path) -> dict:
    from ._learn import write_results
    from ._task import read_task
    from ._training import TaskTrainer, TrainingRun

    console.rule("4. Training the tanks and their coupling on a target waveform")
    task = read_task(bundled("coupled_lc.toml"))
    trained = TaskTrainer(task).run(TrainingRun(task.seed, folder, "coupled_lc", overwrite=True))
    figures = write_results(trained, folder, "coupled_lc")
    hidden = load_circuit(task.path.parent / task.target["netlist"]).values()
    figures["hidden_values"] = hidden
    errors = [abs(figures["values_after"][n] / hidden[n] - 1) for n in hidden]
    figures["largest_relative_value_error"] = max(errors)
    figures["loss_reduction"] = figures["loss_first"] / figures["loss_best"]
    console.print(
        f"hidden values recovered to {max(errors):.1e}, loss {figures['loss_reduction']:.1e} "
        "times smaller"
    )
    return figures
