"""Publishes the `finance` tables to a lake as parquet, for engines that read it there.

    <lake>/published/<version>/<table>.parquet, <lake>/published/latest.json

A version is never changed. `latest.json` names the newest one, and is replaced last: a reader that
asks it first sees one run's tables, never a half. The version before it stays, for who reads it
just now.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from datetime import datetime
from pathlib import Path

import fsspec

from loader.duckdb_files import SCHEMA, finance_tables, literal, reading
from loader.lake import LATEST, PUBLISHED
from loader.lake_files import lake_files, reaching


def publish_to_lake(published_path: Path, lake_url: str, as_of: datetime) -> str:
    """Write a new version of every published table; answer its name.

    Args:
        published_path: the file that is published for BI tools.
        lake_url: the lake's folder or URL.
        as_of: the moment that "today" was.

    Raises:
        SettingsError: the lake can't be reached.
    """
    with reaching(lake_url):
        return _write_version(published_path, lake_url, as_of)


def _write_version(published_path: Path, lake_url: str, as_of: datetime) -> str:
    files = lake_files(lake_url)
    folder = f"{lake_url.rstrip('/')}/{PUBLISHED}"
    version = f"{as_of:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    before = _latest(files, folder)
    files.makedirs(f"{folder}/{version}", exist_ok=True)
    tables = []
    with tempfile.TemporaryDirectory() as scratch, reading(published_path) as connection:
        for table in finance_tables(connection):
            path = f"{scratch}/{table}.parquet"
            connection.execute(f"copy {SCHEMA}.{table} to {literal(path)} (format parquet)")
            files.put_file(path, f"{folder}/{version}/{table}.parquet")
            tables.append(table)
    latest = {"version": version, "as_of": as_of.isoformat(), "tables": tables}
    files.pipe_file(f"{folder}/{LATEST}.new", json.dumps(latest, indent=2).encode())
    files.mv(f"{folder}/{LATEST}.new", f"{folder}/{LATEST}")
    for old in files.ls(folder, detail=False):
        name = old.rstrip("/").rsplit("/", 1)[1]
        if name not in {LATEST, version, before}:
            files.rm(old, recursive=True)
    return version


def _latest(files: fsspec.AbstractFileSystem, folder: str) -> str | None:
    """Answer the name of the newest version; none if there is none."""
    try:
        name: str = json.loads(files.cat_file(f"{folder}/{LATEST}"))["version"]
    except FileNotFoundError:
        return None
    return name
