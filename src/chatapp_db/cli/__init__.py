"""The command line ``chatapp-db``: it says what it lacks before it loads anything it may lack."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from chatapp_db.errors import MissingExtra

__all__ = ["main"]

_NEEDED = ("rich", "typer")
_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code.

    0 fine, 2 bad usage or input, 3 unavailable, 4 another migration kept its lock, 1 anything else.
    """
    try:
        for name in _NEEDED:
            import_module(name)
    except ImportError:
        sys.stderr.write(f"chatapp-db: {MissingExtra('cli', 'the command line')}\n")
        return _USAGE
    from chatapp_db.cli.commands import run

    return run(sys.argv[1:] if arguments is None else arguments)
