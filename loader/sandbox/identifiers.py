"""Ids that look like Stripe's, never repeat, and depend only on the order in which they are given.

Stripe's ids carry the account's tag in their middle; here it keeps two accounts' ids apart.
"""

import hashlib

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)
_LENGTH = 8
_SPACE: int = _BASE**_LENGTH
#: Odd and not a multiple of 31, so that multiplying by it permutes the numbers below 62^8.
_STRIDE = 91_390_682_331_481
_HALF: int = _BASE**4
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]


def tag(*parts: object, length: int = 8) -> str:
    """Return a stable tag of letters and digits for what the parts name."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return "".join(_DIGITS[byte % _BASE] for byte in digest[:length])


class IdSequence:
    """Gives one account's ids in order: the same sequence gives the same ids."""

    def __init__(self, owner_tag: str) -> None:
        self._owner_tag = owner_tag
        self._count = 0

    def next(self, prefix: str) -> str:
        """Return a new id, like `txn_1Qx…`."""
        self._count += 1
        return f"{prefix}_1{self._owner_tag}{_scrambled(self._count)}"


def _scrambled(number: int) -> str:
    """Write a number as eight characters, so that neighbours do not look alike."""
    high, low = divmod(number * _STRIDE % _SPACE, _HALF)
    first, second = divmod(high, len(_PAIRS))
    third, fourth = divmod(low, len(_PAIRS))
    return _PAIRS[first] + _PAIRS[second] + _PAIRS[third] + _PAIRS[fourth]
