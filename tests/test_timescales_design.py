"""Time constants chosen by the diagnostics, and what training then makes of the circuit."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import circuits
import physsim
from physsim.cli._task import read_task
from physsim.cli._timescales_target import circuit_target
from physsim.cli._training import TaskTrainer

DELAY, STEP = 40, 1e-3


def bank(tau):
    """Two RC sections about one time constant: their difference can wait."""
    sections = [
        f"R{i} in x{i} 1k\nC{i} x{i} 0 {tau * k / 1e3}\n" for i, k in enumerate((0.8, 1.25))
    ]
    return circuits.loads("bank\nV1 in 0 1\n" + "".join(sections))


def features(tau, signal):
    """The voltages of the sections under a signal held over each step, standardised."""
    circuit = bank(float(tau))
    H, dt = circuit.hamiltonian, STEP / circuit.scales.time
    rows = np.zeros((len(signal), len(H.input_names)))
    rows[:, [name.startswith("v") or "V1" in name for name in H.input_names]] = signal[:, None]
    run = physsim.integrate(H, physsim.StormerVerlet(), circuit.y0, dt=dt, num_steps=len(signal),
                            inputs=jnp.asarray(rows))  # fmt: skip
    x = np.asarray(run.ys.p)[1:]
    return (x - x.mean(0)) / x.std(0)


@jax.jit
def learn_readout(x, y):
    """Weights of the sections after 2000 updates of Adam on the mean square error."""
    adam = optax.adam(0.1)

    def update(carry, _):
        w, state = carry
        loss, slope = jax.value_and_grad(lambda w: jnp.mean((x @ w - y) ** 2))(w)
        moves, state = adam.update(slope, state)
        return (w + moves, state), loss

    start = jnp.zeros(x.shape[1])
    with jax.numpy_dtype_promotion("standard"):
        return jax.lax.scan(update, (start, adam.init(start)), None, length=2000)[0][0]


def test_the_suggested_time_constant_learns_a_delay_best():
    """Against one four times shorter and one four times longer, on fresh data, seed by seed."""
    for seed in range(3):
        # A signal that changes over half the delay.
        noise = np.random.default_rng(seed).normal(size=12_000)
        signal = np.convolve(noise, np.ones(20) / np.sqrt(20), "same")
        wanted = np.roll(signal, DELAY)[500:]
        half, errors = len(wanted) // 2, {}
        for factor in (0.25, 1.0, 4.0):
            x = features(factor * DELAY * STEP, signal)[500:]
            w = learn_readout(jnp.asarray(x[:half]), jnp.asarray(wanted[:half]))
            left = np.mean((x[half:] @ np.asarray(w) - wanted[half:]) ** 2)
            errors[factor] = left / np.var(wanted[half:])
        print(f"seed {seed}: error by tau / delay {errors}")
        assert errors[1.0] < 0.97 * min(errors[0.25], errors[4.0]), errors


LINE = """an RC line that feeds a read-out
V1 in 0 PULSE(0 1 1u 1u 1u 8u)
R1 in a 1k
C1 a 0 {c}
R2 a b 1k
C2 b 0 {c}
R3 b x 1k
C3 x 0 {c}
RM1 a out 10k
RM2 b out 10k
RM3 x out 10k
C4 out 0 0.1n
RL out 0 100k
.tran 1u 160u
"""
WANTED = """the pulse, 40 us later and broader
I1 0 out PWL(0 0 30u 0 45u 0.25m 60u 0.1m 100u 0)
R1 out 0 1k
C1 out 0 4n
.tran 1u 160u
"""
TASK = """
netlist = "{name}.cir"
train = ["R*"]
[target]
quantity = "v(out)"
netlist = "wanted.cir"
[run]
t_end = "160u"
dt = "0.5u"
integrator = "StormerVerlet"
[gradient]
method = "BPTT"
[optimiser]
iterations = 60
learning_rate = 0.02
"""


@pytest.mark.slow
def test_training_helps_once_the_circuit_is_rescaled_as_advised(tmp_path):
    before = LINE.format(c="1n")
    target = circuit_target(circuits.loads(before), "v(out)")
    modes = target.transport([1], windows=1).modes
    factor = 40e-6 / (modes.time_constants() * target.dt).max()
    assert 5 < factor < 12
    texts = {"before": before, "after": LINE.format(c=f"{factor}n"), "wanted": WANTED}
    for name, text in texts.items():
        (tmp_path / f"{name}.cir").write_text(text)
    losses = {}
    for name in ("before", "after"):
        (tmp_path / f"{name}.toml").write_text(TASK.format(name=name))
        losses[name] = TaskTrainer(read_task(tmp_path / f"{name}.toml")).run().fit
    print(
        f"R C times {factor:.3f}: "
        + ", ".join(f"{name} {fit.losses[0]:.3e} -> {fit.best:.3e}" for name, fit in losses.items())
    )
    assert losses["after"].best < 0.5 * losses["before"].best
