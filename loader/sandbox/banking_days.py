"""Days as UTC epochs, and the days on which banks move money."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

HOUR = 3600
DAY = 24 * HOUR
_SATURDAY = 5


def midnight(day: date) -> int:
    """Return the UTC epoch at which a day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def day_of(epoch: int) -> date:
    """Return the UTC day of an epoch."""
    return datetime.fromtimestamp(epoch, UTC).date()


def is_banking_day(day: date) -> bool:
    """Whether banks work: weekends are known here, holidays are not."""
    return day.weekday() < _SATURDAY


def after_banking_days(day: date, count: int) -> date:
    """Return the day `count` banking days after `day`."""
    while count > 0:
        day += timedelta(days=1)
        if is_banking_day(day):
            count -= 1
    return day


def next_banking_day(day: date) -> date:
    """Return the day itself, or the Monday after a weekend."""
    while not is_banking_day(day):
        day += timedelta(days=1)
    return day


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield each day, both ends included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
