"""Keeps a host's own Alembic away from our tables."""

from __future__ import annotations

from typing import Any

__all__ = ["include_object"]

_PREFIX = "chatapp_"


def include_object(
    _object: Any, name: str | None, type_: str, reflected: bool, compare_to: Any
) -> bool:  # Alembic's signature
    """Tell a host's autogenerate to leave our tables be, which it would otherwise drop.

    Give it to ``context.configure(include_object=...)`` in the host's env.py, or call it first from
    a function of the host's own. A table that the host's metadata names stays the host's.
    """
    is_ours = type_ == "table" and reflected and compare_to is None and (name or "").startswith(_PREFIX)
    return not is_ours
