"""Reads a query string as Stripe does: bracketed names, ranges, cursors, nothing unknown."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from loader.sandbox.snapshot import Listed, Window
from loader.sandbox.stripe_errors import (
    StripeError,
    exclusive,
    not_an_integer,
    not_expandable,
    not_found,
    out_of_range,
    unknown_parameter,
)

MOST_PER_PAGE = 100
DEFAULT_PER_PAGE = 10
_PAGING = ("limit", "starting_after", "ending_before")
_BOUNDS = ("gt", "gte", "lt", "lte")


@dataclass(frozen=True)
class Range:
    """Bounds of a time, both included; None where there is none."""

    low: int | None = None
    high: int | None = None

    def holds(self, value: int) -> bool:
        """Whether a time lies within."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass
class Parameters:
    """The parameters of one request, checked against what the endpoint knows."""

    texts: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, Range] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return a plain parameter."""
        return self.texts.get(name)

    def range(self, name: str) -> Range:
        """Return a range, unbounded when it was not sent."""
        return self.ranges.get(name, Range())

    def flag(self, name: str) -> bool | None:
        """Return a boolean parameter."""
        text = self.texts.get(name)
        if text is None:
            return None
        if text not in {"true", "false"}:
            raise StripeError(400, f"Invalid boolean: {text}", param=name)
        return text == "true"

    def window(self, kind: str, find: Callable[[str], Listed | None]) -> Window:
        """Return which part of a list is asked for; `find` resolves a cursor."""
        after, before = self.text("starting_after"), self.text("ending_before")
        if after is not None and before is not None:
            raise exclusive("starting_after", "ending_before")
        created = self.range("created")
        return Window(
            limit=self._limit(),
            created_from=created.low,
            created_to=created.high,
            after=_cursor(kind, "starting_after", after, find),
            before=_cursor(kind, "ending_before", before, find),
        )

    def _limit(self) -> int:
        limit = _integer(self.texts.get("limit", str(DEFAULT_PER_PAGE)), "limit")
        if limit < 1:
            raise out_of_range(limit, 1, "greater", "limit")
        if limit > MOST_PER_PAGE:
            raise out_of_range(limit, MOST_PER_PAGE, "less", "limit")
        return limit


@dataclass(frozen=True)
class Endpoint:
    """What an endpoint's query may hold."""

    texts: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    is_list: bool = False
    expandable: tuple[str, ...] = ()
    """Fields of its objects that `expand` may name; a list's are named `data.…`."""

    def read(self, query: Iterable[tuple[str, str]]) -> Parameters:
        """Return the parameters, or refuse them."""
        parameters = Parameters()
        bounds: dict[str, dict[str, int]] = {}
        for name, value in query:
            self._take(parameters, bounds, name, value)
        for base, limits in bounds.items():
            parameters.ranges[base] = _range(limits)
        prefix = "data." if self.is_list else ""
        for path in parameters.lists.get("expand", []):
            if path not in {prefix + name for name in self.expandable}:
                raise not_expandable(path)
        return parameters

    def _take(
        self, into: Parameters, bounds: dict[str, dict[str, int]], name: str, value: str
    ) -> None:
        base, _, rest = name.partition("[")
        key = rest.removesuffix("]")
        if base in self.ranges and not rest:
            moment = _integer(value, base)
            into.ranges[base] = Range(moment, moment)
        elif base in self.ranges and key in _BOUNDS:
            bounds.setdefault(base, {})[key] = _integer(value, name)
        elif rest and (base == "expand" or base in self.lists) and (not key or key.isdigit()):
            into.lists.setdefault(base, []).append(value)
        elif not rest and (name in self.texts or (self.is_list and name in _PAGING)):
            into.texts[name] = value
        else:
            raise unknown_parameter(name)


def _range(limits: Mapping[str, int]) -> Range:
    lows = [limits[name] + (name == "gt") for name in ("gt", "gte") if name in limits]
    highs = [limits[name] - (name == "lt") for name in ("lt", "lte") if name in limits]
    return Range(max(lows, default=None), min(highs, default=None))


def _integer(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise not_an_integer(text, name) from None


def _cursor(
    kind: str, name: str, object_id: str | None, find: Callable[[str], Listed | None]
) -> Listed | None:
    if object_id is None:
        return None
    found = find(object_id)
    if found is None:
        raise not_found(kind, object_id, name, status=400)
    return found
