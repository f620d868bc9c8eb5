"""The same loops in C, compiled where they are measured."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import physsim

from .systems import System

FLAGS = ("-O3", "-march=native")
_BLOCK = 64


@functools.cache
def library(dtype=np.float64) -> ctypes.CDLL:
    """The compiled reference for one type of numbers."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise RuntimeError("the benchmarks compare with C and need gcc: apt-get install gcc")
    folder = Path(tempfile.mkdtemp())
    target = folder / "reference.so"
    real = "double" if np.dtype(dtype).itemsize == 8 else "float"
    source = Path(__file__).with_name("reference.c")
    command = [compiler, *FLAGS, f"-DREAL={real}", "-shared", "-fPIC", str(source), "-o"]
    subprocess.run([*command, str(target), "-lm"], check=True)
    return ctypes.CDLL(str(target))


def substeps(solver, dt: float, dtype) -> tuple[np.ndarray, np.ndarray]:
    """What the C code wants of a splitting: which flows, how long."""
    sequence = solver.tableau.substeps
    flow = np.array([s.flow is physsim.Flow.KICK for s in sequence], np.int32)
    return flow, np.array([s.length * dt for s in sequence], dtype)


class Reference:
    """One run, ready to go: `run(steps)` returns the final q, p and leaves the start alone."""

    def __init__(self, system: System, solver, dt: float, dtype=np.float64):
        self._system, self._dtype = system, dtype
        self._flow, self._length = substeps(solver, dt, dtype)
        self._inverse_mass = self._array(1 / system.arrays["m"])

    def _array(self, x):
        return np.ascontiguousarray(x, self._dtype)

    def run(self, steps: int):
        """One sample."""
        q, p = self._array(self._system.q).copy(), self._array(self._system.p).copy()
        if "edges" in self._system.arrays:
            self._graph(steps, q, p)
        else:
            self._call("chain", len(q), steps, *self._method(), *self._chain(), q, p)
        return q, p

    def run_batch(self, steps: int, q: np.ndarray, p: np.ndarray):
        """[B, n] samples, in blocks of 64 on the trailing axis."""
        n = q.shape[1]
        blocked = [
            np.ascontiguousarray(self._array(x).reshape(-1, _BLOCK, n).swapaxes(1, 2))
            for x in (q, p)
        ]
        count = len(blocked[0])
        self._call("chain_blocks", count, n, steps, *self._method(), *self._chain(), *blocked)
        return tuple(x.swapaxes(1, 2).reshape(-1, n) for x in blocked)

    def _method(self):
        return ctypes.c_int(len(self._flow)), self._flow, self._length

    @functools.cached_property
    def _coupling(self):
        return self._array(np.pad(self._system.arrays["coupling"], 1))

    def _chain(self):
        arrays = self._system.arrays
        springs = self._array(arrays["k"]), self._array(arrays["beta"])
        return self._inverse_mass, *springs, self._coupling

    def _graph(self, steps, q, p):
        arrays = self._system.arrays
        ends = np.ascontiguousarray(arrays["edges"], np.int32)
        critical = self._array(arrays["critical"])
        sizes = len(q), len(ends), steps
        self._call("graph", *sizes, *self._method(), self._inverse_mass, critical, ends, q, p)

    def _call(self, name, *arguments):
        def plain(x):
            if isinstance(x, np.ndarray):
                return ctypes.c_void_p(x.ctypes.data)
            return ctypes.c_ssize_t(x) if isinstance(x, int) else x

        getattr(library(self._dtype), name)(*(plain(x) for x in arguments))
