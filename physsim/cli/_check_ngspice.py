"""`physsim check --ngspice` and `--recipe`"""

from pathlib import Path

import circuits

from ._checked import Checked
from ._echo_check import EPSILONS, check_in_ngspice
from ._files import console, save_figure, save_json
from ._record import save_record


def write_bench(checked: Checked, stem: str, folder: Path, epsilon, *, run: bool, recipe: bool):
    """How to run the echo on a bench, and what ngspice says of it."""
    epsilons = EPSILONS if epsilon is None else (epsilon,)
    if recipe:
        text = circuits.bench_recipe(checked.circuit, checked.measure, checked.stop, epsilons[-1])
        path = folder / f"{stem}_recipe.md"
        path.write_text(text, encoding="utf-8")
        console.print(f"  recipe   {path}", highlight=False)
    if not run:
        return
    found = check_in_ngspice(checked.circuit, checked.measure, checked.stop, epsilons)
    console.print(found.table())
    console.print(found.summary())
    if len(epsilons) > 1:
        save_figure(found.picture(), folder / f"{stem}_ngspice.png")
    for name, deck in found.echoes[epsilons[-1]].decks.items():
        path = folder / f"{stem}_{name}"
        path.write_text(deck, encoding="utf-8")
        console.print(f"  deck     {path}", highlight=False)
    path = folder / f"{stem}_ngspice.json"
    figures = {
        "continuous_adjoint": found.adjoint,
        "ngspice": {f"{e:g}": dict(r.gradient) for e, r in found.echoes.items()},
        "retraced": {f"{e:g}": r.retraced for e, r in found.echoes.items()},
    }
    save_json(figures, path)
    settings = checked.settings() | {"epsilons": epsilons}
    save_record(path, "ngspice", checked.inputs, settings, checked.circuit)
