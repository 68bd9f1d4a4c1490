"""A share in a folder's server: the first one starts it, the last one to leave stops it.

A share is a lock that the kernel takes back when its process ends, however it ends. So a killed process
is never counted; where it was the last, the server stays up until the next one, who takes it over, leaves.
"""

from __future__ import annotations

import atexit
import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from chatapp_db.embedded.cluster import Cluster
from chatapp_db.errors import EmbeddedServerError

__all__ = ["EmbeddedServer"]

_DATABASE = "chatapp"


class EmbeddedServer:
    """A running PostgreSQL, from `start` to `stop`."""

    def __init__(self, cluster: Cluster, share: int) -> None:
        self._cluster = cluster
        self._share: int | None = share
        self._process = os.getpid()
        self.url = cluster.url(_DATABASE)

    @classmethod
    def start(cls, folder: str | os.PathLike[str], *, settings: Mapping[str, str] | None = None) -> Self:
        """Start the server of this folder, or join the one that already runs there.

        A new folder gets an empty database ``chatapp``: UTF-8, ordered by code point, in UTC, whatever
        the machine's locale is. It listens on no port, and only the account that runs it (and root) may
        connect. The settings are PostgreSQL's and hold until the server stops; one that already runs
        keeps its own. As root, the server runs as the folder's owner, else as ``postgres`` or ``nobody``;
        a private folder above it or above its programs is then opened for passing through, and logged.

        Raises MissingExtra, or EmbeddedServerError: the folder holds something else or the data of
        another version, or the server does not come up (the message ends with its log).
        """
        place = Path(folder).expanduser().resolve()
        try:
            cluster = Cluster(place)
            with _alone(place):
                share = _join(cluster, settings or {})
        except OSError as error:
            raise EmbeddedServerError(f"cannot use {place}: {error}") from error
        server = cls(cluster, share)
        atexit.register(server.stop)
        return server

    def stop(self) -> None:
        """Give up this share; the last one stops the server, and the data stays.

        A second call does nothing, and so does one in a forked child, whose parent holds the share.
        It also runs when the interpreter exits.
        """
        share, self._share = self._share, None
        if share is None or os.getpid() != self._process:
            return
        atexit.unregister(self.stop)
        try:
            if self._cluster.data.exists():
                with _alone(self._cluster.folder):
                    if _is_last(share):
                        self._cluster.halt()
        finally:
            os.close(share)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Let one at a time start or stop the server of this folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _join(cluster: Cluster, settings: Mapping[str, str]) -> int:
    cluster.ensure_created()
    share = os.open(cluster.identity_file, os.O_RDONLY)
    try:
        fcntl.flock(share, fcntl.LOCK_SH)
        cluster.ensure_running(settings)
        cluster.ensure_database(_DATABASE)
    except BaseException:
        os.close(share)
        raise
    return share


def _is_last(share: int) -> bool:
    try:
        fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
