"""List a person's conversations in the order of their last activity.

Revision 0003, after 0002.
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX = "ix_chatapp_conversations_inbox_mine"
ON_CONVERSATIONS = (
    "(company_id, assigned_user_id, last_message_at DESC, id DESC) WHERE assigned_user_id IS NOT NULL"
)

# Where the table has rows it is there already, built ahead of this revision's transaction.
CONCURRENTLY = {INDEX: ("chatapp_conversations", ON_CONVERSATIONS)}


def upgrade(op: Operations) -> None:
    if not op.get_context().opts["indexes_are_built"]:
        op.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON chatapp_conversations {ON_CONVERSATIONS}")


def downgrade(op: Operations) -> None:
    op.execute(f"DROP INDEX {INDEX}")
