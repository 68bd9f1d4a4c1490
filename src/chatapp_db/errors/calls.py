"""What a call can be answered."""

from __future__ import annotations

from chatapp_db.errors.root import ChatAppDbError

__all__ = [
    "Conflict",
    "InvalidCursor",
    "InvalidReference",
    "InvalidValue",
    "LimitReached",
    "NotFound",
    "NotPermitted",
    "RowLevelSecurityRequired",
    "ScopeEnded",
    "ScopeInUse",
    "SerializationFailure",
    "StatementTimeout",
    "TransactionRolledBack",
    "Unavailable",
    "VersionConflict",
]


class NotFound(ChatAppDbError):
    """The company has no such row; whether another company has one is not said."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} not found")


class Conflict(ChatAppDbError):
    """A unique key is taken, or the row is still referred to."""

    def __init__(self, constraint: str, message: str | None = None) -> None:
        self.constraint = constraint
        super().__init__(message or f"the change conflicts with {constraint}")


class VersionConflict(Conflict):
    """The row was changed since it was read: read it again and decide anew."""

    def __init__(self, what: str, expected: int) -> None:
        self.expected = expected
        super().__init__("version", f"{what} is no longer at version {expected}")


class LimitReached(Conflict):
    """The plan includes no more, or the subscription is over; ``remaining`` is what it still includes."""

    def __init__(self, limit: str, remaining: int = 0, message: str | None = None) -> None:
        self.limit = limit
        self.remaining = remaining
        super().__init__(limit, message or f"the plan's limit {limit} is reached: {remaining} remaining")


class InvalidReference(ChatAppDbError):
    """The row refers to something that this company does not have."""

    def __init__(self, constraint: str) -> None:
        self.constraint = constraint
        super().__init__(f"a referenced row does not exist ({constraint})")


class InvalidValue(ChatAppDbError):
    """An argument is not what its column or parameter takes; nothing was sent."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class InvalidCursor(InvalidValue):
    """A page cursor is damaged, or belongs to another company, filter or order."""

    def __init__(self) -> None:
        super().__init__("cursor", "not a cursor of this list")


class NotPermitted(ChatAppDbError):
    """The role in force may not do this; a policy or a missing grant refused it."""


class RowLevelSecurityRequired(ChatAppDbError):
    """The login may not take the scopes' role and row-level security would not bind it."""


class Unavailable(ChatAppDbError):
    """The database cannot be reached, or gave the connection up; the outcome of a write is unknown."""

    retryable = True


class StatementTimeout(Unavailable):
    """The statement ran longer than allowed and was cancelled."""


class SerializationFailure(Unavailable):
    """Two transactions got in each other's way and this one was rolled back."""


class ScopeInUse(ChatAppDbError):
    """A scope is one transaction on one connection: one call at a time; open a scope per task."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class ScopeEnded(ChatAppDbError):
    """The scope is not open: use it inside its ``with`` block."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class TransactionRolledBack(ChatAppDbError):
    """A statement of the scope had failed before, so nothing of the scope was saved."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")
