"""The files of a lake, wherever it lies: in a folder, or at a URL that fsspec knows."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import fsspec

from loader.settings import SettingsError


def lake_files(url: str) -> Any:  # noqa: ANN401 - fsspec is untyped
    """Answer the file system on which a lake lies.

    It remembers no listing: dlt and other machines write there too.

    Raises:
        SettingsError: no library here reaches it.
    """
    try:
        files, _ = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise SettingsError(f"TIEOUT_LAKE {shown(url)} can't be used: {error}") from None
    return files


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Tell in a sentence why a lake can't be reached: each library has exceptions of its own.

    Raises:
        SettingsError: it can't be.
    """
    try:
        yield
    except (OSError, SettingsError, duckdb.Error):
        raise
    except Exception as error:  # noqa: BLE001 - each library that fsspec uses has its own
        raise SettingsError(
            f"TIEOUT_LAKE {shown(url)} can't be reached: {type(error).__name__}: {error}"
        ) from None


def matching_paths(files: Any, folder: str, pattern: str) -> list[str]:  # noqa: ANN401 - fsspec is untyped
    """Answer the paths below a folder that a pattern fits, as the libraries read them."""
    paths: list[str] = files.glob(f"{glob.escape(folder)}/{pattern}")
    return sorted(path if is_local(files) else str(files.unstrip_protocol(path)) for path in paths)


def is_local(files: Any) -> bool:  # noqa: ANN401 - fsspec is untyped
    """Tell whether a file system is this machine's own, or a folder it shares with others."""
    return "file" in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,))


def shown(url: str) -> str:
    """Answer a lake's URL without the password that may stand in it."""
    return re.sub(r"://[^/@]*@", "://", url)
