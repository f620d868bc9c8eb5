"""The XLA option that decides the speed of small problems on a CPU."""

import os
import warnings

from jax._src import xla_bridge

_OPTION = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000000"


def tune_cpu() -> None:
    """Have XLA compile whole time loops into one function on a CPU.

    Small systems then step several times faster. Works only before JAX starts its
    backend, that is before the first array; warns when it comes too late. The library
    never calls this on its own: the command line does.
    """
    if _OPTION in os.environ.get("XLA_FLAGS", ""):
        return
    if xla_bridge.backends_are_initialized():
        warnings.warn("tune_cpu() has no effect: JAX has already started", stacklevel=2)
        return
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_OPTION}".strip()
