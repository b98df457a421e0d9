"""Answers each endpoint from a snapshot. Knows parameters and objects, nothing of HTTP."""

import fnmatch
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from loader.sandbox import stripe_objects
from loader.sandbox.events import Event, events_of
from loader.sandbox.ledger import Account, BalanceTransaction, Payout
from loader.sandbox.parameters import Endpoint, Parameters
from loader.sandbox.snapshot import AccountView, Series, Snapshot, Window, is_listed
from loader.sandbox.stripe_errors import StripeError, exclusive, no_access, not_automatic, not_found
from loader.sandbox.stripe_objects import Json

_MOST_EVENT_TYPES = 20


@dataclass(frozen=True)
class Call:
    """One request, its account already resolved."""

    view: AccountView
    parameters: Parameters
    object_id: str
    """The id in the path; empty for lists."""
    expands: frozenset[str]
    """Fields to be answered as objects."""


@dataclass(frozen=True)
class Route:
    """One endpoint: what it takes, which permission it needs, and what answers it."""

    endpoint: Endpoint
    permission: str
    answer: Callable[["Api", Call], Json]


class Api:
    """The read side of Stripe over one snapshot, and over a later one once that is shown."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.undelivered: set[str] = set()
        """Events that no webhook has taken yet."""
        self.show(snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Answer from this snapshot from now on."""
        self.snapshot = snapshot
        now = snapshot.now
        self._accounts = Series(account for account in snapshot.accounts if is_listed(account, now))
        self._account_by_id = {account.id: account for account in self._accounts.items}
        self._balances: dict[str, Json] = {}
        self._events: dict[str, dict[str, Event]] = {}

    def route(self, path: str) -> tuple[Route, str] | None:
        """Return a path's endpoint and the id it names."""
        collection, _, object_id = path.removeprefix("/v1/").partition("/")
        route = _OBJECTS.get(collection) if object_id else _COLLECTIONS.get(collection)
        is_plain = path.startswith("/v1/") and "/" not in object_id and not path.endswith("/")
        if route is None or not is_plain:
            return None
        return route, object_id

    def own_account(self, call: Call) -> Json:
        """`GET /v1/account`."""
        return stripe_objects.account(call.view.account, self.snapshot.now)

    def accounts(self, call: Call) -> Json:
        """`GET /v1/accounts`; empty for one that is not a platform."""
        listed: Series[Account] = self._accounts if call.view.account.is_platform else Series(())
        known = self._account_by_id if call.view.account.is_platform else {}
        window = call.parameters.window("account", known.get)
        return self._page(
            "/v1/accounts",
            listed.page(window, None),
            lambda account: stripe_objects.account(account, self.snapshot.now),
        )

    def account(self, call: Call) -> Json:
        """`GET /v1/accounts/:id`; an account names itself, a platform any connected one."""
        return stripe_objects.account(call.view.account, self.snapshot.now)

    def balance(self, call: Call) -> Json:
        """`GET /v1/balance`."""
        account, now = call.view.account, self.snapshot.now
        if account.id not in self._balances:
            self._balances[account.id] = stripe_objects.balance(account, call.view.ledger(), now)
        return self._balances[account.id]

    def payouts(self, call: Call) -> Json:
        """`GET /v1/payouts`."""
        parameters, view = call.parameters, call.view
        window = parameters.window("payout", view.payouts.get)
        arrival = parameters.range("arrival_date")
        status, destination = parameters.text("status"), parameters.text("destination")

        def matches(payout: Payout) -> bool:
            return (
                arrival.holds(payout.arrival_date)
                and status in {None, payout.status_at(self.snapshot.now)}
                and destination in {None, payout.destination}
            )

        page = view.all_payouts().page(window, matches)
        return self._page("/v1/payouts", page, lambda payout: self._payout(call, payout))

    def payout(self, call: Call) -> Json:
        """`GET /v1/payouts/:id`."""
        found = call.view.payouts.get(call.object_id)
        if found is None:
            raise not_found("payout", call.object_id, "payout", status=404)
        return self._payout(call, found)

    def _payout(self, call: Call, payout: Payout) -> Json:
        rendered = stripe_objects.payout(payout, call.view.account, self.snapshot.now)
        for name in call.expands:
            row = call.view.transactions.get(rendered[name] or "")
            if row is not None:
                rendered[name] = stripe_objects.balance_transaction(row, self.snapshot.now)
        return rendered

    def balance_transactions(self, call: Call) -> Json:
        """`GET /v1/balance_transactions`, of the whole account or of one payout."""
        view = call.view
        rows, repeats = self._rows_asked_for(call)
        window = call.parameters.window("balance_transaction", view.find_row)
        matches = _row_filter(call.parameters)
        page = rows.page(window, matches)
        if repeats and isinstance(window.after, BalanceTransaction) and window.limit > 1:
            page = _repeat(rows, window, window.after, matches)
        return self._page("/v1/balance_transactions", page, self._balance_transaction)

    def _rows_asked_for(self, call: Call) -> tuple[Series[BalanceTransaction], bool]:
        """Return the rows to page through, and whether their list repeats ids (a planted fault)."""
        payout_id, source = call.parameters.text("payout"), call.parameters.text("source")
        view = call.view
        if payout_id is None:
            rows = view.all_transactions() if source is None else view.transactions_from(source)
            return rows, False
        payout = view.payouts.get(payout_id)
        if payout is None:
            raise not_found("payout", payout_id, "payout", status=400)
        if not payout.automatic:
            raise not_automatic()
        return view.transactions_of(payout), payout_id in view.lists_repeating_ids

    def balance_transaction(self, call: Call) -> Json:
        """`GET /v1/balance_transactions/:id`."""
        found = call.view.transactions.get(call.object_id)
        if found is None:
            raise not_found("balance transaction", call.object_id, "id", status=404)
        return self._balance_transaction(found)

    def _balance_transaction(self, row: BalanceTransaction) -> Json:
        return stripe_objects.balance_transaction(row, self.snapshot.now)

    def events(self, call: Call) -> Json:
        """`GET /v1/events`: the account's own, of the last 30 days."""
        events = self._events_of(call.view)
        window = call.parameters.window("event", events.get)
        names = _event_names(call.parameters)
        delivered = call.parameters.flag("delivery_success")

        def matches(event: Event) -> bool:
            return delivered in {None, event.delivered} and (
                not names or any(fnmatch.fnmatchcase(event.type, name) for name in names)
            )

        page = Series(events.values()).page(window, matches)
        return self._page("/v1/events", page, Event.render)

    def event(self, call: Call) -> Json:
        """`GET /v1/events/:id`."""
        found = self._events_of(call.view).get(call.object_id)
        if found is None:
            raise not_found("event", call.object_id, "id", status=404)
        return found.render()

    def _events_of(self, view: AccountView) -> dict[str, Event]:
        kept = self._events.get(view.account.id)
        if kept is None:
            kept = {
                event.id: replace(event, delivered=event.id not in self.undelivered)
                for event in events_of(view)
            }
            self._events[view.account.id] = kept
        return kept

    @staticmethod
    def _page(url: str, page: tuple[list[Any], bool], render: Callable[[Any], Json]) -> Json:
        items, has_more = page
        return stripe_objects.list_object(url, [render(item) for item in items], has_more)


