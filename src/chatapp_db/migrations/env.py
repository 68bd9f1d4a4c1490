"""Lets Alembic's own commands work on this package's revisions, for those who write the next one.

``migrate()`` does not come through here. Whoever runs a command puts a connection and the names
into ``Config.attributes``: there is no alembic.ini.
"""

from alembic import context
from alembic.operations import Operations

from chatapp_db.migrations.runner import context_options
from chatapp_db.schema import metadata

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=metadata,
    **context_options(attributes["names"]),
)
with context.begin_transaction():
    context.run_migrations(op=Operations(context.get_context()))
