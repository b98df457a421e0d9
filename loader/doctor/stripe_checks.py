"""Checks of the key and of Stripe: who answers, who the key is, what it may read, what time it is.

Only GET requests, a handful of them.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from socket import gaierror
from urllib.parse import urlsplit

import stripe

from loader.doctor.finding import Finding, ok, problem, warning
from loader.doctor.stripe_probe import TIMEOUT_SECONDS, Answer, StripeProbe
from loader.settings import STRIPE_API, Mode, Settings
from loader.stripe_api.client import StripeAccess
from loader.times import span

# What a sync reads of the platform, and of each connected account.
PLATFORM_READS = {
    "/v1/account": "the account object",
    "/v1/accounts": "the connected accounts",
    "/v1/payouts": "payouts",
    "/v1/balance_transactions": "balance transactions",
    "/v1/balance": "the balance",
}
CONNECTED_READS = ("/v1/payouts", "/v1/balance_transactions", "/v1/balance")

# What a server of events reads too, of each of them.
EVENT_READS = {"/v1/events": "events"}

# The rows of the Dashboard's page for a restricted key (https://docs.stripe.com/keys).
DASHBOARD_LABELS = {
    "rak_balance_read": "Balance",
    "rak_balance_transaction_source_read": "Balance Transaction Sources",
    "rak_connected_account_read": "Connected accounts",
    "rak_event_read": "Events",
    "rak_payout_read": "Payouts",
}

# Ages and arrivals are reckoned in days: minutes do not matter, a wrong day does.
CLOCK_TOLERANCE = timedelta(minutes=5)

# A revoked account may still be listed for a while; one of so many will answer.
CONNECTED_TRIED = 10


class StripeChecks:
    """The checks in order; `platform_id` is known once the key was accepted."""

    def __init__(self, settings: Settings) -> None:
        self.platform_id: str | None = None
        self._settings = settings
        self._base = settings.stripe_api_base

    def run(self) -> Iterator[Finding]:
        """Yield what is found; what can't be looked at any more is said."""
        key = self._settings.stripe_api_key
        if key is None:
            yield ok(
                "Key",
                "none is set: a run uses the bundled sandbox, made-up data. To reconcile your own "
                "platform, put STRIPE_API_KEY into .env (see .env.example).",
            )
            return
        yield from self._destination()
        probe = StripeProbe(StripeAccess(key.get_secret_value(), self._base))
        first = probe.get("/v1/account")
        reached = self._reach(probe, first)
        yield reached
        if not first.is_from_stripe:
            yield warning("Permissions", "not checked, because Stripe could not be asked.")
            return
        yield self._clock(first)
        if first.error is not None and not isinstance(first.error, stripe.PermissionError):
            yield self._refused(probe, first.error)
            yield warning("Permissions", "not checked, because the key was not accepted.")
            return
        yield self._accepted(first)
        yield from self._permissions(probe, first)

    def _destination(self) -> Iterator[Finding]:
        """Say where the key goes, if that is not Stripe."""
        if self._base == STRIPE_API:
            return
        mode = self._settings.mode
        said = f"the {mode.value} key is sent to {self._base}, not to Stripe."
        advice = "If that is not a local Stripe of yours, unset STRIPE_API_BASE."
        yield warning("Address", said, advice)

    def _reach(self, probe: StripeProbe, answer: Answer) -> Finding:
        if answer.is_from_stripe:
            return ok("Stripe", f"{self._base} answers, the first time in {answer.seconds:.2f} s.")
        if answer.error is None or answer.error.http_status is not None:
            status = answer.error.http_status if answer.error else HTTPStatus.OK
            return problem(
                "Stripe",
                f"something answers at {self._base}, but not as Stripe does (HTTP {status}).",
                "Check STRIPE_API_BASE and any proxy on the way.",
            )
        found, advice = _why_unreachable(answer.error, urlsplit(self._base).hostname or "")
        return problem("Stripe", probe.quoted(f"{self._base} can't be reached: {found}"), advice)

    def _clock(self, answer: Answer) -> Finding:
        offset = answer.clock_offset
        if offset is None:
            return warning("Clock", "not compared: the answer does not tell the time.")
        if abs(offset) <= CLOCK_TOLERANCE:
            return ok("Clock", f"within {span(CLOCK_TOLERANCE)} of {self._base}.")
        where = "behind" if offset > timedelta(0) else "ahead of"
        return warning(
            "Clock",
            f"this machine is {span(abs(offset))} {where} {self._base}.",
            "Set the clock (turn on network time): what is due and overdue depends on it.",
        )

    def _refused(self, probe: StripeProbe, error: stripe.StripeError) -> Finding:
        if not isinstance(error, stripe.AuthenticationError):
            said = probe.quoted(error.user_message or str(error))
            return problem("Key", f"not tried. Stripe says: {said}", "Try again later.")
        return problem(
            "Key",
            f"not accepted. Stripe says: {probe.quoted(error.user_message or str(error))}",
            "Copy the key again from https://dashboard.stripe.com/apikeys; if it was rolled or "
            "has expired, make a new one.",
        )

    def _accepted(self, answer: Answer) -> Finding:
        mode = self._settings.mode
        kind = "a restricted key" if _is_restricted(self._settings) else "an unrestricted key"
        account = answer.data.get("id") if isinstance(answer.data, dict) else None
        if isinstance(account, str):
            self.platform_id = account
        whose = f" of platform account {account}" if account else ""
        said = f"accepted: {kind} for {mode.value} data{whose}."
        if mode is Mode.LIVE and not _is_restricted(self._settings):
            return warning(
                "Key", said, "Tieout only reads: a restricted key with read permissions is safer."
            )
        return ok("Key", said)

    def _permissions(self, probe: StripeProbe, account: Answer) -> Iterator[Finding]:
        for path, what in (PLATFORM_READS | self._event_reads).items():
            answer = account if path == "/v1/account" else probe.get(path, None, **_one_row(path))
            yield _permission(probe, answer, f"{what} of the platform", is_connected=False)
        yield from self._connected_permissions(probe)

    @property
    def _event_reads(self) -> dict[str, str]:
        """What is read where events are received."""
        return EVENT_READS if self._settings.webhook_secrets else {}

    def _connected_permissions(self, probe: StripeProbe) -> Iterator[Finding]:
        listed = probe.get("/v1/accounts", limit=CONNECTED_TRIED)
        ids = [row["id"] for row in listed.rows if isinstance(row.get("id"), str)]
        if listed.error is not None:
            yield warning(
                "Permissions", "not checked for connected accounts, because they can't be listed."
            )
            return
        for account_id in ids:
            first = probe.get(CONNECTED_READS[0], account_id, limit=1)
            if not _is_revoked(first):
                break
        else:
            said = "none is connected" if not ids else "the key has no access to any of the first"
            yield ok("Permissions", f"not checked for connected accounts: {said}.")
            return
        for path in (*CONNECTED_READS, *self._event_reads):
            answer = probe.get(path, account_id, **_one_row(path))
            what = f"{(PLATFORM_READS | EVENT_READS)[path]} of connected account {account_id}"
            yield _permission(probe, answer, what, is_connected=True)


