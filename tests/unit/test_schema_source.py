"""The tables hold what the source lists; the lists are written down by hand."""

from __future__ import annotations

import pytest
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.sql.sqltypes import Enum

from chatapp_db.schema import metadata

SOURCE_COLUMNS = {
    "companies": "id name slug domain logo_url settings subscription_plan_id subscription_status"
    " trial_ends_at created_at updated_at",
    "subscription_plans": "id name slug description price_monthly price_yearly features limits is_active"
    " created_at updated_at",
    "users": "id email name avatar_url role company_id status settings last_login_at created_at updated_at",
    "agents": "id company_id name description avatar_url type status system_prompt welcome_message"
    " model_config tools_config escalation_config widget_config created_by created_at updated_at",
    "agent_packages": "id name description category icon base_prompt suggested_tools is_active"
    " created_at updated_at",
    "knowledge_sources": "id company_id agent_id name type status file_path file_type file_size url"
    " content_hash metadata created_by created_at updated_at",
    # embedding lives in the vector store, where the source's own note puts it.
    "knowledge_chunks": "id source_id company_id content metadata chunk_index token_count created_at"
    " updated_at",
    "conversations": "id company_id agent_id customer_id assigned_user_id channel channel_conversation_id"
    " status priority tags metadata started_at resolved_at created_at updated_at",
    "messages": "id conversation_id role type content attachments metadata tokens_used created_at updated_at",
    "customers": "id company_id external_id email name phone avatar_url metadata tags first_seen_at"
    " last_seen_at created_at updated_at",
    "team_invitations": "id company_id email role invited_by token status expires_at accepted_at"
    " created_at updated_at",
    "conversation_analytics": "id company_id conversation_id agent_id resolution_type messages_count"
    " ai_messages_count human_messages_count response_time_avg duration_seconds satisfaction_score escalated"
    " created_at updated_at",
    "daily_analytics": "id company_id date conversations_total conversations_resolved conversations_escalated"
    " messages_total avg_response_time avg_satisfaction tokens_used created_at updated_at",
    "integrations": "id company_id type name config status last_sync_at created_at updated_at",
    "webhooks": "id company_id url events secret is_active last_triggered_at failure_count created_at"
    " updated_at",
    "audit_logs": "id company_id user_id action resource_type resource_id old_values new_values ip_address"
    " user_agent created_at",
    "widget_settings": "id company_id agent_id appearance behavior launcher chat_window embed_code"
    " created_at updated_at",
    "canned_responses": "id company_id user_id shortcut title content category tags is_team usage_count"
    " created_at updated_at",
}

ADDED_COLUMNS = {
    "companies": "billing_cycle timezone",
    "subscription_plans": "type currency",
    "agents": "package_id",
    "agent_packages": "slug",
    "knowledge_sources": "error_message",
    "knowledge_chunks": "qdrant_id content_hash",
    "conversations": "last_message_at last_message_preview waiting_since first_response_at escalated_at"
    " customer_last_read_at agent_last_read_at version",
    "messages": "company_id sender_user_id is_private external_id",
    "daily_analytics": "response_time_sum response_time_count satisfaction_sum satisfaction_count",
    "integrations": "last_error",
    "webhooks": "disabled_at disabled_reason",
    "audit_logs": "staff_id actor_label",
    "widget_settings": "public_key allowed_origins",
}

INDEXED = [
    ("companies", ["slug"]),
    ("users", ["email"]),
    ("users", ["company_id"]),
    ("agents", ["company_id"]),
    ("conversations", ["company_id", "status"]),
    ("conversations", ["company_id", "assigned_user_id"]),
    ("messages", ["company_id", "conversation_id", "created_at"]),
    ("knowledge_chunks", ["company_id"]),
    ("customers", ["company_id", "email"]),
    ("audit_logs", ["company_id", "created_at"]),
]

ENUM_LABELS = {
    "user_role": "master_admin company_admin support_agent",
    "user_status": "active inactive pending suspended",
    "agent_status": "draft active paused archived",
    "agent_type": "support sales general custom",
    "conversation_status": "active waiting resolved archived",
    "message_role": "user assistant system",
    "message_type": "text image file system_event",
    "channel_type": "widget whatsapp telegram slack teams email",
    "plan_type": "free starter professional enterprise",
    "billing_cycle": "monthly yearly",
    "subscription_status": "trialing active past_due paused canceled expired",
    "knowledge_source_type": "file url text",
    "knowledge_source_status": "processing ready error",
    "invitation_status": "pending accepted expired revoked",
    "resolution_type": "ai human abandoned",
    "integration_type": "slack zapier salesforce hubspot zendesk intercom shopify stripe custom",
    "integration_status": "active inactive error",
}


@pytest.mark.parametrize("name", SOURCE_COLUMNS)
def test_the_columns_are_the_source_s_and_the_decided_ones(name):
    wanted = SOURCE_COLUMNS[name].split() + ADDED_COLUMNS.get(name, "").split()

    assert sorted(column.name for column in metadata.tables[f"chatapp_{name}"].c) == sorted(wanted)


@pytest.mark.parametrize(("table", "columns"), INDEXED)
def test_what_the_source_indexes_leads_an_index(table, columns):
    found = metadata.tables[f"chatapp_{table}"]
    keys = [key for key in found.constraints if isinstance(key, PrimaryKeyConstraint | UniqueConstraint)]
    leading = [[column.name for column in key.columns][: len(columns)] for key in (*keys, *found.indexes)]

    assert columns in leading


@pytest.mark.parametrize("name", ENUM_LABELS)
def test_labels_are_stored_by_value_in_the_order_of_the_source(name):
    types = {
        column.type.name: column.type
        for table in metadata.tables.values()
        for column in table.c
        if isinstance(column.type, Enum)
    }

    assert len(ENUM_LABELS) == 17
    assert types[f"chatapp_{name}"].enums == ENUM_LABELS[name].split()
