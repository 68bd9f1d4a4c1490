"""Where a database is, in whichever form a service wrote it down.

A password never leaves this module but inside the returned URL: no error repeats any part of its
input, and no error keeps the parser's own message, which may quote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable
from urllib.parse import unquote

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from chatapp_db.errors import InvalidValue

__all__ = ["DRIVER", "SecretLike", "engine_url"]

DRIVER = "postgresql+psycopg"

_OURS = {DRIVER, "postgresql+psycopg_async", "postgresql", "postgres"}
_LIBPQ = ("postgresql://", "postgres://")


@runtime_checkable
class SecretLike(Protocol):
    """A value that shows itself only when asked, such as pydantic's ``SecretStr``."""

    def get_secret_value(self) -> str:
        """Return the value itself."""
        ...


def engine_url(url: str | URL | SecretLike) -> URL:
    """Return the SQLAlchemy URL of a database, for psycopg 3.

    A URL without a driver (``postgresql://``, ``postgres://``) is libpq's and read by libpq, so that
    several hosts, a socket folder and percent-encoding mean what they mean to ``psql``.

    Raises InvalidValue for anything else, and for a URL of another driver.
    """
    if isinstance(url, URL):
        return _for_psycopg(url)
    text = url.get_secret_value() if isinstance(url, SecretLike) else url
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue("url", f"a URL is wanted, not {type(text).__name__}")
    text = text.strip()
    if text.startswith(_LIBPQ):
        return _from_libpq(text)
    return _for_psycopg(_parsed(text))


def _parsed(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        pass  # raised below: an error raised in here would carry the text as its context
    raise InvalidValue("url", "this is not a database URL")


def _from_libpq(text: str) -> URL:
    parts = _libpq_parts(text)
    if parts is None:
        raise InvalidValue("url", "libpq cannot read this URL (is the password percent-encoded?)")
    host, port = parts.pop("host", None), parts.pop("port", None)
    if host and ("," in host or host.startswith(("/", "@"))):
        parts["host"], host = host, None
        if port:
            parts["port"], port = port, None
    return URL.create(
        DRIVER,
        username=parts.pop("user", None),
        password=parts.pop("password", None),
        host=host,
        port=int(port) if port else None,
        database=parts.pop("dbname", None),
        query=parts,
    )


def _libpq_parts(text: str) -> dict[str, str] | None:
    try:
        return {key: str(value) for key, value in conninfo_to_dict(text).items() if value is not None}
    except ProgrammingError:
        return None


def _for_psycopg(url: URL) -> URL:
    if url.drivername not in _OURS:
        raise InvalidValue("url", f"the driver has to be psycopg 3 ({DRIVER}://), not {url.drivername}")
    query: Mapping[str, tuple[str, ...] | str] = url.query
    password = query.get("password")
    if isinstance(password, str):
        url = url.set(password=password).difference_update_query(["password"])
    if url.host and "%" in url.host:
        url = url.set(host=unquote(url.host))
    return url.set(drivername=DRIVER)