def _permission(probe: StripeProbe, answer: Answer, what: str, *, is_connected: bool) -> Finding:
    subject, error = "Permissions", answer.error
    if error is None:
        if answer.is_from_stripe:
            return ok(subject, f"may read {what}.")
        return problem(subject, f"{what}: not the answer that Stripe documents.", "Try again.")
    said = probe.quoted(error.user_message or str(error))
    missing = missing_permissions(said) if isinstance(error, stripe.PermissionError) else []
    if not missing:
        return problem(subject, f"{what}: {said}", "If it stays, ask Stripe support.")
    names = ", ".join(missing)
    column = "Connect permissions" if is_connected else "permissions"
    rows = ", ".join(f'"{label}"' for label in dashboard_labels(said, missing))
    rows = f" for {rows}" if rows else ""
    return problem(
        subject,
        f"may not read {what}: the key lacks {names}.",
        f"Edit the key at https://dashboard.stripe.com/apikeys: Read{rows}, column {column}.",
    )


def missing_permissions(said: str) -> list[str]:
    """Answer the permissions that a refusal of Stripe names, such as `rak_payout_read`."""
    return list(dict.fromkeys(re.findall(r"'([a-z_]+_(?:read|write))'", said)))


def dashboard_labels(said: str, permissions: list[str]) -> list[str]:
    """Answer how the Dashboard calls permissions: as known, or as the refusal itself says."""
    known = [DASHBOARD_LABELS[name] for name in permissions if name in DASHBOARD_LABELS]
    return known or re.findall(r'Enabling "([^"]+?)(?: Read)?"', said)


def _why_unreachable(error: stripe.StripeError, host: str) -> tuple[str, str]:
    """Say at which step a connection failed, from the error at the bottom of it."""
    causes = list(_causes(error))
    network = "Check the network, a VPN or proxy, and STRIPE_API_BASE."
    for cause in causes:
        if isinstance(cause, gaierror):
            return f"the name {host} can't be resolved.", network
        if isinstance(cause, ssl.SSLError):
            return (
                f"TLS failed: {cause.reason or cause}. {getattr(cause, 'verify_message', '')}",
                "Check this machine's clock, and whether a proxy opens the connection.",
            )
        if isinstance(cause, ConnectionRefusedError):
            return "the connection is refused: nothing listens there.", network
        if "Timeout" in type(cause).__name__:
            return f"no answer within {TIMEOUT_SECONDS:.0f} s.", network
    return f"{causes[-1] or type(causes[-1]).__name__}.", network


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _one_row(path: str) -> dict[str, int]:
    return {} if path in {"/v1/account", "/v1/balance"} else {"limit": 1}


def _is_revoked(answer: Answer) -> bool:
    details = answer.error.error if answer.error else None
    return details is not None and details.code == "account_invalid"


def _is_restricted(settings: Settings) -> bool:
    key = settings.stripe_api_key
    return key is not None and key.get_secret_value().startswith("rk_")
