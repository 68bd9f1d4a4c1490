"""How a command ends: what it says, and of one that failed the exit code and the line that says why."""

from __future__ import annotations

import json
import re

import psycopg
import typer
from sqlalchemy.exc import DBAPIError

from chatapp_db.errors import (
    ChatAppDbError,
    EmbeddedServerError,
    InvalidValue,
    MigrationLockTimeout,
    MissingExtra,
    NotSupported,
    Unavailable,
    VectorStoreUnavailable,
)

__all__ = ["INTERRUPTED", "REFUSED", "USAGE", "exit_code", "line", "say"]

REFUSED = 1
USAGE = 2
INTERRUPTED = 130

_CODES: tuple[tuple[type[ChatAppDbError], int], ...] = (
    (InvalidValue, USAGE),
    (MissingExtra, USAGE),
    (NotSupported, USAGE),
    (MigrationLockTimeout, 4),
    (Unavailable, 3),
    (VectorStoreUnavailable, 3),
    (EmbeddedServerError, 3),
)

_FAILED = "failed: "

# Up to the last @ of a word: a password may hold one that is not encoded.
_SECRETS = ((re.compile(r"://\S*@"), "://***@"), (re.compile(r"(password=)[^\s&'\"]*"), r"\1***"))


def exit_code(error: ChatAppDbError) -> int:
    """Give the exit code that stands for an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), REFUSED)


def line(error: Exception | str) -> str:
    """Say an error in one line, without the password of a URL that it may quote.

    Where no connection came about, the server's own reason is added: it says most.
    """
    reason = _reason(error.__cause__) if isinstance(error, Unavailable) else None
    text = " ".join((f"{error}: {reason}" if reason else str(error)).split())
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _reason(cause: BaseException | None) -> str | None:
    """Give the driver's reason why it could not connect; it has read no row that it could quote."""
    if isinstance(cause, DBAPIError) and cause.orig is not None:
        cause = cause.orig
    if not isinstance(cause, psycopg.OperationalError) or cause.sqlstate is not None:
        return None
    lines = str(cause).splitlines()
    telling = [text for text in lines if _FAILED in text] or lines[:1]
    return telling[-1].rpartition(_FAILED)[2].removeprefix("FATAL:") if telling else None


def say(words: object, facts: object, as_json: bool) -> None:
    """Print the outcome for people, or for a program."""
    typer.echo(json.dumps(facts, default=str) if as_json else words)
