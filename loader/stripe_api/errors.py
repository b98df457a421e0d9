"""What can go wrong while reading from Stripe, each with the account it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class StripeReadError(Exception):
    """Stripe could not be read; the message says which account, what, and what to do."""

    def __init__(
        self, message: str, *, account_id: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.account_id = account_id
        self.code = code


class KeyRefusedError(StripeReadError):
    """The key itself is not accepted (HTTP 401)."""


class AccessRevokedError(StripeReadError):
    """The key has no access to the account any more (HTTP 403 `account_invalid`)."""


class PermissionMissingError(StripeReadError):
    """A restricted key lacks a permission (HTTP 403)."""


class NotFoundError(StripeReadError):
    """Stripe knows no object of this id (HTTP 404 or `resource_missing`)."""


class RequestRefusedError(StripeReadError):
    """Stripe refuses the request as it stands (HTTP 400)."""


class UnreachableError(StripeReadError):
    """No whole answer after every retry: network, HTTP 429 or 5xx."""


class UnexpectedAnswerError(StripeReadError):
    """An answer that does not have the shape Stripe documents."""


@contextmanager
def gravest_of_group() -> Iterator[None]:
    """Raise one error in place of a group of them."""
    try:
        yield
    except ExceptionGroup as group:
        raise _gravest(group) from None


def _gravest(group: ExceptionGroup[Exception]) -> Exception:
    """Answer one error of a group: first what is no matter of one account, then a refused key."""
    errors: list[Exception] = []
    for error in group.exceptions:
        errors.append(_gravest(error) if isinstance(error, ExceptionGroup) else error)
    return min(
        errors, key=lambda e: (isinstance(e, StripeReadError), not isinstance(e, KeyRefusedError))
    )
