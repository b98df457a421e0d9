"""Whether what Spark needs is installed."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from loader.settings import SettingsError


def require_spark() -> None:
    """Refuse to begin without Java or Spark.

    Raises:
        SettingsError: one of them is not installed.
    """
    if shutil.which("java") is None:
        raise SettingsError(
            "TIEOUT_ENGINE=spark needs Java 17 or newer, and no `java` was found. Install it, or "
            "unset TIEOUT_ENGINE to work with DuckDB."
        )
    if find_spec("pyspark") is None:
        raise SettingsError(
            'TIEOUT_ENGINE=spark needs the extra: `pip install ".[spark]"`. Or unset TIEOUT_ENGINE '
            "to work with DuckDB."
        )
