"""Checks of what `TIEOUT_ENGINE=spark` needs: Java, the extra, and a lake of this platform."""

from __future__ import annotations

from collections.abc import Iterator

from loader.doctor.finding import Finding, ok, problem
from loader.lake import Lake
from loader.lake_files import shown
from loader.settings import Settings, SettingsError
from loader.spark.installed import require_spark


def check_spark(settings: Settings, platform_id: str | None) -> Iterator[Finding]:
    """Say whether Spark can begin here; the cluster itself is not asked."""
    try:
        require_spark()
        yield ok("Spark", f"installed; the models are built at {settings.spark_master}.")
    except SettingsError as error:
        yield problem("Spark", str(error), "Then try again.")
    lake = Lake(settings.lake)
    try:
        lake.refuse_another(platform_id, settings.mode)
        is_there = lake.exists
    except SettingsError as error:
        yield problem("Lake", str(error), "Then try again.")
        return
    yield ok(
        "Lake",
        f"{shown(lake.url)} holds this platform's data."
        if is_there
        else "none yet; the first run makes it.",
    )
