"""Where a vector store is: a URL read into what an engine needs to reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from chatapp_db.errors import InvalidValue

__all__ = ["Address"]

_PORTS: Final = {"qdrant": 6334, "http": 6333, "https": 6333}
_KNOWN: Final = (
    "memory://, edge:///folder, pgvector://host/database, qdrant://host:6334, https://host:6333,"
    " http://host:6333"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL with the key and the time limit that go with it.

    ``edge://`` has a path alone, the folder.

    ``qdrant://`` is gRPC; it is encrypted with ``?tls=true``, and by default when there is a key.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False
    api_key: str | None = field(default=None, repr=False)
    timeout: int = 5

    @classmethod
    def parse(cls, url: str, *, api_key: str | None, timeout: int) -> Address:
        """Read a URL.

        Raises InvalidValue for an unknown scheme or a malformed URL, whose text is not repeated
        since it may hold a secret.
        """
        parts = _split(url)
        if parts.scheme == "memory":
            return cls("memory")
        if parts.scheme == "edge":
            return cls("edge", path=_folder(parts))
        if parts.scheme not in _PORTS:
            raise InvalidValue("url", f"the scheme {parts.scheme!r} is unknown; known: {_KNOWN}")
        return cls(
            parts.scheme,
            host=_host(parts),
            port=parts.port or _PORTS[parts.scheme],
            path=parts.path.rstrip("/"),
            tls=_tls(parts, api_key),
            api_key=api_key,
            timeout=timeout,
        )

    @property
    def grpc(self) -> bool:
        """Say whether points travel as float32 rather than as JSON."""
        return self.scheme == "qdrant"

    def client_arguments(self) -> dict[str, Any]:
        """Say it in the words of qdrant-client.

        Its own version check is off: it warns from a thread, ours raises in ``ensure_collection``.
        """
        port = {"grpc_port": self.port} if self.grpc else {"port": self.port}
        return {
            "host": self.host,
            **port,
            "prefer_grpc": self.grpc,
            "https": self.tls,
            "prefix": self.path or None,
            "api_key": self.api_key,
            "timeout": self.timeout,
            "check_compatibility": False,
        }


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a property that raises for a bad port
    except (ValueError, TypeError, AttributeError):
        raise InvalidValue("url", "is not a URL with a valid host and port") from None
    return parts


def _folder(parts: SplitResult) -> str:
    if parts.netloc or not parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidValue(
            "url", "must be edge:// and the absolute path of a folder: edge:///var/lib/vectors"
        )
    return unquote(parts.path)


def _host(parts: SplitResult) -> str:
    if parts.hostname is None:
        raise InvalidValue("url", "names no host")
    if parts.username is not None or parts.password is not None:
        raise InvalidValue("url", "must not hold a key; pass it as api_key")
    return f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname


def _tls(parts: SplitResult, api_key: str | None) -> bool:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme != "qdrant" and not options:
        return parts.scheme == "https"
    asked = options.pop("tls", "true" if api_key else "false")
    if parts.scheme != "qdrant" or options or asked not in {"true", "false"}:
        raise InvalidValue("url", "the only option is tls=true or tls=false, of qdrant://")
    return asked == "true"
