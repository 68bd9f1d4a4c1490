"""Name the company of a call without a call of a function.

Revision 0008, after 0007.
"""

from __future__ import annotations

from alembic.operations import Operations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# A body that is parsed when it is made needs no search path of its own, and without one the planner puts it
# in the place of the call. What it is replaced by keeps its owner, its grants and the policies that use it.
INLINED = """
CREATE OR REPLACE FUNCTION chatapp_current_company() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting('chatapp.company_id', true), '')::uuid"""

CALLED = """
CREATE OR REPLACE FUNCTION chatapp_current_company() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = '' AS
$$ select nullif(pg_catalog.current_setting('chatapp.company_id', true), '')::uuid $$"""


def upgrade(op: Operations) -> None:
    op.execute(INLINED)


def downgrade(op: Operations) -> None:
    op.execute(CALLED)
