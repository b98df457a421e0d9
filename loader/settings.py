"""The settings of a run: the only module that reads the environment.

`.env.example` lists every name. A wrong value is a `SettingsError`: a sentence that says what is
wrong and what to do, and exit code 2.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, date, datetime, time
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

STRIPE_API = "https://api.stripe.com"

# The documented limits, requests a second (https://docs.stripe.com/rate-limits).
LIVE_REQUESTS_PER_SECOND = 100.0
TEST_REQUESTS_PER_SECOND = 25.0


class SettingsError(Exception):
    """A setting is wrong; the message says which, and what to do."""


class Mode(StrEnum):
    """Which Stripe a run talks to; each mode has its own folder and warehouse."""

    SANDBOX = "sandbox"
    TEST = "test"
    LIVE = "live"


def _as_instant(value: object) -> object:
    """Read a bare date as the end of that day, UTC: as of 31 January includes 31 January."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = date.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(23, 59, 59), tzinfo=UTC)
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).replace(microsecond=0)
    return value


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Engine(StrEnum):
    """What the models are built with, and where the raw tables lie."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class Settings(BaseSettings):
    """Every setting of a run, read once from the environment and `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    stripe_api_key: SecretStr | None = Field(None, validation_alias="STRIPE_API_KEY")
    stripe_api_base: str = Field(STRIPE_API, validation_alias="STRIPE_API_BASE")
    data_dir: Path = Field(Path("data"), validation_alias="TIEOUT_DATA_DIR")
    bank_dir_set: Path | None = Field(None, validation_alias="TIEOUT_BANK_DIR")
    bank_grace_days: int = Field(5, ge=0, le=60, validation_alias="TIEOUT_BANK_GRACE_DAYS")
    bank_days_before: int = Field(3, ge=0, le=60, validation_alias="TIEOUT_BANK_DAYS_BEFORE")
    bank_days_after: int = Field(10, ge=0, le=60, validation_alias="TIEOUT_BANK_DAYS_AFTER")
    start_date: date | None = Field(None, validation_alias="TIEOUT_START_DATE")
    as_of: Annotated[datetime, BeforeValidator(_as_instant)] = Field(
        default_factory=_now, validation_alias="TIEOUT_AS_OF"
    )
    engine: Engine = Field(Engine.DUCKDB, validation_alias="TIEOUT_ENGINE")
    lake_set: str | None = Field(None, validation_alias="TIEOUT_LAKE")
    spark_master: str = Field("local[*]", validation_alias="TIEOUT_SPARK_MASTER")
    requests_per_second: float | None = Field(
        None, ge=0, allow_inf_nan=False, validation_alias="TIEOUT_REQUESTS_PER_SECOND"
    )

    webhook_secrets_set: SecretStr | None = Field(None, validation_alias="STRIPE_WEBHOOK_SECRETS")
    webhook_host: str = Field("127.0.0.1", validation_alias="TIEOUT_WEBHOOK_HOST")
    webhook_port: int = Field(8787, ge=0, le=65_535, validation_alias="TIEOUT_WEBHOOK_PORT")
    webhook_debounce_seconds: float = Field(
        60, ge=0, le=3600, validation_alias="TIEOUT_WEBHOOK_DEBOUNCE_SECONDS"
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take an empty variable for none; it hides one in `.env`."""
        return {name: value for name, value in values.items() if value != ""}

    @field_validator("stripe_api_key")
    @classmethod
    def _known_kind_of_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            _mode_of(key)
        return key

    @field_validator("stripe_api_base")
    @classmethod
    def _web_address(cls, base: str) -> str:
        parts = urlsplit(base)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"'{base}' is not an http(s) address")
        return base.rstrip("/")

    @model_validator(mode="after")
    def _key_goes_where_it_may(self) -> Settings:
        elsewhere = self.stripe_api_base != STRIPE_API
        if self.stripe_api_key is None and elsewhere:
            raise ValueError(
                "STRIPE_API_BASE is set but STRIPE_API_KEY is not: set a key, or unset "
                "STRIPE_API_BASE to run on the bundled sandbox"
            )
        if self.mode is Mode.LIVE and elsewhere and not _is_loopback(self.stripe_api_base):
            raise ValueError(
                f"a live key is sent to {STRIPE_API} or to this machine only, not to "
                f"{self.stripe_api_base}: unset STRIPE_API_BASE"
            )
        return self

    @field_validator("webhook_secrets_set")
    @classmethod
    def _signing_secrets(cls, secrets: SecretStr | None) -> SecretStr | None:
        if secrets is not None and not all(s.startswith("whsec_") for s in _listed(secrets)):
            raise ValueError(
                "not signing secrets: each starts with whsec_, and a comma stands between two "
                "(https://dashboard.stripe.com/webhooks)"
            )
        return secrets

    @field_validator("bank_dir_set")
    @classmethod
    def _is_folder(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_dir():
            raise ValueError(f"{path} is no folder: make it, or unset TIEOUT_BANK_DIR")
        return path

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Settings:
        if self.start_date is not None and self.start_date > self.as_of.date():
            raise ValueError(
                f"TIEOUT_START_DATE {self.start_date} lies after today ({self.as_of.date()}, or "
                "TIEOUT_AS_OF): nothing would be read"
            )
        return self

    @property
    def mode(self) -> Mode:
        """The mode that the key stands for; `sandbox` without a key."""
        return Mode.SANDBOX if self.stripe_api_key is None else _mode_of(self.stripe_api_key)

    @property
    def mode_dir(self) -> Path:
        """The folder of everything this mode keeps."""
        return self.data_dir.absolute() / self.mode.value

    @property
    def warehouse_path(self) -> Path:
        """The private DuckDB file: raw tables, models, test failures; of Spark, what it built."""
        is_spark = self.engine is Engine.SPARK
        return self.mode_dir / ("spark.duckdb" if is_spark else "warehouse.duckdb")

    @property
    def published_path(self) -> Path:
        """The DuckDB file for BI tools: schema `finance` only."""
        return self.mode_dir / "reconciliation.duckdb"

    @property
    def bank_dir(self) -> Path:
        """The folder of bank statements."""
        return (self.bank_dir_set or self.mode_dir / "bank").absolute()

    @property
    def lake(self) -> str:
        """The folder or URL of the lake's parquet files, used where the engine is Spark.

        A folder is absolute: dlt and Spark would each take a relative one from somewhere else.
        """
        lake = self.lake_set or str(self.mode_dir / "lake")
        return lake if "://" in lake else str(Path(lake).expanduser().absolute())

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """The signing secrets of the webhook endpoints; several while one is rolled."""
        set_ = self.webhook_secrets_set
        return () if set_ is None else tuple(SecretStr(secret) for secret in _listed(set_))

    @property
    def start_epoch(self) -> int | None:
        """`TIEOUT_START_DATE` at midnight UTC, in seconds since 1970; none is all history."""
        if self.start_date is None:
            return None
        return int(datetime.combine(self.start_date, time(), tzinfo=UTC).timestamp())

    @property
    def request_rate(self) -> float:
        """Requests a second that a run may send in all; 0 is unpaced."""
        if self.requests_per_second is not None:
            return self.requests_per_second
        limits = {
            Mode.SANDBOX: 0.0,  # our own process: nothing to be sparing of
            Mode.TEST: TEST_REQUESTS_PER_SECOND,
            Mode.LIVE: LIVE_REQUESTS_PER_SECOND,
        }
        return limits[self.mode]


def _listed(secrets: SecretStr) -> list[str]:
    parts = (part.strip() for part in secrets.get_secret_value().split(","))
    return [part for part in parts if part]


def _mode_of(key: SecretStr) -> Mode:
    prefixes = {"sk_test_": Mode.TEST, "rk_test_": Mode.TEST, "sk_live_": Mode.LIVE}
    prefixes["rk_live_"] = Mode.LIVE
    mode = next((m for p, m in prefixes.items() if key.get_secret_value().startswith(p)), None)
    if mode is None:
        raise ValueError(
            "not a secret or restricted key: it should start with sk_test_, rk_test_, sk_live_ "
            "or rk_live_ (https://dashboard.stripe.com/apikeys)"
        )
    return mode


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - values of any field
    """Read the settings; raise `SettingsError` with one line for each wrong value.

    Values never appear in the message where they could be a secret.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_sentence(item) for item in error.errors(include_input=False, include_url=False)]
        raise SettingsError("\n".join(lines)) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise SettingsError(f".env can't be read: {reason}") from None


def _sentence(item: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    name = ".".join(str(part) for part in item["loc"])
    reason = str(item["msg"]).removeprefix("Value error, ")
    return f"{name}: {reason}" if name else reason


def silence_telemetry() -> None:
    """Tell dlt, dbt and stripe not to report home; call before they are imported."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    os.environ["DO_NOT_TRACK"] = "1"
    # What dlt logs as an error it raises too, and that is told in a sentence, without a trace.
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
