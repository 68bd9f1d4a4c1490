"""Row-level security as SQL: the functions, triggers, policies and grants of the tables.

What a table gets follows from its `info` alone: a new table declared as a tenant's is walled in
without a line here. The statements name no schema, like the tables, and hold no percent sign, so
they reach the driver as they are (`exec_driver_sql`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import MetaData, Table

from chatapp_db.schema.audit_triggers import AUDIT_CHANGE, audit_triggers
from chatapp_db.schema.columns import may_change
from chatapp_db.schema.embeddings import VECTOR_REVISION
from chatapp_db.schema.quoting import literal, name
from chatapp_db.schema.searching import search_statements
from chatapp_db.schema.tombstones import TOMBSTONES, tombstone_statements
from chatapp_db.schema.users import AuditLog

APP_ROLE = "chatapp_app"
PLATFORM_ROLE = "chatapp_platform"
FUNCTIONS = (
    "chatapp_current_company()",
    "chatapp_touch_updated_at()",
    "chatapp_audit_guard()",
    TOMBSTONES,
    "chatapp_audit_change()",
)

Commands = tuple[str, ...]

_EVERY_COMMAND: Commands = ("SELECT", "INSERT", "UPDATE", "DELETE")

# After a transaction the setting is '', not null, for ever. Immutable, a cached plan would show the
# first company's rows to the second; not parallel safe, no plan below a policy would be parallel. Parsed
# when it is made, the body needs no search path, and without one the planner puts it in the call's place.
_CURRENT_COMPANY = """\
CREATE FUNCTION chatapp_current_company() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting('chatapp.company_id', true), '')::uuid"""

_TOUCH_UPDATED_AT = """\
CREATE FUNCTION chatapp_touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS
$$ begin new.updated_at := pg_catalog.now(); return new; end $$"""

# The argument is the platform role: it alone may delete, and only once it said so in this transaction.
_AUDIT_GUARD = """\
CREATE FUNCTION chatapp_audit_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS
$$ begin
  if tg_op = 'DELETE' and current_user = tg_argv[0]
     and pg_catalog.current_setting('chatapp.audit_purge', true) = 'on' then
    if tg_level = 'ROW' then return old; else return null; end if;
  end if;
  raise exception using errcode = 'insufficient_privilege',
    message = tg_op || ' on ' || tg_table_name || ' refused: append-only';
end $$"""

# GRANT takes no expression, and the schema is known to the search path alone.
_GRANT_SCHEMA = """\
DO $$ BEGIN
  EXECUTE 'GRANT USAGE ON SCHEMA ' || pg_catalog.quote_ident(pg_catalog.current_schema())
    || ' TO ' || pg_catalog.quote_ident({role});
END $$"""

# Supabase grants everything new to the two roles of its web API.
_REVOKE_FROM_WEB = """\
DO $$ DECLARE web name; BEGIN
  FOR web IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated') LOOP
    EXECUTE 'REVOKE ALL ON {tables} FROM ' || pg_catalog.quote_ident(web);
    EXECUTE 'REVOKE ALL ON FUNCTION {functions} FROM ' || pg_catalog.quote_ident(web);
    EXECUTE 'REVOKE ALL ON SEQUENCE {sequence} FROM ' || pg_catalog.quote_ident(web);
  END LOOP;
