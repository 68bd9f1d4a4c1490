"""The system account a server runs as where this process is root, which PostgreSQL refuses to run as."""

from __future__ import annotations

import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from chatapp_db.errors import EmbeddedServerError

__all__ = ["Account", "account_for"]

_CANDIDATES = ("postgres", "nobody")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account of this machine."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give a file or a folder, not what is in it, to this account."""
        os.chown(path, self.uid, self.gid)

    def open_the_way(self, path: Path) -> None:
        """Let this account pass through every folder above a path.

        Passing through is all it adds: nobody can list a folder who could not before.
        """
        for folder in path.parents:
            status = folder.stat()
            if not self._may_pass(status):
                folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
                _logger.warning(
                    "%s can now be passed through by every account: PostgreSQL needs %s", folder, path
                )

    def _may_pass(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def account_for(folder: Path) -> Account | None:
    """Choose who runs the server of a folder: its owner, else an account without rights of its own.

    None means this process's own account. Raises EmbeddedServerError where root finds no account.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid
    for entry in pwd.getpwall():
        if entry.pw_uid == owner != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        f"PostgreSQL does not run as root, and this machine has no account {' or '.join(_CANDIDATES)}: "
        "give the folder to an account that may run it"
    )
