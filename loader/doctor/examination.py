"""All checks in order; each goes on after another failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from loader.doctor.finding import Finding, problem
from loader.doctor.local_checks import (
    WarehouseChecks,
    check_folder,
    check_last_run,
    check_published,
    check_settings,
    runs_now,
)
from loader.doctor.spark_checks import check_spark
from loader.doctor.stripe_checks import StripeChecks
from loader.settings import Engine, Settings


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what the checks find, each as soon as it is known."""
    now = datetime.now(UTC)
    at_work = runs_now(settings)
    of_stripe = StripeChecks(settings)

    def of_warehouse() -> Iterator[Finding]:
        if settings.engine is Engine.SPARK:
            return check_spark(settings, of_stripe.platform_id)
        return WarehouseChecks(settings, of_stripe.platform_id, at_work).run()

    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "Settings": lambda: check_settings(settings, now),
        "Stripe": of_stripe.run,
        "Folder": lambda: check_folder(settings),
        "Warehouse": of_warehouse,
        "Published": lambda: [check_published(settings, now)],
        "Last run": lambda: check_last_run(settings.mode_dir, now, at_work=at_work),
    }
    for subject, check in checks.items():
        try:
            yield from check()
        except OSError as error:
            yield problem(subject, f"could not be looked at: {error}", "Mend that, then try again.")
