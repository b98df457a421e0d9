"""What the texts of a SWIFT statement say: subfields, code words, lines that were wrapped."""

from __future__ import annotations

import re

# Of a `:86:`, by SWIFT's rules.
_LONGEST_LINE = 65

_SUBFIELD = re.compile(r"\?(\d\d)")
_NAME_SUBFIELDS = ("32", "33")

_CODE_WORD = re.compile(r"/(EREF|REMI|NAME|ORDP|BENM|MARF|PREF)/")


def one_text(text: str) -> str:
    """Answer all text of a `:86:` as one; names that wrapped are whole again."""
    if not _SUBFIELD.search(text):
        return " ".join(_unbroken(text).split())
    subfields = _subfields(text)
    name = "".join(value for code, value in subfields if code in _NAME_SUBFIELDS)
    purpose = "".join(value for code, value in subfields if "20" <= code <= "29")
    more = "".join(value for code, value in subfields if "60" <= code <= "63")
    others = [
        value
        for code, value in subfields
        if code not in _NAME_SUBFIELDS and not "20" <= code <= "29" and not "60" <= code <= "63"
    ]
    return " ".join(" ".join(part for part in (purpose + more, name, *others) if part).split())


def _unbroken(text: str) -> str:
    """Answer lines as one text: a full line was cut anywhere, a shorter one where a word ends."""
    first, *others = text.split("\n")
    whole, last = first, first
    for line in others:
        whole += line if len(last) >= _LONGEST_LINE else f" {line}"
        last = line
    return whole


def counterparty_of(text: str) -> str | None:
    """Answer the name in the subfields of a `:86:`, whole; none if there are none."""
    names = (value for code, value in _subfields(text) if code in _NAME_SUBFIELDS)
    return said_or_none("".join(names))


def _subfields(text: str) -> list[tuple[str, str]]:
    pieces = _SUBFIELD.split(text.replace("\n", ""))
    return list(zip(pieces[1::2], pieces[2::2], strict=False))


def code_word(text: str, word: str) -> str | None:
    """Answer what follows a code word such as `/EREF/`, up to the next one."""
    _, found, rest = text.partition(f"/{word}/")
    value = _CODE_WORD.split(rest, maxsplit=1)[0].strip(" /") if found else ""
    return None if value.upper() == "NOTPROVIDED" else value or None


def said_or_none(text: object) -> str | None:
    """Answer a text without blanks around or between; none if it says nothing."""
    value = " ".join(str(text or "").split())
    return value or None
