"""The Stripe that a run reads: the user's own by its key, or the bundled sandbox without one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from loader.lake import Lake
from loader.raw_data import RawData
from loader.sandbox.bank.files import remove_bank_files
from loader.sandbox.clock import Clock
from loader.sandbox.options import Delivery, SandboxOptions
from loader.sandbox.process import SandboxProcess
from loader.sandbox.state import load_or_create, tell_through, told_through
from loader.settings import Engine, Mode, Settings, SettingsError
from loader.stripe_api.client import StripeAccess

# Seconds of the sandbox's story in each second, where it moves: a day in two minutes.
STORY_SPEED = 720.0

# So much of it may be sent before it is noted again how far it was told.
STORY_AHEAD = timedelta(seconds=30 * STORY_SPEED)


@dataclass(frozen=True)
class EventsSource:
    """The Stripe that events come from."""

    access: StripeAccess
    secrets: tuple[str, ...]
    now: Callable[[], datetime] | None = None
    """What "today" is there, if not now: the sandbox's story has a time of its own."""

    def __repr__(self) -> str:
        return f"EventsSource(access={self.access!r})"


class Origin:
    """Opens the Stripe of one mode; what was loaded of another story of the sandbox is removed."""

    def __init__(self, settings: Settings, raw: RawData) -> None:
        self._settings = settings
        self._raw = raw

    @contextmanager
    def stripe(self, *, broken: bool | None, writes_statements: bool) -> Iterator[StripeAccess]:
        """Answer where Stripe is.

        Args:
            broken: plant discrepancies in the sandbox; none leaves its story as it is.
            writes_statements: the sandbox writes its bank statements too, unless the user has a
                folder of their own.

        Raises:
            SettingsError: the sandbox was asked for what it can't do.
            SandboxStartError, SandboxStateError: it can't start.
        """
        settings, key = self._settings, self._settings.stripe_api_key
        if key is not None:
            if broken:
                raise SettingsError("--broken is for the sandbox: unset STRIPE_API_KEY")
            yield StripeAccess(key.get_secret_value(), settings.stripe_api_base)
            return
        writes_statements = writes_statements and not settings.bank_dir_set
        bank_dir = settings.bank_dir if writes_statements else None
        with SandboxProcess(self._sandbox_options(broken), bank_dir) as sandbox:
            yield StripeAccess(sandbox.api_key, sandbox.base_url)

    @contextmanager
    def of_events(
        self, webhook_url: str, alone: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[EventsSource]:
        """Answer the Stripe whose events come in; the bundled sandbox sends them itself.

        Args:
            webhook_url: where they come in.
            alone: keeps other runs out while the sandbox's story is begun.

        Raises:
            SettingsError: there is a key but no signing secret.
        """
        settings, key = self._settings, self._settings.stripe_api_key
        if settings.engine is Engine.SPARK:
            raise SettingsError(
                "TIEOUT_ENGINE=spark: each event would start Spark anew. Serve events with DuckDB, "
                "or schedule `tieout reconcile`."
            )
        if key is None:
            with alone():
                options = self._sandbox_options(broken=None)
            with self._moving_sandbox(options, webhook_url) as source:
                yield source
            return
        secrets = tuple(secret.get_secret_value() for secret in settings.webhook_secrets)
        if not secrets:
            raise SettingsError(
                "STRIPE_WEBHOOK_SECRETS: set the signing secret of each webhook endpoint, one for "
                "your own account and one for connected accounts, with a comma between. Both "
                "stand at https://dashboard.stripe.com/webhooks"
            )
        access = StripeAccess(key.get_secret_value(), settings.stripe_api_base)
        yield EventsSource(access, secrets)

    @contextmanager
    def _moving_sandbox(self, options: SandboxOptions, webhook_url: str) -> Iterator[EventsSource]:
        clock = Clock(self._settings.as_of, STORY_SPEED)
        delivery = Delivery(webhook_url, speed=STORY_SPEED)
        with SandboxProcess(options, delivery=delivery) as sandbox:

            def now() -> datetime:
                # Ahead of every event that may be sent until it is asked for again.
                at = clock.now() + STORY_AHEAD
                tell_through(self._settings.mode_dir, at)
                return at

            access = StripeAccess(sandbox.api_key, sandbox.base_url)
            yield EventsSource(access, (delivery.secret,), now)

    def _sandbox_options(self, broken: bool | None) -> SandboxOptions:
        settings = self._settings
        state = load_or_create(
            settings.mode_dir, settings.as_of, broken, before_another_story=self.forget_sandbox
        )
        if settings.as_of.date() < state.first_day:
            raise SettingsError(
                f"TIEOUT_AS_OF: the sandbox in {settings.mode_dir} begins on "
                f"{state.first_day}. Choose a later day, or delete that folder."
            )
        return SandboxOptions(
            first_day=state.first_day, as_of=settings.as_of, seed=state.seed, broken=state.broken
        )

    def forget_sandbox(self) -> None:
        """Throw away what was loaded from the sandbox's other story; it is made-up data.

        Raises:
            SettingsError: the lake holds other data.
        """
        mode_dir = self._settings.mode_dir
        if isinstance(self._raw, Lake):
            self._raw.refuse_another(None, self._settings.mode)
        for pattern in ("dlt*", "dbt*"):
            for folder in mode_dir.glob(pattern):
                shutil.rmtree(folder, ignore_errors=True)
        # The user's own statements stay.
        remove_bank_files(mode_dir / "bank")
        for path in mode_dir.glob("*.duckdb*"):
            if path.name.startswith(("warehouse.", "spark.")):
                path.unlink()
        if isinstance(self._raw, Lake):
            self._raw.forget()
        # What it says of the last whole run is of that story too.
        (mode_dir / "run.json").unlink(missing_ok=True)


def at_story_time(settings: Settings) -> Settings:
    """Answer the settings with "today" no earlier than the sandbox's story was told, unless set."""
    if settings.mode is not Mode.SANDBOX or "as_of" in settings.model_fields_set:
        return settings
    told = told_through(settings.mode_dir)
    if told is None or told <= settings.as_of:
        return settings
    return settings.model_copy(update={"as_of": told})