END $$"""


def security_statements(
    metadata: MetaData, *, app_role: str | None = APP_ROLE, platform_role: str | None = PLATFORM_ROLE
) -> Iterator[str]:
    """Write what stands beside the tables, in the order it is to be run.

    Without an app role its policies bind the owner, who has every grant by ownership. Without a
    platform role nobody below a superuser sees more than one company: a policy that let the same
    owner see all of them would undo the first.
    """
    tables = metadata.sorted_tables
    yield from (_CURRENT_COMPANY, _TOUCH_UPDATED_AT, _AUDIT_GUARD, AUDIT_CHANGE)
    for table in tables:
        yield from _triggers(table, platform_role)
    yield from tombstone_statements()
    for table in tables:
        yield from audit_triggers(table, platform_role)
    for table in tables:
        yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY"
    for table in tables:
        yield from (statement for _, statement in policies(table, app_role, platform_role))
    yield from _grants(tables, app_role, platform_role)
    yield from _revokes(tables)
    yield from search_statements(app_role, platform_role)


def _triggers(table: Table, platform_role: str | None) -> Iterator[str]:
    if table is AuditLog.__table__:
        guard = f"EXECUTE FUNCTION chatapp_audit_guard({literal(platform_role or '')})"
        yield (
            f"CREATE TRIGGER tr_{table.name}_row BEFORE UPDATE OR DELETE ON {table.name} FOR EACH ROW {guard}"
        )
        yield (
            f"CREATE TRIGGER tr_{table.name}_statement BEFORE UPDATE OR DELETE OR TRUNCATE"
            f" ON {table.name} FOR EACH STATEMENT {guard}"
        )
    else:
        yield (
            f"CREATE TRIGGER tr_{table.name}_updated_at BEFORE UPDATE ON {table.name} FOR EACH ROW"
            " WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION chatapp_touch_updated_at()"
        )


def policies(table: Table, app_role: str | None, platform_role: str | None) -> Iterator[tuple[str, str]]:
    """Write the policies of a table, each with its name."""
    key = table.info["company_key"]
    # The sub-select keeps it to one call of the function per statement.
    own = f"{key} = (SELECT chatapp_current_company())" if key else "true"
    app = "CURRENT_USER" if app_role is None else name(app_role)
    for command in app_commands(table):
        yield _policy(table, "app", command, app, own)
    # A policy of its own: an OR in the company's would cost it its index conditions.
    if platform_role is not None:
        for command in _platform_commands(table):
            yield _policy(table, "platform", command, name(platform_role), "true")


def _policy(table: Table, whose: str, command: str, role: str, condition: str) -> tuple[str, str]:
    called, conditions = f"{whose}_{command.lower()}", policy_conditions(command, condition)
    return called, f"CREATE POLICY {called} ON {table.name} FOR {command} TO {role}{conditions}"


def policy_conditions(command: str, condition: str) -> str:
    """Write the conditions of a command's policy: on the rows it finds, and on those it writes."""
    using = "" if command == "INSERT" else f" USING ({condition})"
    check = f" WITH CHECK ({condition})" if command in {"INSERT", "UPDATE"} else ""
    return using + check


def app_commands(table: Table) -> Commands:
    """Give what a company may do: anything with its own rows, less with those the platform answers for."""
    if table is AuditLog.__table__:
        return ("SELECT", "INSERT")
    if table.info["scope"] == "tenant":
        return _EVERY_COMMAND
    commands: dict[str | None, Commands] = {None: ("SELECT",), "id": ("SELECT", "UPDATE")}
    return commands.get(table.info["company_key"], ("SELECT", "INSERT", "UPDATE"))


def _platform_commands(table: Table) -> Commands:
    return ("SELECT", "INSERT", "DELETE") if table is AuditLog.__table__ else _EVERY_COMMAND


def _grants(tables: Iterable[Table], app_role: str | None, platform_role: str | None) -> Iterator[str]:
    for role in filter(None, (app_role, platform_role)):
        yield _GRANT_SCHEMA.format(role=literal(role))
        yield f"GRANT EXECUTE ON FUNCTION chatapp_current_company() TO {name(role)}"
        use = "USAGE, SELECT" if role == platform_role else "USAGE"
        yield f"GRANT {use} ON SEQUENCE {VECTOR_REVISION.name} TO {name(role)}"
    for table in tables:
        if app_role is not None:
            granted = ", ".join(_granted(table, command) for command in app_commands(table))
            yield f"GRANT {granted} ON {table.name} TO {name(app_role)}"
        if platform_role is not None:
            yield f"GRANT {', '.join(_platform_commands(table))} ON {table.name} TO {name(platform_role)}"


def _granted(table: Table, command: str) -> str:
    """Name the columns where a company may change but a part of its row: not its plan, not its trial."""
    if command != "UPDATE" or table.info["company_key"] != "id":
        return command
    return f"UPDATE ({', '.join(column.name for column in table.c if may_change(column))})"


def _revokes(tables: Iterable[Table]) -> Iterator[str]:
    names = ", ".join(table.name for table in tables)
    functions = ", ".join(FUNCTIONS)
    yield f"REVOKE ALL ON {names} FROM PUBLIC"
    yield f"REVOKE ALL ON FUNCTION {functions} FROM PUBLIC"
    yield _REVOKE_FROM_WEB.format(tables=names, functions=functions, sequence=VECTOR_REVISION.name)