def resolve(snapshot: Snapshot, key: str, account_id: str) -> AccountView:
    """Return the account a request is made on, if the platform has access to it."""
    view = snapshot.view(account_id)
    if view is None or not view.is_accessible:
        raise no_access(key, account_id)
    return view


def _row_filter(parameters: Parameters) -> Callable[[BalanceTransaction], bool] | None:
    wanted = {
        name: value
        for name in ("currency", "source", "type")
        if (value := parameters.text(name)) is not None
    }
    if not wanted:
        return None
    return lambda row: all(getattr(row, name) == value for name, value in wanted.items())


def _repeat(
    rows: Series[BalanceTransaction],
    window: Window,
    cursor: BalanceTransaction,
    matches: Callable[[BalanceTransaction], bool] | None,
) -> tuple[list[BalanceTransaction], bool]:
    """Begin a page with the row that ended the one before it."""
    shorter = Window(
        window.limit - 1, window.created_from, window.created_to, window.after, window.before
    )
    items, has_more = rows.page(shorter, matches)
    return [cursor, *items], has_more


def _event_names(parameters: Parameters) -> Iterable[str]:
    one, several = parameters.text("type"), parameters.lists.get("types", [])
    if one is not None and several:
        raise exclusive("type", "types")
    if len(several) > _MOST_EVENT_TYPES:
        raise StripeError(
            400, f"You may only specify up to {_MOST_EVENT_TYPES} types.", param="types"
        )
    return several if one is None else (one,)


_PAYOUT_ROWS = ("balance_transaction", "failure_balance_transaction")
_PAYOUT_READ = "rak_payout_read"
_ROW_READ = "rak_balance_transaction_source_read"
_ACCOUNT_READ = "rak_connected_account_read"
_EVENT_READ = "rak_event_read"

_COLLECTIONS = {
    "account": Route(Endpoint(), _ACCOUNT_READ, Api.own_account),
    "accounts": Route(Endpoint(ranges=("created",), is_list=True), _ACCOUNT_READ, Api.accounts),
    "balance": Route(Endpoint(), "rak_balance_read", Api.balance),
    "payouts": Route(
        Endpoint(
            texts=("destination", "status"),
            ranges=("arrival_date", "created"),
            is_list=True,
            expandable=_PAYOUT_ROWS,
        ),
        _PAYOUT_READ,
        Api.payouts,
    ),
    "balance_transactions": Route(
        Endpoint(texts=("currency", "payout", "source", "type"), ranges=("created",), is_list=True),
        _ROW_READ,
        Api.balance_transactions,
    ),
    "events": Route(
        Endpoint(
            texts=("delivery_success", "type"), ranges=("created",), lists=("types",), is_list=True
        ),
        _EVENT_READ,
        Api.events,
    ),
}

_OBJECTS = {
    "accounts": Route(Endpoint(), _ACCOUNT_READ, Api.account),
    "payouts": Route(Endpoint(expandable=_PAYOUT_ROWS), _PAYOUT_READ, Api.payout),
    "balance_transactions": Route(Endpoint(), _ROW_READ, Api.balance_transaction),
    "events": Route(Endpoint(), _EVENT_READ, Api.event),
}
