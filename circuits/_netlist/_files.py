"""Netlist files to text."""

from pathlib import Path

from .._errors import Location, NetlistError


def read_text(path: Path, name: str) -> str:
    """The text of the file at `path`, which errors call `name`.

    Raises `NetlistError` for a file that cannot be read, that is not UTF-8 or has NULs.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NetlistError(f"{name}: cannot read this file: {reason}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NetlistError(
            "this is not UTF-8 text; is it a netlist?", _place(content, error.start, name)
        ) from None
    refuse_nul(text, name)
    return text


def refuse_nul(text: str, name: str) -> None:
    """Raise `NetlistError` at the first NUL."""
    if "\0" in text:
        head = text[: text.index("\0")]
        line, column = head.count("\n") + 1, len(head) - head.rfind("\n")
        raise NetlistError(
            "there is a NUL character; is this a text file?", Location(name, line, column)
        )


def _place(content: bytes, offset: int, file: str) -> Location:
    head = content[:offset]
    return Location(file, head.count(b"\n") + 1, offset - head.rfind(b"\n"))
