"""What the processes of one run must have in common."""

import hashlib
from collections.abc import Mapping

import numpy as np


def check_agreement(what: Mapping[str, object], advice: str) -> None:
    """`ValueError` that names what is not the same on all processes.

    Every process has to ask, once JAX has started. `advice` says what to do about it.
    """
    import jax  # noqa: PLC0415
    from jax.experimental.multihost_utils import process_allgather  # noqa: PLC0415

    if jax.process_count() == 1:
        return
    digests = [hashlib.sha256(repr(value).encode()).digest() for value in what.values()]
    table = np.frombuffer(b"".join(digests), np.uint8).reshape(len(what), -1)
    same = (process_allgather(table) == table).all(axis=(0, 2))
    different = [name for name, one in zip(what, same, strict=True) if not one]
    if different:
        raise ValueError(f"{', '.join(different)} differs between processes: {advice}")
