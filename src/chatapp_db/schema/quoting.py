"""Names and texts as SQL writes them."""

from __future__ import annotations

__all__ = ["literal", "name"]


def name(given: str) -> str:
    """Write the name of a role."""
    return '"' + given.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text."""
    return "'" + text.replace("'", "''") + "'"
