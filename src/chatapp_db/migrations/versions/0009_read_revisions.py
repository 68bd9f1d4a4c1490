"""Let the platform read the sequence of the vectors' revisions: a dump in its name reads everything.

Revision 0009, after 0008.
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SEQUENCE = "chatapp_vector_revision"


def upgrade(op: Operations) -> None:
    if role := op.get_context().opts["names"].platform_role:
        op.execute(f'GRANT SELECT ON SEQUENCE {SEQUENCE} TO "{role}"')


def downgrade(op: Operations) -> None:
    if role := op.get_context().opts["names"].platform_role:
        op.execute(f'REVOKE SELECT ON SEQUENCE {SEQUENCE} FROM "{role}"')
