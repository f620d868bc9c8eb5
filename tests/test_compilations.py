"""A first run waits for few programs to be compiled, and not for one of every operation."""

import jax
import pytest

import circuits

# Sizes that no other test has: what is compiled for them is not there yet.
DECK = """Nine sections and a pulse
V1 n0 0 PULSE(0 1 10n 5n 5n 31n)
R0 n0 n1 50
"""
SECTIONS = "".join(f"L{k} n{k} n{k + 1} 1u\nC{k} n{k + 1} 0 1n\n" for k in range(1, 10))


@pytest.fixture
def compiled():
    names = []

    def hear(event, duration_secs, **kwargs):
        if event.endswith("backend_compile_duration"):
            names.append(event)

    jax.monitoring.register_event_duration_secs_listener(hear)
    yield names
    jax.monitoring.unregister_event_duration_listener(hear)


def test_a_driven_run_with_its_plot_and_table(compiled, tmp_path):
    circuit = circuits.loads(DECK + SECTIONS + ".tran 1n 331n\n")
    result = circuit.simulate(progress=True)
    result.plot()
    result.save(tmp_path / "waves.csv")
    assert 5 < len(compiled) <= 33
