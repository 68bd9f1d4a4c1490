"""Two companies with rows in every table, made from the metadata: a new table needs no line here."""

from __future__ import annotations

import datetime as dt
import enum
import secrets
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import sqlalchemy as sa

from chatapp_db.address import engine_url
from chatapp_db.encryption import KeyRing, Place
from chatapp_db.encryption.signing_secrets import SigningSecrets
from chatapp_db.encryption.tokens import CompanyToken, digest
from chatapp_db.execution.scope import PURGE
from chatapp_db.schema import EmbeddingSetStatus, UserRole, metadata
from chatapp_db.schema.security import PLATFORM_ROLE

ROWS = 3
DAY = dt.date(2026, 1, 1)
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
"""When everything happened: the day that a roll-up is asked for."""

KEYS = KeyRing({"isolation": secrets.token_bytes(32)})
"""Both companies' secrets are sealed with one key: the place alone tells them apart."""

TABLES = {table.name: table for table in metadata.sorted_tables}
OWNED = {name: table for name, table in TABLES.items() if table.info["company_key"]}


@dataclass
class Population:
    """The rows of one company, or of nobody in particular, by table; every text of it holds the mark."""

    mark: str
    id: UUID = field(default_factory=uuid4)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def ids(self) -> set[UUID]:
        return {row["id"] for rows in self.rows.values() for row in rows}


@dataclass
class Populations:
    """Who calls, whose rows it must never reach, and what all companies share."""

    ours: Population
    theirs: Population
    shared: Population


def populate(url: str) -> Populations:
    """Fill a database as the platform, while the trail tells no rows: it has what the metadata says."""
    shared, ours, theirs = (
        Population(f"{name}{secrets.token_hex(4)}") for name in ("shared", "ours", "theirs")
    )
    engine = sa.create_engine(engine_url(url))
    with engine.begin() as connection:
        connection.execute(sa.text(f"SET LOCAL ROLE {PLATFORM_ROLE}"))
        connection.execute(sa.text(f"SET LOCAL {PURGE} = 'on'"))
        for table in metadata.sorted_tables:
            # Theirs come first: a query that forgot the company would find them first.
            owners = (theirs, ours) if table.name in OWNED else (shared,)
            for owner in owners:
                owner.rows[table.name] = [
                    _insert(connection, table, owner, shared, place) for place in range(_how_many(table))
                ]
    engine.dispose()
    return Populations(ours, theirs, shared)


def fingerprint(url: str, company_id: UUID) -> dict[str, str]:
    """Hash a company's rows in every table, and the shared ones, with what tells that a row was rewritten."""
    with psycopg.connect(url) as connection:
        return fingerprint_seen_by(connection, company_id)


def fingerprint_seen_by(superuser: psycopg.Connection[Any], company_id: UUID) -> dict[str, str]:
    """Take the fingerprint over a connection that is there."""
    return dict(superuser.execute(_FINGERPRINT, {"company_id": company_id}, prepare=True).fetchall())


def _hashed(table: sa.Table) -> str:
    key = table.info["company_key"]
    where = f"WHERE {key} = %(company_id)s" if key else ""
    rows = "string_agg(t::text || t.xmin, '|' ORDER BY id)"
    return f"SELECT '{table.name}', count(*) || md5({rows}) FROM {table.name} t {where}"


_FINGERPRINT = " UNION ALL ".join(map(_hashed, TABLES.values()))


def remove(url: str, population: Population) -> None:
    """Delete a company with all its rows, triggers and keys notwithstanding."""
    engine = sa.create_engine(engine_url(url))
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for table in OWNED.values():
            connection.execute(sa.delete(table).where(table.c[table.info["company_key"]] == population.id))
    engine.dispose()


def _how_many(table: sa.Table) -> int:
    unique = (constraint for constraint in table.constraints if isinstance(constraint, sa.UniqueConstraint))
    only_one = any([column.name for column in constraint.columns] == ["company_id"] for constraint in unique)
    return 1 if only_one or table.info["company_key"] == "id" else ROWS


def _insert(
    connection: sa.Connection, table: sa.Table, owner: Population, shared: Population, place: int
) -> dict[str, Any]:
    values = {
        column.key: value
        for column in table.columns
        if (value := _value(column, owner, shared, place)) is not None
    }
    known = _keep_secret(table, values, owner.mark)
    row = connection.execute(sa.insert(table).values(values).returning(*table.columns)).mappings().one()
    return {**row, **known}


