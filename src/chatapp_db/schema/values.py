"""Which values the database can hold, told before they are sent.

Each check gives the value back, in its one form where it has several; a refusal is a ValueError
that does not repeat the value.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import zoneinfo
from datetime import UTC, datetime
from typing import cast

INT4_MAX = 2**31 - 1
MAX_JSON_DEPTH = 32
MAX_JSON_VALUES = 100_000

# No zone is a whole day from another, so that every session can read what lies between.
_FIRST_MOMENT = datetime(1, 1, 2, tzinfo=UTC)
_LAST_MOMENT = datetime(9999, 12, 30, tzinfo=UTC)
CURRENCY = "[A-Z]{3}"
SLUG = "[a-z0-9](-?[a-z0-9])*"
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def storable(text: str) -> str:
    """Refuse text that PostgreSQL cannot hold: a NUL, or half of a surrogate pair."""
    if "\0" in text:
        raise ValueError("contains a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains a lone surrogate") from None
    return text


def normal_email(text: str) -> str:
    """Bring an e-mail address to the form the CHECK of the tables asks for."""
    email = unicodedata.normalize("NFC", text).strip().lower()
    # Lower-casing can undo the composition.
    email = unicodedata.normalize("NFC", storable(email))
    if not _EMAIL.fullmatch(email):
        raise ValueError("not an e-mail address")
    return email


def url_name(text: str) -> str:
    """Refuse a name that would have to be written otherwise in a URL."""
    if not re.fullmatch(SLUG, text):
        raise ValueError("not lower-case letters and digits with single hyphens")
    return text


def currency_code(text: str) -> str:
    """Refuse what cannot be the code of a currency."""
    if not re.fullmatch(CURRENCY, text):
        raise ValueError("not three upper-case letters")
    return text


def known_ip_address(text: str) -> str:
    """Give the canonical form of an IP address."""
    try:
        return str(ipaddress.ip_address(storable(text)))
    except ValueError:
        raise ValueError("not an IP address") from None


def known_time_zone(text: str) -> str:
    """Refuse a time zone that does not exist: a roll-up would fail on it for every company.

    Where neither the system nor a package brings the list of zones, nothing can be refused.
    """
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        if zoneinfo.available_timezones():
            raise ValueError("not the IANA name of a time zone") from None
    return storable(text)


def readable_moment(moment: datetime) -> datetime:
    """Refuse a time without a zone, and one that can be written and then never be read again.

    The driver gives times in the session's zone, where the first and the last day that Python has can
    lie outside of its years.
    """
    if moment.utcoffset() is None:
        raise ValueError("not a datetime with a time zone")
    if not _FIRST_MOMENT <= moment <= _LAST_MOMENT:
        raise ValueError("not within the years 1 to 9999 in every time zone")
    return moment


def storable_json(value: object) -> object:
    """Refuse what is not JSON, or what JSON would lose on its way: NaN, tuples, keys that are no text.

    A number beyond 64 bits is refused as a float too: jsonb keeps its digits, so it would come back whole.
    """
    waiting: list[tuple[object, int]] = [(value, 1)]
    count = 0
    while waiting:
        item, depth = waiting.pop()
        count += 1
        if depth > MAX_JSON_DEPTH:
            raise ValueError(f"nested deeper than {MAX_JSON_DEPTH}")
        if count > MAX_JSON_VALUES:
            raise ValueError(f"more than {MAX_JSON_VALUES} values")
        waiting.extend((part, depth + 1) for part in _parts(item))
    return value


def _parts(item: object) -> list[object]:
    """Give what a JSON value is made of, once the value itself has been checked."""
    match item:
        case dict():
            members = cast("dict[object, object]", item)
            for key in members:
                if not isinstance(key, str):
                    raise ValueError("a key that is no text")
                storable(key)
            return list(members.values())
        case list():
            return list(cast("list[object]", item))
        case str():
            storable(item)
        case int() | float() if not -(2**63) <= item < 2**63:
            raise ValueError("not a finite number of at most 64 bits")
        case None | bool() | int() | float():
            pass
        case _:
            raise ValueError(f"not a JSON value: {type(item).__name__}")
    return []
