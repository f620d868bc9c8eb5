"""Starting a command as one of several processes, on JAX's own runtime."""

import json
import os
import socket
import sys
import threading
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from ._digest import digest_of_netlist
from ._files import console

_PANEL = "Several hosts"
Coordinator = Annotated[
    str | None,
    typer.Option(
        help="HOST:PORT of process 0; or auto, as SLURM, Open MPI and others say.",
        rich_help_panel=_PANEL,
    ),
]
Hosts = Annotated[
    int | None, typer.Option(min=1, help="How many processes there are.", rich_help_panel=_PANEL)
]
ProcessId = Annotated[
    int | None, typer.Option(min=0, help="Which of them this is, from 0.", rich_help_panel=_PANEL)
]
Wait = Annotated[
    float, typer.Option(min=1, help="For the others, at the start, in s.", rich_help_panel=_PANEL)
]
WAIT = 60.0
_LOST = 30
"""Seconds without a sign of life after which JAX takes a process for lost."""
_PARTING = 3.0
"""Seconds that an error waits for the same one on the others."""
_OWN = ("coordinator", "hosts", "process_id", "wait", "out")
_PACKAGES = ("physsim-echo", "jax", "jaxlib", "equinox", "optax", "numpy")


def join(options: dict[str, Any]) -> Any:
    """The devices of all processes as a mesh, None for one; `options` are the command's, by name.

    Raises `ValueError` for options that do not fit, and where the processes differ in versions,
    devices or options; `ConnectionError` where one does not say them. Where they do not come
    together within the limit, this ends the process.
    """
    from physsim import sharding

    coordinator, hosts, process_id, wait = (options[name] for name in _OWN[:4])
    if coordinator is None:
        if hosts is not None or process_id is not None:
            raise ValueError("--hosts and --process-id need --coordinator HOST:PORT")
        return sharding.all_devices()
    _connect(coordinator, hosts, process_id, wait)
    _compare(_told(options), wait)
    console.quiet = not is_first()
    return sharding.all_devices()


def check_circuit(circuit) -> None:
    """`ValueError` where the processes were given different circuits."""
    tolerances = repr(circuit.netlist.tolerances)
    told = {"the netlist": (digest_of_netlist(circuit.netlist), tolerances)}
    check_same(told, "give all processes the same file")


def check_same(what: dict[str, Any], advice: str) -> None:
    """`ValueError` that names what the processes have read otherwise."""
    from physsim import hosts

    hosts.check_agreement(what, advice)


def part() -> None:
    """Let the others end for their own reason: JAX kills them once the coordinator is gone."""
    import jax
    from jax._src import distributed

    client: Any = distributed.global_state.client
    # Who waits for this process's share of a sum does not come, nor who is lost.
    with suppress(jax.errors.JaxRuntimeError):
        client.wait_at_barrier("physsim/part", int(1000 * _PARTING))


def is_first() -> bool:
    """Whether this process writes the results."""
    import jax

    return jax.process_index() == 0


def _connect(coordinator, hosts, process_id, wait) -> None:
    import jax

    if coordinator == "auto":
        if (hosts, process_id) != (None, None):
            raise ValueError("--coordinator auto finds --hosts and --process-id: leave them out")
        coordinator, who = None, "a process"
    else:
        _check(coordinator, hosts, process_id)
        who = f"process {process_id} of {hosts}"
    reason = (
        f"error: {who} was not joined by the others within {wait:g} s. Are all started, does "
        f"process 0 run where --coordinator {coordinator or 'auto'} says, and does the network let "
        "it through? --wait waits longer\n"
    )
    # JAX would end the process as well, but without a reason that helps.
    limit = threading.Timer(wait, lambda: (sys.stderr.write(reason), os._exit(2)))
    limit.daemon = True
    limit.start()
    try:
        jax.distributed.initialize(
            coordinator, hosts, process_id,
            initialization_timeout=int(wait) + _LOST, heartbeat_timeout_seconds=_LOST,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"--coordinator auto: the environment names no cluster: {error}") from None
    except RuntimeError as error:
        raise ConnectionError(f"--coordinator {coordinator}: {error}") from None
    finally:
        limit.cancel()
    sys.stderr.write(
        f"process {jax.process_index()} of {jax.process_count()}: where one is lost, the others "
        f"end within about {2 * _LOST} s\n"
    )


def _check(coordinator: str, hosts: int | None, process_id: int | None) -> None:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"--coordinator {coordinator}: expected HOST:PORT, or auto")
    if hosts is None or process_id is None:
        raise ValueError(f"--coordinator {coordinator} needs --hosts and --process-id")
    if process_id >= hosts:
        raise ValueError(f"--process-id {process_id}: of {hosts} hosts the last is {hosts - 1}")
    if process_id == 0:
        # JAX crashes where the port is taken.
        try:
            socket.create_server(("", int(port))).close()
        except (OSError, OverflowError) as error:
            raise ConnectionError(f"--coordinator {coordinator}: {error}; choose a port") from None


def _told(options: dict[str, Any]) -> dict[str, str]:
    """What has to be the same on all; what files hold is compared once they are read."""
    import jax

    own = {f"--{k.replace('_', '-')}": v for k, v in options.items() if k not in _OWN}
    return {
        **{name: version(name) for name in _PACKAGES},
        "the number of devices": str(jax.local_device_count()),
        "the kind of device": jax.devices()[0].device_kind,
        **{name: str(v) for name, v in own.items() if not isinstance(v, Path)},
    }


def _compare(own: dict[str, str], wait: float) -> None:
    """`ValueError` that names what another process says otherwise.

    Through the coordinator's store of keys, since other versions may not understand each
    other's collectives.
    """
    import jax
    from jax._src import distributed

    client: Any = distributed.global_state.client
    client.key_value_set(f"physsim/{jax.process_index()}", json.dumps(own))
    for process in range(jax.process_count()):
        try:
            text = client.blocking_key_value_get(f"physsim/{process}", int(1000 * wait))
        except jax.errors.JaxRuntimeError as error:
            raise ConnectionError(f"process {process} is silent: {error}") from None
        theirs = json.loads(text)
        for name in own | theirs:
            a, b = own.get(name), theirs.get(name)
            if a != b:
                raise ValueError(
                    f"{name} is {a} on process {jax.process_index()} and {b} on process {process}: "
                    "it has to be the same on all"
                )