def _keep_secret(table: sa.Table, values: dict[str, Any], mark: str) -> dict[str, str]:
    """Seal what a table keeps sealed, and give what only its owner knows."""
    match table.name:
        case "chatapp_team_invitations":
            token = CompanyToken("token").issue(values["company_id"])
            values["token_hash"] = digest(token)
            return {"token": token}
        case "chatapp_integrations":
            place = Place(table.name, "config", values["company_id"], values["id"])
            values["config"] = KEYS.seal({"token": mark}, place).document()
        case "chatapp_webhooks":
            place = Place(table.name, "secret", values["company_id"], values["id"])
            values["secret"] = KEYS.seal(SigningSecrets.issue().document(), place).text()
    return {}


def _value(column: sa.Column[Any], owner: Population, shared: Population, place: int) -> Any:
    """Give a value that the column's checks accept, None to leave it to the default."""
    if column.key == column.table.info["company_key"]:
        return owner.id
    if column.key == "id":
        return uuid4()
    target = _target(column)
    if target is not None:
        rows = owner.rows.get(target) or shared.rows[target]
        return rows[place if _one_for_each(column) else 0]["id"]
    if f"{column.table.name}.{column.key}" in _BY_COLUMN:
        return _BY_COLUMN[f"{column.table.name}.{column.key}"](owner.mark, place)
    if column.key in _BY_NAME:
        return _BY_NAME[column.key](owner.mark, place)
    return _by_type(column, owner.mark, place)


def _by_type(column: sa.Column[Any], mark: str, place: int) -> Any:  # noqa: PLR0911  # a type each
    match column.type:
        case sa.Enum(enum_class=kind):
            return UserRole.SUPPORT_AGENT if kind is UserRole else _first(kind)
        case sa.Text():
            return f"{mark} {column.name} {place}"
        case sa.JSON() if "[]" not in str(getattr(column.server_default, "arg", "")):
            return {"note": mark}
        case sa.ARRAY():
            return [f"{mark} {column.name}"]
        case sa.Uuid():
            return uuid4()
        case sa.Date():
            return DAY + dt.timedelta(days=place)
        case sa.Integer() if not column.nullable and column.server_default is None:
            return place
        case _:
            return None


def _first(kind: type[enum.Enum] | None) -> enum.Enum:
    assert kind is not None
    return next(iter(kind))


# What both companies' lines are about: a filter by it alone finds theirs too.
RESOURCE = ("said by us", uuid4())

_BY_COLUMN = {
    "chatapp_embedding_sets.name": lambda mark, place: "said by us",
    "chatapp_embedding_sets.status": lambda mark, place: (
        EmbeddingSetStatus.BUILDING if place else EmbeddingSetStatus.ACTIVE
    ),
    # Of the deliveries one is settled, the others are under way.
    "chatapp_webhook_deliveries.delivered_at": lambda mark, place: NOON if place == 1 else None,
    "chatapp_webhook_deliveries.next_attempt_at": lambda mark, place: None if place == 1 else NOON,
    "chatapp_usage_reservations.expires_at": lambda mark, place: NOON,
    "chatapp_audit_logs.action": lambda mark, place: RESOURCE[0],
    "chatapp_audit_logs.resource_type": lambda mark, place: RESOURCE[0],
    "chatapp_audit_logs.resource_id": lambda mark, place: RESOURCE[1],
    # Who was invited is nobody yet.
    "chatapp_team_invitations.email": lambda mark, place: f"{mark}.invited.{place}@example.com",
}
_BY_NAME = {
    "created_at": lambda mark, place: NOON + dt.timedelta(seconds=place),
    "started_at": lambda mark, place: NOON,
    "email": lambda mark, place: f"{mark}.{place}@example.com",
    "slug": lambda mark, place: f"{mark}-{place}",
    "tokens_used": lambda mark, place: 7,
    "amount": lambda mark, place: 1,
    "currency": lambda mark, place: "EUR",
    "dimensions": lambda mark, place: 384,
    "timezone": lambda mark, place: "UTC",
    # Every page may show it.
    "allowed_origins": lambda mark, place: [],
    # The first and the last canned response are the team's, the other a person's own.
    "is_team": lambda mark, place: place != 1,
    "ip_address": lambda mark, place: "10.0.0.1",
    # Sealed when the row is known.
    "config": lambda mark, place: None,
    "secret": lambda mark, place: None,
    "token_hash": lambda mark, place: None,
}


def _target(column: sa.Column[Any]) -> str | None:
    """Name the table that a column refers to."""
    for constraint in column.table.foreign_key_constraints:
        if column.key in constraint.column_keys:
            return constraint.referred_table.name
    return None


def _one_for_each(column: sa.Column[Any]) -> bool:
    """Tell whether a row refers to each of the others at most once."""
    key = ["company_id", column.name]
    return any(
        isinstance(constraint, sa.UniqueConstraint) and [part.name for part in constraint.columns] == key
        for constraint in column.table.constraints
    )
