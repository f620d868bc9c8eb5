"""`physsim identify`"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ._bundled import find_input
from ._files import console, load_circuit, output_folder, save_figure, save_json
from ._main import app
from ._options import Netlist, Out


@app.command(rich_help_panel="Circuits")
def identify(
    netlist: Netlist,
    data: Annotated[Path, typer.Argument(help="CSV: time (s), then v(node) or i(element).")],
    known: Annotated[
        list[str] | None, typer.Option(help="Value to keep, or pattern; repeat for more.")
    ] = None,
    fit: Annotated[
        list[str] | None, typer.Option(help="Value to find, or pattern. Default: all.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Teacher forcing, of 0 to 1.")] = 0.1,
    window: Annotated[
        int, typer.Option(min=0, help="Samples of the free runs at the end; 0 for none.")
    ] = 200,
    resample: Annotated[
        bool, typer.Option("--resample", help="Interpolate times that are not uniform.")
    ] = False,
    out: Out = "out",
) -> None:
    """Find component values from measured waveforms, of chaotic circuits too.

    The netlist's values are where the search starts. What is not measured (a current, say) is a
    hidden state. The run is pulled towards the measurement by the share `--alpha` at each
    sample: 0.05 to 0.2 tames chaos and biases little; 0 fits a free run, which works only
    where neighbouring runs stay together; 1 predicts from sample to sample, which noise biases.
    Free runs over windows, from starts of their own, then take out what bias there is.

    Where only voltages are measured, all impedances may be scaled together: name one value by
    `--known`. Values that the measurement does not tell are named and refused.

    Examples:

        physsim identify chua.cir chua_scope.csv --known R1

        physsim identify coupled_lc.cir scope.csv --fit "L*" --fit "C*" --known C1 --alpha 0.05

    Writes the netlist with the values found, figures with standard deviations, and plots of the
    fit, the residuals' spectrum and the attractor. docs/reconstruction.md tells how it works.
    """
    import learning

    from ._identification import make_identification
    from ._identified_pictures import identified_picture
    from ._measured import read_measured

    folder = output_folder(Path(out))
    learning.check_alpha(alpha)
    circuit = load_circuit(netlist)
    measured = read_measured(find_input(data), resample=resample)
    identification = make_identification(circuit, measured, tuple(fit or ()), tuple(known or ()))
    found = learning.identify(identification.box, alpha=alpha, window=window or None)
    after = identification.identified(np.log(found.factors))
    figures = _figures(identification, found, after)
    _print(figures)
    stem = netlist.stem
    save_json(figures, folder / f"{stem}_identified.json")
    path = folder / f"{stem}_identified.cir"
    path.write_text(after.netlist.to_text(), encoding="utf-8")
    console.print(f"  netlist  {path}", highlight=False)
    save_figure(identified_picture(identification, found), folder / f"{stem}_identified.png")


def _figures(identification, found, after) -> dict[str, Any]:
    before, values = identification.circuit.values(), after.values()
    rms = np.sqrt(np.mean(found.residuals**2, axis=0)) * identification.scales
    table = {
        name: {
            "start": before[name],
            "value": values[name],
            "relative_sd": float(sd),
        }
        for name, sd in zip(found.names, found.deviations, strict=True)
    }
    return {
        "values": table,
        "rms_residual": dict(zip(identification.measured.quantities, rms.tolist(), strict=True)),
        "runs": found.runs,
        "condition": float(found.sensitivity.singular[0] / found.sensitivity.singular[-1]),
        "samples": len(identification.measured.values),
        "window": found.window,
    }


def _print(figures: dict[str, Any]) -> None:
    table = Table(title="component values")
    for column in ("value", "start", "found", "sd", "change"):
        table.add_column(column, justify="left" if column == "value" else "right")
    for name, row in figures["values"].items():
        change = row["value"] / row["start"] - 1
        table.add_row(name, f"{row['start']:.6g}", f"{row['value']:.6g}",
                      f"{row['relative_sd']:.2%}", f"{change:+.2%}")  # fmt: skip
    console.print(table)
    for name, rms in figures["rms_residual"].items():
        console.print(f"  rms residual of {name}: {rms:.3g}", highlight=False)
