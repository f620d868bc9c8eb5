"""Draws echo.gif: a run of two coupled tanks, its nudged echoes, and the gradient they gather."""

from pathlib import Path

import jax
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure

import circuits
import learning
import physsim
from physsim.plotting import COLOURS, style

jax.config.update("jax_enable_x64", True)

STEPS, DT, EPSILON, FRAMES, HELD = 400, 0.06, 0.004, 32, 8
TANKS = """two tanks
C1 in 0 1n ic=1
L1 in 0 1u
C2 out 0 1.2n
L2 out 0 0.9u
L12 in out 4u
"""


def record():
    """(time in us, v(out) forward, both echoes' v(out) not flipped, relative gradients by name)."""
    circuit = circuits.loads(TANKS)
    read, H = circuit.readout("v(out)"), circuit.hamiltonian

    def cost(H, y, u, target):
        return (read(H, y, u) - target) ** 2

    run = learning.record_echo(
        H, physsim.SRKN11b(), circuit.y0, cost,
        dt=DT, num_steps=STEPS, epsilon=EPSILON, targets=np.zeros(STEPS),
    )  # fmt: skip
    u = jax.numpy.zeros(0)
    forward = jax.vmap(lambda y: read(H, y, u))(run.forward)
    back = jax.vmap(lambda y: read(H, y.reverse(), u))
    echoes = [np.asarray(back(echo)) for echo in (run.echo_plus, run.echo_minus)]
    sums = np.concatenate(
        [np.asarray(g).reshape(len(run.ts), -1) for g in jax.tree.leaves(run.gradient)], 1
    )
    values = np.concatenate([np.ravel(x) for x in jax.tree.leaves(H)])
    return (
        np.asarray(run.ts) * circuit.scales.time * 1e6,
        np.asarray(forward), echoes,
        dict(zip(H.parameter_names(), (sums * values).T, strict=True)),
    )  # fmt: skip


def draw(path: Path) -> None:
    """Time runs to the right, is flipped, and runs back."""
    ts, forward, echoes, gradients = record()
    with style():
        figure = Figure(figsize=(5.6, 3.5), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        (out,) = above.plot([], [], color=COLOURS[0], label="the run")
        back = [
            above.plot([], [], color=c, lw=1.2, label=f"echo nudged by {s}$\\epsilon$")[0]
            for c, s in zip(COLOURS[1:3], "+-", strict=True)
        ]
        (dot,) = above.plot([], [], "o", color="black", ms=4)
        sums = [below.plot([], [], color=COLOURS[k % 7], label=name)[0]
                for k, name in enumerate(gradients)]  # fmt: skip
        size = 1.5 * max(np.abs(g).max() for g in gradients.values())
        above.set(xlim=(ts[0], ts[-1]), ylim=(-1.3, 1.3), ylabel="v(out) (V)")
        below.set(ylim=(-size, size), xlabel="time (µs)", ylabel="gradient so far\n(dL / d ln x)")
        above.legend(loc="upper left", ncols=3, frameon=False, fontsize=8)
        below.legend(loc="lower right", ncols=3, frameon=False, fontsize=8)
        title = above.set_title(" ")

        def frame(k):
            if k <= FRAMES:
                at = STEPS * k // FRAMES
                out.set_data(ts[: at + 1], forward[: at + 1])
                dot.set_data([ts[at]], [forward[at]])
                title.set_text("run the circuit")
            elif k <= FRAMES + HELD:
                title.set_text("flip its momenta: every capacitor voltage")
            else:
                at = STEPS - STEPS * (k - FRAMES - HELD) // FRAMES
                for line, echo in zip(back, echoes, strict=True):
                    line.set_data(ts[at:], echo[at:])
                dot.set_data([ts[at]], [forward[at]])
                for line, g in zip(sums, gradients.values(), strict=True):
                    line.set_data(ts[at:], g[at:])
                title.set_text("let it run back, nudged: the gradient adds up")
            return []

        count = 2 * FRAMES + 3 * HELD
        shown = [min(k, 2 * FRAMES + HELD) for k in range(count)]
        FuncAnimation(figure, frame, shown, blit=False).save(path, PillowWriter(fps=10), dpi=100)


if __name__ == "__main__":
    draw(Path(__file__).with_suffix("").with_name("echo.gif"))
