from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from loader.settings import Mode, Settings, SettingsError, load_settings

KEY = "sk_test_51AbCdSecret"


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        (None, Mode.SANDBOX),
        ("sk_test_1", Mode.TEST),
        ("rk_test_1", Mode.TEST),
        ("sk_live_1", Mode.LIVE),
        ("rk_live_1", Mode.LIVE),
    ],
)
def test_the_key_decides_the_mode_and_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str | None, mode: Mode
) -> None:
    if key:
        monkeypatch.setenv("STRIPE_API_KEY", key)
    monkeypatch.setenv("TIEOUT_DATA_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.mode is mode
    assert settings.warehouse_path == tmp_path / mode.value / "warehouse.duckdb"
    assert settings.published_path == tmp_path / mode.value / "reconciliation.duckdb"


def test_settings_come_from_a_dotenv_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"STRIPE_API_KEY={KEY}\nTIEOUT_START_DATE=2026-01-01\n")
    settings = load_settings()
    assert settings.mode is Mode.TEST
    assert settings.start_epoch == int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def test_an_empty_variable_is_no_setting_and_hides_one_in_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"STRIPE_API_KEY={KEY}\n")
    monkeypatch.setenv("STRIPE_API_KEY", "")
    monkeypatch.setenv("TIEOUT_AS_OF", "")
    assert load_settings().mode is Mode.SANDBOX


def test_the_key_never_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    settings = load_settings()
    assert KEY not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("key", ["pk_test_1", "whsec_1", "51AbCdSecret", "sk_prod_1"])
def test_another_kind_of_key_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", key)
    with pytest.raises(SettingsError, match="STRIPE_API_KEY: not a secret") as refusal:
        load_settings()
    assert key not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-01-31", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("20260131", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-01-31T08:00:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00:00+02:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
    ],
)
def test_as_of_is_a_day_or_an_instant_in_utc(
    monkeypatch: pytest.MonkeyPatch, value: str, instant: datetime
) -> None:
    monkeypatch.setenv("TIEOUT_AS_OF", value)
    assert load_settings().as_of == instant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIEOUT_AS_OF", "yesterday"),
        ("TIEOUT_AS_OF", "2026-02-30"),
        ("TIEOUT_START_DATE", "2026-13-01"),
        ("TIEOUT_START_DATE", "2962-01-01"),
        ("TIEOUT_REQUESTS_PER_SECOND", "-1"),
        ("TIEOUT_REQUESTS_PER_SECOND", "fast"),
        ("TIEOUT_REQUESTS_PER_SECOND", "inf"),
        ("STRIPE_API_BASE", "api.stripe.com"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_settings()


@pytest.mark.parametrize(
    "base", ["http://evil.example", "https://api.stripe.com.evil.example", "http://10.0.0.1"]
)
def test_a_live_key_goes_to_stripe_or_loopback_only(
    monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_1")
    monkeypatch.setenv("STRIPE_API_BASE", base)
    with pytest.raises(SettingsError, match="a live key is sent to"):
        load_settings()


@pytest.mark.parametrize(
    "base",
    ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://api.stripe.com/"],
)
def test_a_live_key_may_go_to_stripe_and_loopback(
    monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_1")
    monkeypatch.setenv("STRIPE_API_BASE", base)
    assert load_settings().mode is Mode.LIVE


def test_a_base_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="STRIPE_API_KEY is not"):
        load_settings()


@pytest.mark.parametrize(
    ("key", "asked", "rate"),
    [
        (None, None, 0),
        ("sk_test_1", None, 25),
        ("sk_live_1", None, 100),
        ("sk_live_1", "0", 0),
        ("sk_test_1", "7.5", 7.5),
    ],
)
def test_the_pace_is_stripes_limit_unless_told(
    monkeypatch: pytest.MonkeyPatch, key: str | None, asked: str | None, rate: float
) -> None:
    if key:
        monkeypatch.setenv("STRIPE_API_KEY", key)
    if asked:
        monkeypatch.setenv("TIEOUT_REQUESTS_PER_SECOND", asked)
    assert load_settings().request_rate == rate


def test_the_example_file_names_every_setting() -> None:
    example = (Path(__file__).parents[1] / ".env.example").read_text()
    names = [field.validation_alias for field in Settings.model_fields.values()]
    assert [name for name in names if f"{name}=" not in example] == []


def test_an_env_file_that_is_not_text_is_a_settings_error() -> None:
    Path(".env").write_bytes(b"STRIPE_API_KEY=\xff\xfe")
    with pytest.raises(SettingsError, match="not text in UTF-8"):
        load_settings()
