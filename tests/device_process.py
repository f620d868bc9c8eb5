"""A function of a test in a process of its own, with devices of its own.

python -m tests.device_process MODULE:FUNCTION RESULT [COORDINATOR HOSTS ID]
"""

import importlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def environment(devices: int) -> dict[str, str]:
    """That of a process with so many CPU devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}


def on_devices(function, folder: Path, devices: int) -> dict[str, np.ndarray]:
    """What function() of a test's module finds on so many devices."""
    path = folder / f"{function.__name__}_{devices}.npz"
    _finish([_start(function, path, devices)])
    return dict(np.load(path))


def on_hosts(function, folder: Path, hosts: int, port: int) -> list[dict[str, np.ndarray]]:
    """What it finds on each of several processes of one device, joined over loopback."""
    paths = [folder / f"{function.__name__}_host_{i}.npz" for i in range(hosts)]
    _finish([
        _start(function, path, 1, f"localhost:{port}", str(hosts), str(i))
        for i, path in enumerate(paths)
    ])  # fmt: skip
    return [dict(np.load(path)) for path in paths]


def _start(function, path, devices, *launch):
    name = f"{function.__module__}:{function.__name__}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.device_process", name, str(path), *launch],
        cwd=ROOT, env=environment(devices), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def _finish(processes) -> None:
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    codes = [process.returncode for process in processes]
    assert not any(codes), f"{codes}\n" + "\n".join(outputs)


def main(name: str, path: str, *launch: str) -> None:
    import jax

    from . import conftest  # noqa: F401

    if launch:
        coordinator, hosts, host = launch
        jax.distributed.initialize(coordinator, int(hosts), int(host), initialization_timeout=60)
    module, function = name.split(":")
    np.savez(path, **getattr(importlib.import_module(module), function)())


if __name__ == "__main__":
    main(*sys.argv[1:])
