"""Stripe's error answers (docs.stripe.com/api/errors, docs.stripe.com/error-codes)."""

from collections.abc import Mapping

_KIND = "invalid_request_error"
_PREFIXES = ("sk_test_", "rk_test_", "sk_live_", "rk_live_")


class StripeError(Exception):
    """An answer that is not the one hoped for."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = _KIND,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.headers = dict(headers or {})

    def body(self) -> dict[str, dict[str, str]]:
        """Return the JSON body; keys without a value are left out, as Stripe does."""
        error = {"code": self.code, "message": self.message, "param": self.param, "type": self.kind}
        if self.code is not None:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        return {"error": {name: value for name, value in error.items() if value is not None}}


def masked(key: str) -> str:
    """Write a key as Stripe's messages do: what kind it is, and its last four characters."""
    prefix = next((prefix for prefix in _PREFIXES if key.startswith(prefix)), "")
    return f"{prefix}***{key[-4:]}"


def no_key() -> StripeError:
    """No key was sent."""
    return StripeError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    )


def wrong_key(key: str) -> StripeError:
    """The key is not known."""
    return StripeError(401, f"Invalid API Key provided: {masked(key)}")


def no_access(key: str, account_id: str) -> StripeError:
    """The account is unknown, of another mode, or has revoked the platform's access."""
    return StripeError(
        403,
        f"The provided key '{masked(key)}' does not have access to account '{account_id}' "
        "(or that account does not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def no_permission(key: str, account_id: str, permission: str) -> StripeError:
    """The restricted key may not read this kind of object on this account."""
    name = permission.removeprefix("rak_").removesuffix("_read").replace("_", " ").title()
    return StripeError(
        403,
        f"Permission denied. The provided key '{masked(key)}' does not have the required "
        f"permissions for this endpoint on account '{account_id}'. Enabling \"{name} Read\" "
        f"('{permission}') permissions on this key would allow this request to continue.",
        code="more_permissions_required",
    )


def unknown_url(method: str, path: str) -> StripeError:
    """No such endpoint, or not with this method."""
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove "
        "the trailing slash. If you are trying to retrieve an object, make sure you passed a valid "
        "(non-empty) identifier in your code. Please see https://stripe.com/docs or we can help "
        "at https://support.stripe.com/.",
    )


def unknown_parameter(name: str) -> StripeError:
    """A parameter this endpoint does not have."""
    return StripeError(
        400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name
    )


def not_found(kind: str, object_id: str, param: str, *, status: int) -> StripeError:
    """No such object: 404 where the path names it, 400 where a parameter does."""
    return StripeError(
        status, f"No such {kind}: '{object_id}'", code="resource_missing", param=param
    )


def not_an_integer(text: str, param: str) -> StripeError:
    """A number was expected."""
    return StripeError(
        400, f"Invalid integer: {text}", code="parameter_invalid_integer", param=param
    )


def out_of_range(value: int, bound: int, comparison: str, param: str) -> StripeError:
    """A number lies outside of what the parameter allows."""
    return StripeError(
        400,
        f"This value must be {comparison} than or equal to {bound} (it currently is '{value}').",
        code="parameter_invalid_integer",
        param=param,
    )


def not_automatic() -> StripeError:
    """`?payout=` names a manual or instant payout."""
    return StripeError(
        400,
        "Balance transaction history can only be filtered on automatic transfers, not manual.",
    )


def exclusive(first: str, second: str) -> StripeError:
    """Two parameters that cannot go together."""
    return StripeError(
        400,
        f"You may only specify one of these parameters: {first}, {second}.",
        code="parameters_exclusive",
        param=second,
    )


def not_expandable(path: str) -> StripeError:
    """Nothing stands behind this field."""
    return StripeError(400, f"This property cannot be expanded ({path}).", param="expand")


def rate_limited(reason: str) -> StripeError:
    """Too many requests; Stripe names the limiter and no time to wait (docs /rate-limits)."""
    return StripeError(
        429,
        "Request rate limit exceeded. Learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        headers={"Stripe-Rate-Limited-Reason": reason},
    )


def lock_timeout() -> StripeError:
    """Another request holds the object; the one 429 Stripe asks to retry."""
    return StripeError(
        429,
        "This object cannot be accessed right now because another API request or Stripe process "
        "is currently accessing it.",
        code="lock_timeout",
        headers={"Stripe-Should-Retry": "true"},
    )


def server_error(status: int) -> StripeError:
    """Something went wrong on Stripe's end."""
    return StripeError(
        status,
        "An unknown error occurred. Please try again.",
        kind="api_error",
    )
