"""The HTTP face of the sandbox: keys, accounts, errors and headers as Stripe's API has them."""

import base64
import binascii
import itertools
from collections.abc import Iterator

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from loader.sandbox.api import Api, Call, Route, resolve
from loader.sandbox.http_faults import DroppedConnectionError, FaultyWire, RateLimiter
from loader.sandbox.identifiers import tag
from loader.sandbox.options import RESTRICTED_KEY, SECRET_KEY, SandboxOptions
from loader.sandbox.request_record import PATH as RECORD_PATH
from loader.sandbox.request_record import RequestRecord
from loader.sandbox.sandbox import open_sandbox
from loader.sandbox.stripe_errors import (
    StripeError,
    no_access,
    no_key,
    no_permission,
    unknown_url,
    wrong_key,
)
from loader.sandbox.stripe_objects import API_VERSION, Json


class StripeServer:
    """An ASGI application that answers as `api.stripe.com` does."""

    def __init__(self, api: Api, options: SandboxOptions) -> None:
        self._api = api
        self._permissions = frozenset(options.restricted_key_permissions)
        self._limiter = RateLimiter(options.requests_per_second)
        self._wire = FaultyWire(options.seed, options.fault_rate, options.latency_ms)
        self._requests: Iterator[int] = itertools.count(1)
        self._seed = options.seed
        self._record = RequestRecord()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if _path(request) == RECORD_PATH:
            await self._answer_about_requests(request)(scope, receive, send)
            return
        came = self._record.came(self._endpoint(request))
        try:
            spoil = await self._wire.cross()
            status, content, headers = 200, self.answer(request), {}
        except DroppedConnectionError:
            self._record.broke(came)
            await _drop(send)
            return
        except StripeError as error:
            spoil = None
            status, content, headers = error.status, error.body(), error.headers
        body = orjson.dumps(content, option=orjson.OPT_INDENT_2)  # as Stripe writes it
        if spoil is None:
            self._record.left(came, status, _question(request))
        else:
            body = spoil(body)
            self._record.broke(came)
        response = Response(
            body,
            status_code=status,
            media_type="application/json",
            headers={**self._standing_headers(request), **headers},
        )
        await response(scope, receive, send)

    def _endpoint(self, request: Request) -> str:
        """Name what a request asks for, like `/v1/payouts/{id}`; what is unknown has one name."""
        path = _path(request)
        found = self._api.route(path)
        if found is None:
            return "unknown"
        return path.removesuffix(found[1]) + "{id}" if found[1] else path

    def _answer_about_requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._record = RequestRecord()
        return Response(orjson.dumps(self._record.render()), media_type="application/json")

    def answer(self, request: Request) -> Json:
        """Return the body of a successful answer, or raise the error Stripe would give."""
        key = _key_of(request)
        if key not in {SECRET_KEY, RESTRICTED_KEY}:
            raise wrong_key(key)
        path = _path(request)
        found = self._api.route(path)
        if found is None or request.method != "GET":
            raise unknown_url(request.method, path)
        route, object_id = found
        self._limiter.admit(path.removesuffix(object_id))
        return route.answer(self._api, self._call(request, route, object_id, key))

    def _call(self, request: Request, route: Route, object_id: str, key: str) -> Call:
        snapshot = self._api.snapshot
        account_id = request.headers.get("stripe-account") or snapshot.platform.account.id
        view = resolve(snapshot, key, account_id)
        if _path(request).startswith("/v1/accounts/"):
            if not view.account.is_platform and object_id != account_id:
                raise no_access(key, object_id)
            view = resolve(snapshot, key, object_id)
        refused = key == RESTRICTED_KEY and route.permission not in self._permissions
        if refused or view.is_denied:
            raise no_permission(key, view.account.id, route.permission)
        parameters = route.endpoint.read(request.query_params.multi_items())
        expands = (path.removeprefix("data.") for path in parameters.lists.get("expand", ()))
        return Call(view, parameters, object_id, frozenset(expands))

    def _standing_headers(self, request: Request) -> dict[str, str]:
        headers = {
            "Request-Id": f"req_{tag(self._seed, next(self._requests), length=14)}",
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        account_id = request.headers.get("stripe-account")
        if account_id:
            headers["Stripe-Account"] = account_id
        return headers


async def _drop(send: Send) -> None:
    """Promise a body and stop short, so that the client sees the connection break."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


def _path(request: Request) -> str:
    path: str = request.scope["path"]
    return path


def _question(request: Request) -> tuple[str | bytes, ...]:
    """Return what tells one question from another: whose, what, which part."""
    query: bytes = request.scope["query_string"]
    return request.headers.get("stripe-account", ""), _path(request), query


def _key_of(request: Request) -> str:
    """Return the key, sent as a bearer token or as the user of basic authentication."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            credentials = base64.b64decode(credentials).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            credentials = ""
    if not credentials.strip():
        raise no_key()
    return credentials.strip()


def make_api(options: SandboxOptions) -> Api:
    """Tell the story up to the as-of time and return what answers from it."""
    return Api(open_sandbox(options).snapshot)


def serve_api(api: Api, options: SandboxOptions) -> ASGIApp:
    """Return the server that shows it."""
    return StripeServer(api, options)
