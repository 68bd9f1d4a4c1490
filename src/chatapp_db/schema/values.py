"""Which values the database can hold, told before they are sent.

Each check gives the value back, in its one form where it has several; a refusal is a ValueError
that does not repeat the value.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import zoneinfo
from math import isfinite
from typing import cast

MAX_JSON_DEPTH = 32
MAX_JSON_VALUES = 100_000

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


def storable_json(value: object) -> object:
    """Refuse what is not JSON, or what JSON would lose on its way: NaN, tuples, keys that are no text."""
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
        case float() if not isfinite(item):
            raise ValueError("not a finite number")
        case int() if not -(2**63) <= item < 2**63:
            raise ValueError("a whole number of more than 64 bits")
        case None | bool() | int() | float():
            pass
        case _:
            raise ValueError(f"not a JSON value: {type(item).__name__}")
    return []
