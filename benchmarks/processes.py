"""Cases in processes of their own: `python -m benchmarks.PART arguments` prints what it finds."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax

import physsim


def started(
    part: str, *arguments: object, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """A process that runs a case of the part."""
    command = [sys.executable, "-m", f"benchmarks.{part}", *map(str, arguments)]
    env = os.environ | (env or {})
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def found(process: subprocess.Popen[str]) -> Any:
    """What it tells, once it has ended. `CalledProcessError` where it failed."""
    output, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return json.loads(output.splitlines()[-1])


def alone(part: str, *arguments: object) -> Any:
    """What a case finds in a process of its own."""
    return found(started(part, *arguments))


def tell(case: Callable[..., Any], *arguments: Any) -> None:
    """What such a process does: print, as its last line, what the case finds."""
    physsim.tune_cpu()
    jax.config.update("jax_enable_x64", True)
    print(json.dumps(case(*arguments)))
