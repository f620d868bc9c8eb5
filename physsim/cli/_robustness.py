"""`physsim robustness`"""

from pathlib import Path
from typing import Annotated

import typer

from ._bundled import find_input
from ._files import console, output_folder, save_figure, save_json
from ._main import app
from ._options import Out, TaskFile, seconds


@app.command(rich_help_panel="Echo learning")
def robustness(
    task: TaskFile,
    quality: Annotated[
        float | None, typer.Option(help="Q of all capacitors, at 1 / sqrt(L C). Default: no loss.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0, help="In K: the noise that comes with Q.")
    ] = 0.0,
    drift: Annotated[
        float, typer.Option(min=0, help="Relative change of values from run to echoes.")
    ] = 0.0,
    mismatch: Annotated[
        float, typer.Option(min=0, help="Relative difference of values between the echoes.")
    ] = 0.0,
    flip_gain: Annotated[
        float, typer.Option(help="How much too large the flip makes the charges, relative.")
    ] = 0.0,
    flip_delay: Annotated[
        str | None, typer.Option(help="How late the flip comes, such as 0.1n.")
    ] = None,
    flip_jitter: Annotated[
        str | None, typer.Option(help="Standard deviation of the flip's time.")
    ] = None,
    readout_noise: Annotated[
        float, typer.Option(min=0, help="Relative noise of each reading.")
    ] = 0.0,
    adc_bits: Annotated[int | None, typer.Option(min=1, help="Bits of the readings.")] = None,
    dac_bits: Annotated[int | None, typer.Option(min=1, help="Bits of the nudges.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Random machines a point of the maps.")] = 3,
    samples: Annotated[int, typer.Option(min=1, help="At most so many of the task's runs.")] = 8,
    updates: Annotated[int, typer.Option(min=0, help="Updates of each training; 0 for none.")] = 60,
    out: Out = "out",
) -> None:
    """Ask whether a planned chip would learn a task by echoes, and how good it has to be.

    The machine is described by the options; without any it is ideal. Each imperfection in turn is
    then made worse, at all sizes of the nudge epsilon: the maps show the cosine between the echo's
    gradient and the true one (1 is perfect), the ratio of their norms, and the loss that training
    by such echoes reaches. The best epsilon is predicted from bias and noise, and measured.
    Results: a verdict, four plots and a JSON file. Exit code 1 when the machine is unfit.

    Examples:

        physsim robustness coupled_lc.toml

        physsim robustness coupled_lc.toml --quality 200 --adc-bits 14 --flip-delay 0.1n

    docs/learning.md tells the theory.
    """
    from ._robustness_study import RobustnessPlan, study

    plan = RobustnessPlan(
        quality=quality, temperature=temperature, drift=drift, mismatch=mismatch,
        flip_gain=flip_gain, flip_delay=seconds(flip_delay, "--flip-delay") or 0.0,
        flip_jitter=seconds(flip_jitter, "--flip-jitter") or 0.0, readout_noise=readout_noise,
        adc_bits=adc_bits, dac_bits=dac_bits, seeds=seeds, samples=samples, updates=updates,
    )  # fmt: skip
    folder, stem = output_folder(Path(out)), find_input(task).stem
    found = study(task, plan)
    from ._robustness_pictures import cosine_picture, loss_picture, nudge_picture, ratio_picture

    console.print(found.verdict, style=None if found.fit else "red")
    save_json(found.figures(), folder / f"{stem}_robustness.json")
    save_figure(cosine_picture(found), folder / f"{stem}_robustness_cosine.png")
    save_figure(ratio_picture(found), folder / f"{stem}_robustness_norm.png")
    save_figure(nudge_picture(found.nudges), folder / f"{stem}_robustness_epsilon.png")
    if updates:
        save_figure(loss_picture(found), folder / f"{stem}_robustness_losses.png")
    if not found.fit:
        raise typer.Exit(1)
