"""How a JSON document is read from a record; loaded with the first connection, as msgspec takes its time."""

from __future__ import annotations

import msgspec
from psycopg.adapt import Loader

__all__ = ["DocumentLoader"]


class DocumentLoader(Loader):
    """Read json and jsonb, without a call of Python's own for each of them."""

    load = staticmethod(msgspec.json.Decoder().decode)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # its argument has no name
