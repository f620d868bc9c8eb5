"""Numerics for all tests: float64, strict dtypes and ranks, one compilation cache."""

import gc
import os
from pathlib import Path

# Loading from the compilation cache logs pages about features of the processor.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A stack trace with each operation, for profilers, takes a twentieth of the time.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

import physsim

physsim.tune_cpu()

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

import pytest  # noqa: E402

from .command import physsim as command  # noqa: E402

# Traces are made of millions of small objects that live long: collecting often only takes time.
# It is done after each file.
gc.set_threshold(100_000, 50, 100)

CACHE = Path(__file__).parent.parent / ".cache" / "jax"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


@pytest.fixture(scope="module", autouse=True)
def forget():
    """Programs compiled for one file are no use to the next, and add up to gigabytes."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs `physsim ...` in an empty folder; gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        code = command(*words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
