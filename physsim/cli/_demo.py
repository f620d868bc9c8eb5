"""`physsim demo`"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from ._files import bundled, console, load_circuit, output_folder, save_figure, save_json
from ._main import app
from ._options import Out
from ._record import save_record

_PERIODS = 10_000


@app.command(rich_help_panel="Start")
def demo(out: Out = "out") -> None:
    """The main job from end to end, on two coupled LC tanks.

    Hamiltonian, 10 000 periods, the echo, the gradient table, and training. Takes about
    half a minute.
    """
    start = time.perf_counter()
    folder = output_folder(Path(out))
    circuit = load_circuit(Path("coupled_lc.cir"))
    figures: dict[str, Any] = {
        "simulation": _simulate(circuit, folder),
        "gradients": _gradients(circuit, folder),
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

    console.rule("1. The Hamiltonian of the netlist")
    hamiltonian(Path("coupled_lc.cir"))
    console.rule(f"2. {_PERIODS} periods")
    period = shortest_period(circuit)
    result = circuit.simulate(_PERIODS * period, period / 20, progress=True)
    error = np.abs(result.energy_error)
    console.print(f"relative energy error over {_PERIODS} periods: at most {error.max():.2e}")
    title = f"Two coupled LC tanks: start of {_PERIODS} periods"
    save_figure(energy_picture(result, "out", 400, title), folder / "simulation.png")
    half = len(error) // 2
    return {
        "periods": _PERIODS,
        "max_relative_energy_error": error.max(),
        "max_relative_energy_error_first_half": error[:half].max(),
        "max_relative_energy_error_second_half": error[half:].max(),
    }


def _gradients(circuit, folder: Path) -> dict:
    import learning
    from physsim import SRKN11b, StormerVerlet

    from ._check import gradient_figures
    from ._experiment import make_experiment
    from ._pictures import echo_picture

    console.rule("3. The echo, and the gradient by four methods")
    experiment = make_experiment(circuit, "v(out)", StormerVerlet(), 2e-6, 4e-9)
    H, solver, _, cost = experiment.arguments()
    options = experiment.options()
    record = learning.record_echo(H, solver, circuit.y0, cost, **options, epsilon=1e-3)
    _, exact = learning.BPTT()(H, solver, circuit.y0, cost, **options)
    save_figure(echo_picture(circuit, record, exact.params), folder / "echo.png")

    experiment = make_experiment(circuit, "v(out)", SRKN11b(), 2e-6, 1e-8)
    report = experiment.compare()
    for table in report.tables(circuit.units):
        console.print(table)
    path = folder / "coupled_lc_check.json"
    save_json({"disagreeing": report.disagreeing(), **gradient_figures(report, circuit)}, path)
    settings = {"measure": "v(out)", "integrator": "SRKN11b", "dt_s": 1e-8}
    save_record(path, "check", [bundled("coupled_lc.cir")], settings, circuit)
    return {"worst_relative_error": {m: report.worst(m) for m in report.gradients}}


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
