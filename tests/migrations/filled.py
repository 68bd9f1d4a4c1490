"""A database as release 0.1.0 left it: at revision 0001, with rows of two companies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chatapp_db.migrations import check

if TYPE_CHECKING:
    from tests.migrations.conftest import Place

HARBOUR = "11111111-1111-7111-8111-111111111111"
ALPINE = "22222222-2222-7222-8222-222222222222"

VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_chatapp_messages_search')"

_DUMP = Path(__file__).parent / "data" / "0001.sql"


def restore(place: Place) -> None:
    """Restore the kept pg_dump, with the place's own role names."""
    for role in place.names.values():
        place.execute(f"CREATE ROLE {role}")
    dump = _DUMP.read_text()
    for name, role in (("chatapp_app", place.app_role), ("chatapp_platform", place.platform_role)):
        dump = dump.replace(name, role)
    place.execute(dump)


def add_messages(place: Place, company: str, count: int) -> None:
    """Add messages of words that no other message has."""
    place.execute(f"""
        INSERT INTO chatapp_messages (company_id, conversation_id, role, content)
        SELECT '{company}', '{company}', 'user', 'filler ' || md5(n::text) || ' ' || md5((-n)::text)
          FROM generate_series(1, {count}) AS n""")


def assert_whole(place: Place) -> None:
    """It is this release's schema, the rows are there, and nobody holds a lock."""
    assert check(place.url, **place.names) == []
    assert place.value("SELECT count(*) FROM chatapp_messages WHERE content LIKE '%parcel%'") == 6
    assert place.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
