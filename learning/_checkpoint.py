"""Checkpoints that survive a crash at any moment.

A file is one line, `physsim checkpoint <version> <sha256 of the rest>`, one line of JSON (what the
checkpoint belongs to, names of the arrays), and an npz archive of the arrays, without pickle.
"""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import jax
import numpy as np
from jaxtyping import PyTree

_MAGIC = b"physsim checkpoint"
_VERSION = 1


class CheckpointError(ValueError):
    """A checkpoint that can't be used; says which file and why."""


@final
@dataclass(frozen=True)
class Checkpoint:
    """Where a training keeps its state, how often, and whether it starts from there.

    `path` is written every `every` updates and at the end; the one before is kept beside it as
    `<path>.previous`. `belongs_to` names what the training is made of (say, hashes of files):
    with `resume`, a checkpoint of anything else is refused, and `advice` says what to do then.
    """

    path: Path
    every: int = 50
    resume: bool = False
    belongs_to: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""

    def __post_init__(self):
        if self.every < 1:
            raise ValueError(f"a checkpoint every {self.every} updates: it must be at least 1")

    @property
    def previous(self) -> Path:
        return self.path.with_name(self.path.name + ".previous")

    def claim(self, overwrite: bool = False) -> "Checkpoint":
        """Itself, where its place holds no other training's state, or one to `overwrite`.

        The same training done again comes to the same results, and may replace them. Raises
        `CheckpointError` where the place is another training's.
        """
        if self.resume or overwrite or not self.path.exists():
            return self
        theirs = _owner(self.path)
        changed = [] if theirs is None else _different(theirs, dict(self.belongs_to))
        if changed:
            raise CheckpointError(
                f"{self.path} is of another training ({', '.join(changed)} changed since), whose "
                "results this one would replace: choose another folder (--out), or --overwrite"
            )
        return self

    def save(self, state: PyTree) -> None:
        """Replace the checkpoint in one step; the former one becomes the previous."""
        content = _encode(state, dict(self.belongs_to))
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if self.path.exists():
            os.replace(self.path, self.previous)
        os.replace(temporary, self.path)
        _sync_folder(self.path.parent)

    def load(self, like: PyTree) -> tuple[PyTree | None, str]:
        """(the state kept, a sentence on where it comes from); None where nothing is kept.

        `like` is a state of the same training: its structure, shapes and dtypes. A file that
        is damaged gives way to the previous one, where there is one. Raises `CheckpointError`.
        """
        found = [path for path in (self.path, self.previous) if path.exists()]
        if not found:
            return None, f"{self.path}: no checkpoint yet, so training starts anew"
        belongs_to, reasons = dict(self.belongs_to), []
        for path in found:
            try:
                return _decode(path, like, belongs_to, self.advice), "; ".join(
                    [*reasons, f"resumed {path}"]
                )
            except _Damaged as error:
                reasons.append(str(error))
        raise CheckpointError("; ".join(reasons) + ": delete it to start anew")


class _Damaged(CheckpointError):
    """Content that is not what was written, for which the previous checkpoint stands in."""


def _encode(state, belongs_to) -> bytes:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    archive = io.BytesIO()
    np.savez(archive, *leaves, allow_pickle=False)
    body = json.dumps({"belongs_to": belongs_to}).encode() + b"\n" + archive.getvalue()
    head = b"%s %d %s\n" % (_MAGIC, _VERSION, hashlib.sha256(body).hexdigest().encode())
    return head + body


def _decode(path: Path, like, belongs_to: dict[str, str], advice: str):
    theirs, archive = _opened(path)
    _check_owner(path, theirs, belongs_to, advice)
    with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
        leaves = [arrays[f"arr_{i}"] for i in range(len(arrays.files))]
    return _fitted(path, leaves, like)


def _owner(path: Path) -> dict[str, str] | None:
    """What the checkpoint belongs to; None where it is damaged, or no checkpoint."""
    try:
        return _opened(path)[0]
    except _Damaged:
        return None


def _opened(path: Path) -> tuple[dict[str, str], bytes]:
    """(what it belongs to, the archive of the arrays)."""
    head, _, body = path.read_bytes().partition(b"\n")
    version, _, digest = head.removeprefix(_MAGIC + b" ").partition(b" ")
    if not (head.startswith(_MAGIC) and version.isdigit()):
        raise _Damaged(f"{path} is damaged or no checkpoint: its first line is not ours")
    if int(version) != _VERSION:
        raise CheckpointError(
            f"{path} has version {int(version)} of the format, this program reads {_VERSION}: "
            "finish with the program that wrote it, or delete it to start anew"
        )
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise _Damaged(f"{path} is damaged or cut short: its content doesn't match its checksum")
    manifest, _, archive = body.partition(b"\n")
    return json.loads(manifest)["belongs_to"], archive


def _check_owner(path, theirs: dict[str, str], ours: dict[str, str], advice: str) -> None:
    different = _different(theirs, ours)
    if different:
        raise CheckpointError(
            f"{path} belongs to another training: {', '.join(different)} changed since; restore "
            "what it was, or start anew without resuming" + (advice and f". {advice}")
        )


def _different(theirs: dict[str, str], ours: dict[str, str]) -> list[str]:
    return [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]


def _fitted(path, leaves: list[np.ndarray], like):
    """The leaves as a tree like `like`; axes that grow with training may differ."""
    expected, structure = jax.tree.flatten(like)
    fits = len(leaves) == len(expected) and all(
        x.dtype == np.asarray(y).dtype and x.ndim == np.ndim(y)
        for x, y in zip(leaves, expected, strict=True)
    )
    if not fits:
        raise CheckpointError(
            f"{path} holds the state of another training: its arrays differ in number, kind or "
            "dimensions; start anew without resuming"
        )
    restored: list[Any] = [
        x if isinstance(y, np.ndarray | np.generic | int | float) else jax.numpy.asarray(x)
        for x, y in zip(leaves, expected, strict=True)
    ]
    return jax.tree.unflatten(structure, restored)


def _sync_folder(folder: Path) -> None:
    """Have the folder's entries on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
