"""${message}.

Revision ${up_revision}, after ${down_revision | comma,n}.
"""

# Before you write:
#  1. One purpose, named in the file: 0007_index_messages_by_time.py, numbers without a gap.
#  2. Import nothing of this package: a revision is frozen, the package moves on. Schema and roles are
#     in op.get_context().opts["names"] (schema, app_role, platform_role; a role may be None).
#     `op` is the argument, never `from alembic import op`: that one is the host's.
#  3. The release before this one keeps working on the new schema: add first, use in the next release,
#     drop after that. A new column is nullable or has a constant default.
#  4. A new table has its row-level security (enabled and forced), policies, grants and revokes in the
#     same revision; tests/migrations compares them with the metadata.
#  5. Forced row-level security binds a plain owner too: his UPDATE would touch no row and say nothing.
#     A data step is one DO block, which a plan can hold too: it takes the platform role with
#     set_config('role', .., true), works, compares ROW_COUNT with what it expects, and goes back to the
#     role it was. Without a platform role it works between NO FORCE and FORCE ROW LEVEL SECURITY.
#  6. A label that ALTER TYPE .. ADD VALUE adds cannot be used in the same transaction: add here, use in
#     the next release.
#  7. An index on a table that may be large is a revision of its own, and also declared as
#     CONCURRENTLY = {name: (table, "USING ..")}: where the table has rows it is built ahead of the
#     transaction. upgrade() creates it IF NOT EXISTS, unless opts["indexes_are_built"].
#  8. A constraint on a filled table: NOT VALID here, VALIDATE in the next revision.
#  9. Write the downgrade, or raise with the reason why there cannot be one.
# 10. Generate, read, edit, and delete these lines. Once released, never edit again.

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade(op: Operations) -> None:
    ${upgrades if upgrades else "pass"}


def downgrade(op: Operations) -> None:
    ${downgrades if downgrades else "pass"}
