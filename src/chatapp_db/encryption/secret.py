"""A secret in memory: it shows itself only when asked."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar, final

__all__ = ["Secret"]

T = TypeVar("T")


@final
class Secret(Generic[T]):
    """A value that no repr, log line or pickle shows; asked for as pydantic's ``SecretStr`` is.

    Two of them are never equal, since comparing a secret by ``==`` tells by its time how much was right.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def get_secret_value(self) -> T:
        """Give the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")
