"""Opens statement files as text in whichever encoding a bank used."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from loader.bank_formats.statement import UnreadableStatementError

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CHUNK = 1 << 20

# Every byte has a meaning in it: what is no UTF-8 is read as Windows has it, else as ISO 8859-1.
_FALLBACKS = ("cp1252", "latin-1")


@contextmanager
def opened(path: Path, encoding: str | None = None) -> Iterator[TextIO]:
    """Open a file as text, with `\\n` at the end of lines.

    Raises:
        UnreadableStatementError: it is not in the encoding that was asked for, or no text at all.
    """
    chosen = encoding or _encoding_of(path)
    try:
        with path.open(encoding=chosen, newline=None) as file:
            yield file
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableStatementError(f"it is no text in {chosen}: {error}") from None


def beginning(path: Path, size: int = 4_096) -> str:
    """Answer the first characters of a file, as far as they can be read."""
    with path.open("rb") as file:
        raw = file.read(size)
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding, errors="replace")
    return raw.decode("utf-8", errors="replace")


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    for encoding in ("utf-8", *_FALLBACKS):
        if _decodes(path, encoding):
            return encoding
    raise AssertionError("latin-1 decodes everything")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise UnreadableStatementError("it holds NUL bytes: it is no text")
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
