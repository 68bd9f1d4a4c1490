"""The metadata keeps the rules that every table follows."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import configure_mappers
from sqlalchemy.sql.sqltypes import Text

from chatapp_db import schema
from chatapp_db.schema import Base, enums, metadata
from chatapp_db.schema.columns import enum_type

TABLES = [pytest.param(table, id=table.name) for table in metadata.sorted_tables]
TENANT_TABLES = [pytest.param(t, id=t.name) for t in metadata.sorted_tables if t.info["scope"] == "tenant"]
GLOBAL_TABLES = {
    "chatapp_subscription_plans": None,
    "chatapp_agent_packages": None,
    "chatapp_companies": "id",
    "chatapp_users": "company_id",
    "chatapp_team_invitations": "company_id",
    "chatapp_audit_logs": "company_id",
    "chatapp_embedding_sets": None,
}


def keys(table: Table, *, partial: bool = True) -> dict[str, list[str]]:
    """The columns of the primary key, the unique keys and the indexes, by name."""
    found = {
        str(key.name): [column.name for column in key.columns]
        for key in table.constraints
        if isinstance(key, PrimaryKeyConstraint | UniqueConstraint)
    }
    indexes = (index for index in table.indexes if partial or is_whole(index))
    return found | {str(index.name): [text(each) for each in index.expressions] for index in indexes}


def is_whole(index: Index) -> bool:
    return index.dialect_options["postgresql"]["where"] is None


def text(expression: object) -> str:
    return getattr(expression, "name", None) or str(expression).removesuffix(" DESC")


def test_every_table_is_tenant_or_global():
    scopes = {name: table.info for name, table in metadata.tables.items()}

    assert len(scopes) == 23
    assert {
        name: info["company_key"] for name, info in scopes.items() if info["scope"] == "global"
    } == GLOBAL_TABLES
    assert {info["company_key"] for info in scopes.values() if info["scope"] == "tenant"} == {"company_id"}


def test_a_label_of_a_newer_release_is_read_as_a_plain_string():
    read = enum_type(enums.AgentStatus).result_processor(postgresql.dialect(), None)

    assert read("active") is enums.AgentStatus.ACTIVE
    assert read("hibernating") == "hibernating"
    assert read(None) is None


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_every_key_and_index_of_a_tenant_table_starts_with_the_company(table):
    found = keys(table)
    # A package is no company's.
    found.pop("ix_chatapp_agents_package_id", None)
    # A GIN index holds words, of which the company is one; the one function that reads it compares it first.
    found.pop(f"ix_{table.name}_search", None)
    # The worker takes what is due of whichever company.
    found.pop("ix_chatapp_vector_outbox_due", None)
    # So does the worker of the platform that calls webhooks.
    found.pop("ix_chatapp_webhook_deliveries_due_anywhere", None)

    assert found[f"pk_{table.name}"] == ["company_id", "id"]
    assert {key[0] for key in found.values()} == {"company_id"}
    assert not table.c.company_id.nullable


@pytest.mark.parametrize("table", TABLES)
def test_every_foreign_key_has_an_index_with_the_same_leading_columns(table):
    leading = list(keys(table).values())

    for reference in table.foreign_key_constraints:
        columns = reference.column_keys
        assert any(key[: len(columns)] == columns for key in leading), reference.name


@pytest.mark.parametrize("table", TABLES)
def test_no_index_is_the_prefix_of_another(table):
    whole = keys(table, partial=False)

    for index in filter(is_whole, table.indexes):
        columns = whole.pop(str(index.name))
        assert index.unique or not any(key[: len(columns)] == columns for key in whole.values()), index.name
        whole[str(index.name)] = columns


@pytest.mark.parametrize("table", TABLES)
def test_references_stay_in_the_company_and_never_null_it(table):
    cascades = {
        "fk_chatapp_knowledge_chunks_source_id",
        "fk_chatapp_messages_conversation_id",
        "fk_chatapp_conversation_analytics_conversation_id",
        "fk_chatapp_webhook_deliveries_webhook_id",
    }
    for reference in table.foreign_key_constraints:
        assert isinstance(reference, ForeignKeyConstraint)
        target = reference.referred_table
        if target.info["company_key"] == "company_id":
            assert reference.column_keys[0] == "company_id", reference.name
            assert [element.column.name for element in reference.elements] == ["company_id", "id"]
        assert reference.ondelete == ("CASCADE" if reference.name in cascades else None), reference.name


@pytest.mark.parametrize("table", TABLES)
def test_names_follow_the_convention_and_leave_room_for_a_shard(table):
    named = {*keys(table), *(str(constraint.name) for constraint in table.constraints)}

    for name in named:
        assert re.match(rf"(pk|fk|uq|ix|ck)_{table.name}", name), name
        assert len(name.encode()) <= 54, name
        if table.info["scope"] == "tenant":
            assert "_company_id_" not in name


def test_all_constraints_have_different_names():
    names = [str(c.name) for t in metadata.tables.values() for c in t.constraints | t.indexes]

    assert len(names) == len(set(names))


def test_times_carry_their_zone_and_only_the_audit_log_lacks_updated_at():
    without = {name for name, table in metadata.tables.items() if "updated_at" not in table.c}

    assert without == {"chatapp_audit_logs"}
    for table in metadata.tables.values():
        assert all(getattr(column.type, "timezone", True) for column in table.c)


def test_every_text_has_a_limit_and_every_document_is_null_when_none():
    for column in (column for table in metadata.tables.values() for column in table.c):
        kind = getattr(column.type, "item_type", column.type)
        if type(kind) is Text:
            assert column.info["max_length"] > 0, column
        if isinstance(kind, JSONB):
            assert kind.none_as_null


def test_every_table_has_a_comment():
    assert [name for name, table in metadata.tables.items() if not table.comment] == []


def test_the_mappers_configure_and_nothing_loads_by_accident():
    configure_mappers()
    relations = [relation for mapper in Base.registry.mappers for relation in mapper.relationships]

    assert {relation.lazy for relation in relations} == {"raise"}
    assert all(relation.back_populates for relation in relations)
    references = sum(len(table.foreign_key_constraints) for table in metadata.tables.values())
    assert len(relations) == 2 * references


def test_a_relation_inside_a_company_writes_its_own_column_alone():
    relation = schema.Conversation.assigned_user.property

    assert [(local.name, remote.name) for local, remote in relation.local_remote_pairs] == [
        ("company_id", "company_id"),
        ("assigned_user_id", "id"),
    ]
    assert [(source.name, target.name) for source, target in relation.synchronize_pairs] == [
        ("id", "assigned_user_id")
    ]


def test_a_new_object_has_an_id_ordered_by_time_and_core_has_no_default_of_python_s():
    first, second = schema.Agent(name="a"), schema.Agent(name="b")
    compiled = insert(schema.AgentPackage).values(name="a").compile(dialect=postgresql.dialect())

    assert first.id.version == 7
    assert first.id < second.id
    assert compiled.insert_prefetch == []


def test_everything_public_is_exported():
    models = {mapper.class_.__name__ for mapper in Base.registry.mappers}
    vocabularies = {
        name
        for name, value in vars(enums).items()
        if isinstance(value, type) and value.__module__ == enums.__name__
    }

    assert set(schema.__all__) == models | vocabularies | {"Base", "metadata"}
