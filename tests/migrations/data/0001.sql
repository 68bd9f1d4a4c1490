SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE TYPE public.chatapp_agent_status AS ENUM (
    'draft',
    'active',
    'paused',
    'archived'
);
CREATE TYPE public.chatapp_agent_type AS ENUM (
    'support',
    'sales',
    'general',
    'custom'
);
CREATE TYPE public.chatapp_billing_cycle AS ENUM (
    'monthly',
    'yearly'
);
CREATE TYPE public.chatapp_channel_type AS ENUM (
    'widget',
    'whatsapp',
    'telegram',
    'slack',
    'teams',
    'email'
);
CREATE TYPE public.chatapp_conversation_status AS ENUM (
    'active',
    'waiting',
    'resolved',
    'archived'
);
CREATE TYPE public.chatapp_integration_status AS ENUM (
    'active',
    'inactive',
    'error'
);
CREATE TYPE public.chatapp_integration_type AS ENUM (
    'slack',
    'zapier',
    'salesforce',
    'hubspot',
    'zendesk',
    'intercom',
    'shopify',
    'stripe',
    'custom'
);
CREATE TYPE public.chatapp_invitation_status AS ENUM (
    'pending',
    'accepted',
    'expired',
    'revoked'
);
CREATE TYPE public.chatapp_knowledge_source_status AS ENUM (
    'processing',
    'ready',
    'error'
);
CREATE TYPE public.chatapp_knowledge_source_type AS ENUM (
    'file',
    'url',
    'text'
);
CREATE TYPE public.chatapp_message_role AS ENUM (
    'user',
    'assistant',
    'system'
);
CREATE TYPE public.chatapp_message_type AS ENUM (
    'text',
    'image',
    'file',
    'system_event'
);
CREATE TYPE public.chatapp_plan_type AS ENUM (
    'free',
    'starter',
    'professional',
    'enterprise'
);
CREATE TYPE public.chatapp_resolution_type AS ENUM (
    'ai',
    'human',
    'abandoned'
);
CREATE TYPE public.chatapp_subscription_status AS ENUM (
    'trialing',
    'active',
    'past_due',
    'paused',
    'canceled',
    'expired'
);
CREATE TYPE public.chatapp_user_role AS ENUM (
    'master_admin',
    'company_admin',
    'support_agent'
);
CREATE TYPE public.chatapp_user_status AS ENUM (
    'active',
    'inactive',
    'pending',
    'suspended'
);
CREATE FUNCTION public.chatapp_audit_guard() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$ begin
  if tg_op = 'DELETE' and current_user = tg_argv[0]
     and pg_catalog.current_setting('chatapp.audit_purge', true) = 'on' then
    if tg_level = 'ROW' then return old; else return null; end if;
  end if;
  raise exception using errcode = 'insufficient_privilege',
    message = tg_op || ' on ' || tg_table_name || ' refused: append-only';
end $$;
CREATE FUNCTION public.chatapp_current_company() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO ''
    AS $$ select nullif(pg_catalog.current_setting('chatapp.company_id', true), '')::uuid $$;
CREATE FUNCTION public.chatapp_touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$ begin new.updated_at := pg_catalog.now(); return new; end $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.chatapp_agent_packages (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    description text,
    category text,
    icon text,
    base_prompt text DEFAULT ''::text NOT NULL,
    suggested_tools jsonb DEFAULT '[]'::jsonb NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.chatapp_agent_packages FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_agent_packages IS 'Ready-made agents that companies start from';
COMMENT ON COLUMN public.chatapp_agent_packages.slug IS 'What the seed knows a package by';
COMMENT ON COLUMN public.chatapp_agent_packages.is_active IS 'Whether new agents may start from it';
CREATE TABLE public.chatapp_agents (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    name text NOT NULL,
    description text,
    avatar_url text,
    type public.chatapp_agent_type DEFAULT 'support'::public.chatapp_agent_type NOT NULL,
    status public.chatapp_agent_status DEFAULT 'draft'::public.chatapp_agent_status NOT NULL,
    system_prompt text DEFAULT ''::text NOT NULL,
    welcome_message text,
    model_config jsonb DEFAULT '{}'::jsonb NOT NULL,
    tools_config jsonb DEFAULT '{}'::jsonb NOT NULL,
    escalation_config jsonb DEFAULT '{}'::jsonb NOT NULL,
    widget_config jsonb DEFAULT '{}'::jsonb NOT NULL,
    package_id uuid,
    created_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.chatapp_agents FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_agents IS 'AI agents';
COMMENT ON COLUMN public.chatapp_agents.status IS 'draft, then active or paused, then archived for good';
COMMENT ON COLUMN public.chatapp_agents.package_id IS 'The package it started from';
COMMENT ON COLUMN public.chatapp_agents.created_by IS 'Null when platform staff made it';
CREATE TABLE public.chatapp_audit_logs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid,
    user_id uuid,
    staff_id uuid,
    action text NOT NULL,
    resource_type text NOT NULL,
    resource_id uuid,
    old_values jsonb,
    new_values jsonb,
    ip_address text,
    user_agent text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.chatapp_audit_logs FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_audit_logs IS 'Append only: who did what';
COMMENT ON COLUMN public.chatapp_audit_logs.company_id IS 'Null for what concerns no company';
COMMENT ON COLUMN public.chatapp_audit_logs.user_id IS 'A person of the company; null for platform staff';
COMMENT ON COLUMN public.chatapp_audit_logs.staff_id IS 'Platform staff; refers to no table, so it never blocks';
COMMENT ON COLUMN public.chatapp_audit_logs.old_values IS 'The changed columns only, no secrets';
COMMENT ON COLUMN public.chatapp_audit_logs.new_values IS 'The changed columns only, no secrets';
CREATE TABLE public.chatapp_canned_responses (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    user_id uuid,
    shortcut text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    content text NOT NULL,
    category text,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    is_team boolean DEFAULT true NOT NULL,
    usage_count integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_canned_responses_owner CHECK ((is_team OR (user_id IS NOT NULL)))
);
ALTER TABLE ONLY public.chatapp_canned_responses FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_canned_responses IS 'Ready-made answers of a person or of the team';
COMMENT ON COLUMN public.chatapp_canned_responses.user_id IS 'Whose it is, unless the team''s';
COMMENT ON COLUMN public.chatapp_canned_responses.shortcut IS 'What is typed to get it; upper and lower case are one';
CREATE TABLE public.chatapp_companies (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    domain text,
    logo_url text,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    subscription_plan_id uuid NOT NULL,
    subscription_status public.chatapp_subscription_status DEFAULT 'trialing'::public.chatapp_subscription_status NOT NULL,
    billing_cycle public.chatapp_billing_cycle,
    timezone text DEFAULT 'UTC'::text NOT NULL,
    trial_ends_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_companies_slug CHECK ((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text))
);
ALTER TABLE ONLY public.chatapp_companies FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_companies IS 'The tenants';
COMMENT ON COLUMN public.chatapp_companies.billing_cycle IS 'Null on a free plan';
COMMENT ON COLUMN public.chatapp_companies.timezone IS 'IANA name; says when a day of the analytics begins';
CREATE TABLE public.chatapp_conversation_analytics (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    resolution_type public.chatapp_resolution_type,
    messages_count integer DEFAULT 0 NOT NULL,
    ai_messages_count integer DEFAULT 0 NOT NULL,
    human_messages_count integer DEFAULT 0 NOT NULL,
    response_time_avg integer,
    duration_seconds integer,
    satisfaction_score integer,
    escalated boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_conversation_analytics_counts CHECK (((ai_messages_count + human_messages_count) <= messages_count)),
    CONSTRAINT ck_chatapp_conversation_analytics_score CHECK (((satisfaction_score >= 1) AND (satisfaction_score <= 5)))
);
ALTER TABLE ONLY public.chatapp_conversation_analytics FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_conversation_analytics IS 'How each conversation went, one row for each';
COMMENT ON COLUMN public.chatapp_conversation_analytics.human_messages_count IS 'Written by people of the company, not by the customer';
COMMENT ON COLUMN public.chatapp_conversation_analytics.response_time_avg IS 'Seconds';
COMMENT ON COLUMN public.chatapp_conversation_analytics.satisfaction_score IS '1 to 5';
CREATE TABLE public.chatapp_conversations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    assigned_user_id uuid,
    channel public.chatapp_channel_type DEFAULT 'widget'::public.chatapp_channel_type NOT NULL,
    channel_conversation_id text,
    status public.chatapp_conversation_status DEFAULT 'active'::public.chatapp_conversation_status NOT NULL,
    priority integer DEFAULT 1 NOT NULL,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    resolved_at timestamp with time zone,
    last_message_at timestamp with time zone DEFAULT now() NOT NULL,
    last_message_preview text,
    waiting_since timestamp with time zone,
    first_response_at timestamp with time zone,
    escalated_at timestamp with time zone,
    customer_last_read_at timestamp with time zone,
    agent_last_read_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_conversations_preview CHECK ((length(last_message_preview) <= 200)),
    CONSTRAINT ck_chatapp_conversations_priority CHECK (((priority >= 0) AND (priority <= 3))),
    CONSTRAINT ck_chatapp_conversations_resolved CHECK (
CASE status
    WHEN 'resolved'::public.chatapp_conversation_status THEN (resolved_at IS NOT NULL)
    WHEN 'archived'::public.chatapp_conversation_status THEN true
    ELSE (resolved_at IS NULL)
END)
);
ALTER TABLE ONLY public.chatapp_conversations FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_conversations IS 'Exchanges between a customer and an agent';
COMMENT ON COLUMN public.chatapp_conversations.assigned_user_id IS 'The person who took over';
COMMENT ON COLUMN public.chatapp_conversations.channel_conversation_id IS 'What the channel calls the conversation';
COMMENT ON COLUMN public.chatapp_conversations.priority IS '0 low, 1 normal, 2 high, 3 urgent';
COMMENT ON COLUMN public.chatapp_conversations.waiting_since IS 'Since when the customer has been waiting for a reply';
COMMENT ON COLUMN public.chatapp_conversations.agent_last_read_at IS 'When the company''s side last read it';
COMMENT ON COLUMN public.chatapp_conversations.version IS 'Grows with every change, for optimistic concurrency';
CREATE TABLE public.chatapp_customers (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    external_id text,
    email text,
    name text,
    phone text,
    avatar_url text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    first_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_customers_email CHECK (((email = lower((email COLLATE "C"))) AND (email = btrim(email)) AND (email IS NFC NORMALIZED)))
);
ALTER TABLE ONLY public.chatapp_customers FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_customers IS 'People who write to a company';
COMMENT ON COLUMN public.chatapp_customers.external_id IS 'What the company''s own systems call them';
COMMENT ON COLUMN public.chatapp_customers.email IS 'NFC, trimmed, lower case';
CREATE TABLE public.chatapp_daily_analytics (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    date date NOT NULL,
    conversations_total integer DEFAULT 0 NOT NULL,
    conversations_resolved integer DEFAULT 0 NOT NULL,
    conversations_escalated integer DEFAULT 0 NOT NULL,
    messages_total integer DEFAULT 0 NOT NULL,
    avg_response_time integer,
    avg_satisfaction numeric(3,2),
    response_time_sum bigint DEFAULT 0 NOT NULL,
    response_time_count integer DEFAULT 0 NOT NULL,
    satisfaction_sum integer DEFAULT 0 NOT NULL,
    satisfaction_count integer DEFAULT 0 NOT NULL,
    tokens_used bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.chatapp_daily_analytics FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_daily_analytics IS 'How each day did, in the company''s time zone';
COMMENT ON COLUMN public.chatapp_daily_analytics.date IS 'In the company''s time zone';
COMMENT ON COLUMN public.chatapp_daily_analytics.avg_response_time IS 'Seconds';
COMMENT ON COLUMN public.chatapp_daily_analytics.avg_satisfaction IS '1 to 5';
COMMENT ON COLUMN public.chatapp_daily_analytics.response_time_sum IS 'Seconds';
CREATE TABLE public.chatapp_db_version (
    version_num text NOT NULL,
    number integer GENERATED ALWAYS AS ((version_num)::integer) STORED NOT NULL
);
COMMENT ON TABLE public.chatapp_db_version IS 'The revision this schema is at; written by chatapp_db.migrate()';
CREATE TABLE public.chatapp_integrations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    type public.chatapp_integration_type NOT NULL,
    name text NOT NULL,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    status public.chatapp_integration_status DEFAULT 'inactive'::public.chatapp_integration_status NOT NULL,
    last_sync_at timestamp with time zone,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_integrations_config CHECK (((config = '{}'::jsonb) OR ((config)::text ~ '^[{]"v": [1-9][0-9]*, "ct": "[A-Za-z0-9+/_-]{22,}=*", "kid": "[A-Za-z0-9._:/-]+", "nonce": "[A-Za-z0-9+/_-]{16}"[}]$'::text)))
);
ALTER TABLE ONLY public.chatapp_integrations FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_integrations IS 'Connections to other services';
COMMENT ON COLUMN public.chatapp_integrations.config IS 'Sealed (AES-256-GCM), never plain text; empty: nothing to keep secret';
CREATE TABLE public.chatapp_knowledge_chunks (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    source_id uuid NOT NULL,
    content text NOT NULL,
    content_hash text DEFAULT ''::text NOT NULL,
    qdrant_id uuid NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    chunk_index integer NOT NULL,
    token_count integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.chatapp_knowledge_chunks FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_knowledge_chunks IS 'Passages of the sources; their vectors are in the vector store';
COMMENT ON COLUMN public.chatapp_knowledge_chunks.content_hash IS 'Tells whether the vector is current';
COMMENT ON COLUMN public.chatapp_knowledge_chunks.qdrant_id IS 'Point in the vector store: uuid5(company_id, id), never changed';
COMMENT ON COLUMN public.chatapp_knowledge_chunks.chunk_index IS 'Place in the source, from 0';
CREATE TABLE public.chatapp_knowledge_sources (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    agent_id uuid,
    name text NOT NULL,
    type public.chatapp_knowledge_source_type NOT NULL,
    status public.chatapp_knowledge_source_status DEFAULT 'processing'::public.chatapp_knowledge_source_status NOT NULL,
    file_path text,
    file_type text,
    file_size bigint,
    url text,
    content_hash text,
    error_message text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.chatapp_knowledge_sources FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_knowledge_sources IS 'Files, pages and texts that agents answer from';
COMMENT ON COLUMN public.chatapp_knowledge_sources.agent_id IS 'Null: all agents of the company';
COMMENT ON COLUMN public.chatapp_knowledge_sources.file_type IS 'Media type';
COMMENT ON COLUMN public.chatapp_knowledge_sources.file_size IS 'Bytes';
COMMENT ON COLUMN public.chatapp_knowledge_sources.content_hash IS 'Keeps the same content from being registered twice for an agent';
COMMENT ON COLUMN public.chatapp_knowledge_sources.created_by IS 'Null when platform staff made it';
CREATE TABLE public.chatapp_messages (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    role public.chatapp_message_role NOT NULL,
    type public.chatapp_message_type DEFAULT 'text'::public.chatapp_message_type NOT NULL,
    content text NOT NULL,
    sender_user_id uuid,
    is_private boolean DEFAULT false NOT NULL,
    external_id text,
    attachments jsonb DEFAULT '[]'::jsonb NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    tokens_used integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_messages_tokens CHECK ((tokens_used >= 0))
);
ALTER TABLE ONLY public.chatapp_messages FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_messages IS 'The turns of the conversations';
COMMENT ON COLUMN public.chatapp_messages.sender_user_id IS 'The person who wrote an assistant''s message; null: the AI agent did';
COMMENT ON COLUMN public.chatapp_messages.is_private IS 'A note the customer never sees';
COMMENT ON COLUMN public.chatapp_messages.external_id IS 'What the channel calls the message: delivered twice, it is one row';
CREATE TABLE public.chatapp_subscription_plans (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    description text,
    type public.chatapp_plan_type NOT NULL,
    price_monthly numeric(12,2) DEFAULT 0 NOT NULL,
    price_yearly numeric(12,2) DEFAULT 0 NOT NULL,
    currency text DEFAULT 'USD'::text NOT NULL,
    features jsonb DEFAULT '{}'::jsonb NOT NULL,
    limits jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_subscription_plans_currency CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT ck_chatapp_subscription_plans_price CHECK (((price_monthly >= (0)::numeric) AND (price_yearly >= (0)::numeric)))
);
ALTER TABLE ONLY public.chatapp_subscription_plans FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_subscription_plans IS 'Plans that companies subscribe to';
COMMENT ON COLUMN public.chatapp_subscription_plans.currency IS 'ISO 4217, of both prices';
COMMENT ON COLUMN public.chatapp_subscription_plans.limits IS 'null is unlimited';
COMMENT ON COLUMN public.chatapp_subscription_plans.is_active IS 'Whether new companies may choose it';
CREATE TABLE public.chatapp_team_invitations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    email text NOT NULL,
    role public.chatapp_user_role DEFAULT 'support_agent'::public.chatapp_user_role NOT NULL,
    invited_by uuid,
    token text NOT NULL,
    status public.chatapp_invitation_status DEFAULT 'pending'::public.chatapp_invitation_status NOT NULL,
    expires_at timestamp with time zone DEFAULT (now() + '7 days'::interval) NOT NULL,
    accepted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_team_invitations_email CHECK (((email = lower((email COLLATE "C"))) AND (email = btrim(email)) AND (email IS NFC NORMALIZED))),
    CONSTRAINT ck_chatapp_team_invitations_role CHECK ((role <> 'master_admin'::public.chatapp_user_role)),
    CONSTRAINT ck_chatapp_team_invitations_token CHECK ((length(token) = 64))
);
ALTER TABLE ONLY public.chatapp_team_invitations FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_team_invitations IS 'Invitations to join a company; one pending for an e-mail';
COMMENT ON COLUMN public.chatapp_team_invitations.email IS 'NFC, trimmed, lower case';
COMMENT ON COLUMN public.chatapp_team_invitations.invited_by IS 'Null when platform staff invited';
COMMENT ON COLUMN public.chatapp_team_invitations.token IS 'SHA-256 (hexadecimal) of the token, which is stored nowhere';
COMMENT ON COLUMN public.chatapp_team_invitations.expires_at IS 'Judged by the database''s clock';
CREATE TABLE public.chatapp_users (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    avatar_url text,
    role public.chatapp_user_role DEFAULT 'support_agent'::public.chatapp_user_role NOT NULL,
    company_id uuid,
    status public.chatapp_user_status DEFAULT 'pending'::public.chatapp_user_status NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    last_login_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_users_email CHECK (((email = lower((email COLLATE "C"))) AND (email = btrim(email)) AND (email IS NFC NORMALIZED))),
    CONSTRAINT ck_chatapp_users_role CHECK (((role = 'master_admin'::public.chatapp_user_role) = (company_id IS NULL)))
);
ALTER TABLE ONLY public.chatapp_users FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_users IS 'People who sign in; one account belongs to one company';
COMMENT ON COLUMN public.chatapp_users.email IS 'Unique over all companies; NFC, trimmed, lower case';
COMMENT ON COLUMN public.chatapp_users.company_id IS 'Null for a master admin';
CREATE TABLE public.chatapp_webhooks (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    url text NOT NULL,
    events text[] DEFAULT '{conversation.created}'::text[] NOT NULL,
    secret text,
    is_active boolean DEFAULT true NOT NULL,
    last_triggered_at timestamp with time zone,
    failure_count integer DEFAULT 0 NOT NULL,
    disabled_at timestamp with time zone,
    disabled_reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_chatapp_webhooks_events CHECK ((cardinality(events) > 0)),
    CONSTRAINT ck_chatapp_webhooks_secret CHECK ((secret ~ '^[{]"v":[1-9][0-9]*,"kid":"[A-Za-z0-9._:/-]+","nonce":"[A-Za-z0-9+/_-]{16}","ct":"[A-Za-z0-9+/_-]{22,}=*"[}]$'::text))
);
ALTER TABLE ONLY public.chatapp_webhooks FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_webhooks IS 'Addresses that are told what happens';
COMMENT ON COLUMN public.chatapp_webhooks.secret IS 'Sealed (AES-256-GCM), never plain text; null: calls are not signed';
COMMENT ON COLUMN public.chatapp_webhooks.failure_count IS 'Since it last worked';
CREATE TABLE public.chatapp_widget_settings (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    company_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    public_key text NOT NULL,
    allowed_origins text[] DEFAULT '{}'::text[] NOT NULL,
    appearance jsonb DEFAULT '{}'::jsonb NOT NULL,
    behavior jsonb DEFAULT '{}'::jsonb NOT NULL,
    launcher jsonb DEFAULT '{}'::jsonb NOT NULL,
    chat_window jsonb DEFAULT '{}'::jsonb NOT NULL,
    embed_code text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.chatapp_widget_settings FORCE ROW LEVEL SECURITY;
COMMENT ON TABLE public.chatapp_widget_settings IS 'The chat widget, one for a company';
COMMENT ON COLUMN public.chatapp_widget_settings.public_key IS 'Carries the company, which a widget does not know';
COMMENT ON COLUMN public.chatapp_widget_settings.allowed_origins IS 'Where the widget may run; empty is everywhere';
INSERT INTO public.chatapp_agents VALUES
	('11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', 'Agent of Harbour Bakery', NULL, NULL, 'support', 'draft', '', NULL, '{}', '{}', '{}', '{}', NULL, NULL, '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00'),
	('22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', 'Agent of Alpine Bicycles', NULL, NULL, 'support', 'draft', '', NULL, '{}', '{}', '{}', '{}', NULL, NULL, '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00');
INSERT INTO public.chatapp_companies VALUES
	('11111111-1111-7111-8111-111111111111', 'Harbour Bakery', 'harbour', NULL, NULL, '{}', '33333333-3333-7333-8333-333333333333', 'trialing', NULL, 'UTC', NULL, '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00'),
	('22222222-2222-7222-8222-222222222222', 'Alpine Bicycles', 'alpine', NULL, NULL, '{}', '33333333-3333-7333-8333-333333333333', 'trialing', NULL, 'UTC', NULL, '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00');
INSERT INTO public.chatapp_conversations VALUES
	('11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', NULL, 'widget', NULL, 'active', 1, '{}', '{}', '2026-11-22 20:57:19.711788+00', NULL, '2026-11-22 20:57:19.711788+00', NULL, NULL, NULL, NULL, NULL, NULL, 1, '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00'),
	('22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', NULL, 'widget', NULL, 'active', 1, '{}', '{}', '2026-11-22 20:57:19.711788+00', NULL, '2026-11-22 20:57:19.711788+00', NULL, NULL, NULL, NULL, NULL, NULL, 1, '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00');
INSERT INTO public.chatapp_customers VALUES
	('11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', NULL, NULL, 'Customer of Harbour Bakery', NULL, NULL, '{}', '{}', '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00'),
	('22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', NULL, NULL, 'Customer of Alpine Bicycles', NULL, NULL, '{}', '{}', '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00');
INSERT INTO public.chatapp_db_version VALUES
	('0001', DEFAULT);
INSERT INTO public.chatapp_messages VALUES
	('f5f248e6-4898-4675-b121-5dc2de4ae75b', '11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', 'user', 'text', 'Where is my parcel with the rye bread?', NULL, false, NULL, '[]', '{}', 0, '2026-01-05 09:01:00+00', '2026-11-22 20:57:19.711788+00'),
	('2962f38e-6c02-410a-b11b-6715fae1adb1', '11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', 'assistant', 'text', 'Your parcel left this morning.', NULL, false, NULL, '[]', '{}', 0, '2026-01-05 09:02:00+00', '2026-11-22 20:57:19.711788+00'),
	('94e32a1a-0271-454e-a8e3-754164f3dba0', '11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', 'user', 'text', 'Thank you, I will wait.', NULL, false, NULL, '[]', '{}', 0, '2026-01-05 09:03:00+00', '2026-11-22 20:57:19.711788+00'),
	('78d0eed6-f4af-4a38-b04d-17876a3b4a06', '11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', 'assistant', 'text', 'Note: offer a refund if the parcel is late', NULL, true, NULL, '[]', '{}', 0, '2026-01-05 09:04:00+00', '2026-11-22 20:57:19.711788+00'),
	('9078cfa1-ade7-4d86-a72c-2b48dd233c32', '11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111', 'user', 'text', 'Straße geöffnet? Überraschung!', NULL, false, NULL, '[]', '{}', 0, '2026-01-05 09:05:00+00', '2026-11-22 20:57:19.711788+00'),
	('1a96ce3f-e849-407c-b3e2-40feb386ea05', '22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', 'user', 'text', 'Where is my parcel with the rye bread?', NULL, false, NULL, '[]', '{}', 0, '2026-01-05 09:01:00+00', '2026-11-22 20:57:19.711788+00'),
	('537a66b8-43dd-4b26-8dd4-645d3ca66c85', '22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', 'assistant', 'text', 'Your parcel left this morning.', NULL, false, NULL, '[]', '{}', 0, '2026-01-05 09:02:00+00', '2026-11-22 20:57:19.711788+00'),
	('5cb514f3-ca50-4b03-8d26-6959455f252b', '22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', 'user', 'text', 'Thank you, I will wait.', NULL, false, NULL, '[]', '{}', 0, '2026-01-05 09:03:00+00', '2026-11-22 20:57:19.711788+00'),
	('e962dd0f-36ef-46ba-a930-f66716c9e88c', '22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', 'assistant', 'text', 'Note: offer a refund if the parcel is late', NULL, true, NULL, '[]', '{}', 0, '2026-01-05 09:04:00+00', '2026-11-22 20:57:19.711788+00'),
	('f0198c0f-f6e4-4dfb-9c7c-fe555245136d', '22222222-2222-7222-8222-222222222222', '22222222-2222-7222-8222-222222222222', 'user', 'text', 'Straße geöffnet? Überraschung!', NULL, false, NULL, '[]', '{}', 0, '2026-01-05 09:05:00+00', '2026-11-22 20:57:19.711788+00');
INSERT INTO public.chatapp_subscription_plans VALUES
	('33333333-3333-7333-8333-333333333333', 'Plan', 'plan', NULL, 'free', 0.00, 0.00, 'USD', '{}', '{}', true, '2026-11-22 20:57:19.711788+00', '2026-11-22 20:57:19.711788+00');
ALTER TABLE ONLY public.chatapp_agent_packages
    ADD CONSTRAINT pk_chatapp_agent_packages PRIMARY KEY (id);
ALTER TABLE ONLY public.chatapp_agents
    ADD CONSTRAINT pk_chatapp_agents PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_audit_logs
    ADD CONSTRAINT pk_chatapp_audit_logs PRIMARY KEY (id);
ALTER TABLE ONLY public.chatapp_canned_responses
    ADD CONSTRAINT pk_chatapp_canned_responses PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_companies
    ADD CONSTRAINT pk_chatapp_companies PRIMARY KEY (id);
ALTER TABLE ONLY public.chatapp_conversation_analytics
    ADD CONSTRAINT pk_chatapp_conversation_analytics PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_conversations
    ADD CONSTRAINT pk_chatapp_conversations PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_customers
    ADD CONSTRAINT pk_chatapp_customers PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_daily_analytics
    ADD CONSTRAINT pk_chatapp_daily_analytics PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_db_version
    ADD CONSTRAINT pk_chatapp_db_version PRIMARY KEY (version_num);
ALTER TABLE ONLY public.chatapp_integrations
    ADD CONSTRAINT pk_chatapp_integrations PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_knowledge_chunks
    ADD CONSTRAINT pk_chatapp_knowledge_chunks PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_knowledge_sources
    ADD CONSTRAINT pk_chatapp_knowledge_sources PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_messages
    ADD CONSTRAINT pk_chatapp_messages PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_subscription_plans
    ADD CONSTRAINT pk_chatapp_subscription_plans PRIMARY KEY (id);
ALTER TABLE ONLY public.chatapp_team_invitations
    ADD CONSTRAINT pk_chatapp_team_invitations PRIMARY KEY (id);
ALTER TABLE ONLY public.chatapp_users
    ADD CONSTRAINT pk_chatapp_users PRIMARY KEY (id);
ALTER TABLE ONLY public.chatapp_webhooks
    ADD CONSTRAINT pk_chatapp_webhooks PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_widget_settings
    ADD CONSTRAINT pk_chatapp_widget_settings PRIMARY KEY (company_id, id);
ALTER TABLE ONLY public.chatapp_agent_packages
    ADD CONSTRAINT uq_chatapp_agent_packages_slug UNIQUE (slug);
ALTER TABLE ONLY public.chatapp_companies
    ADD CONSTRAINT uq_chatapp_companies_slug UNIQUE (slug);
ALTER TABLE ONLY public.chatapp_conversation_analytics
    ADD CONSTRAINT uq_chatapp_conversation_analytics_conversation_id UNIQUE (company_id, conversation_id);
ALTER TABLE ONLY public.chatapp_customers
    ADD CONSTRAINT uq_chatapp_customers_email UNIQUE (company_id, email);
ALTER TABLE ONLY public.chatapp_customers
    ADD CONSTRAINT uq_chatapp_customers_external_id UNIQUE (company_id, external_id);
ALTER TABLE ONLY public.chatapp_daily_analytics
    ADD CONSTRAINT uq_chatapp_daily_analytics_date UNIQUE (company_id, date);
ALTER TABLE ONLY public.chatapp_integrations
    ADD CONSTRAINT uq_chatapp_integrations_type_name UNIQUE (company_id, type, name);
ALTER TABLE ONLY public.chatapp_knowledge_chunks
    ADD CONSTRAINT uq_chatapp_knowledge_chunks_qdrant_id UNIQUE (company_id, qdrant_id);
ALTER TABLE ONLY public.chatapp_knowledge_chunks
    ADD CONSTRAINT uq_chatapp_knowledge_chunks_source_id_chunk_index UNIQUE (company_id, source_id, chunk_index);
ALTER TABLE ONLY public.chatapp_subscription_plans
    ADD CONSTRAINT uq_chatapp_subscription_plans_slug UNIQUE (slug);
ALTER TABLE ONLY public.chatapp_team_invitations
    ADD CONSTRAINT uq_chatapp_team_invitations_token UNIQUE (token);
ALTER TABLE ONLY public.chatapp_users
    ADD CONSTRAINT uq_chatapp_users_company_id_id UNIQUE (company_id, id);
ALTER TABLE ONLY public.chatapp_users
    ADD CONSTRAINT uq_chatapp_users_email UNIQUE (email);
ALTER TABLE ONLY public.chatapp_widget_settings
    ADD CONSTRAINT uq_chatapp_widget_settings_company_id UNIQUE (company_id);
CREATE INDEX ix_chatapp_agents_created_by ON public.chatapp_agents USING btree (company_id, created_by);
CREATE INDEX ix_chatapp_agents_package_id ON public.chatapp_agents USING btree (package_id);
CREATE INDEX ix_chatapp_audit_logs_company_id_created_at ON public.chatapp_audit_logs USING btree (company_id, created_at, id);
CREATE INDEX ix_chatapp_audit_logs_company_id_user_id ON public.chatapp_audit_logs USING btree (company_id, user_id);
CREATE INDEX ix_chatapp_canned_responses_user_id ON public.chatapp_canned_responses USING btree (company_id, user_id);
CREATE INDEX ix_chatapp_companies_subscription_plan_id ON public.chatapp_companies USING btree (subscription_plan_id);
CREATE INDEX ix_chatapp_conversation_analytics_agent_id ON public.chatapp_conversation_analytics USING btree (company_id, agent_id);
CREATE INDEX ix_chatapp_conversations_agent_id ON public.chatapp_conversations USING btree (company_id, agent_id);
CREATE INDEX ix_chatapp_conversations_assigned_user_id ON public.chatapp_conversations USING btree (company_id, assigned_user_id);
CREATE INDEX ix_chatapp_conversations_customer_id ON public.chatapp_conversations USING btree (company_id, customer_id);
CREATE INDEX ix_chatapp_conversations_inbox_active ON public.chatapp_conversations USING btree (company_id, last_message_at DESC, id DESC) WHERE (status = 'active'::public.chatapp_conversation_status);
CREATE INDEX ix_chatapp_conversations_inbox_archived ON public.chatapp_conversations USING btree (company_id, last_message_at DESC, id DESC) WHERE (status = 'archived'::public.chatapp_conversation_status);
CREATE INDEX ix_chatapp_conversations_inbox_resolved ON public.chatapp_conversations USING btree (company_id, last_message_at DESC, id DESC) WHERE (status = 'resolved'::public.chatapp_conversation_status);
CREATE INDEX ix_chatapp_conversations_inbox_waiting ON public.chatapp_conversations USING btree (company_id, last_message_at DESC, id DESC) WHERE (status = 'waiting'::public.chatapp_conversation_status);
CREATE INDEX ix_chatapp_conversations_queue ON public.chatapp_conversations USING btree (company_id, priority DESC, waiting_since, id) WHERE ((status = 'waiting'::public.chatapp_conversation_status) AND (assigned_user_id IS NULL));
CREATE INDEX ix_chatapp_conversations_started_at ON public.chatapp_conversations USING btree (company_id, started_at);
CREATE INDEX ix_chatapp_conversations_status ON public.chatapp_conversations USING btree (company_id, status);
CREATE INDEX ix_chatapp_customers_last_seen_at ON public.chatapp_customers USING btree (company_id, last_seen_at, id);
CREATE INDEX ix_chatapp_knowledge_sources_agent_id ON public.chatapp_knowledge_sources USING btree (company_id, agent_id);
CREATE INDEX ix_chatapp_knowledge_sources_created_by ON public.chatapp_knowledge_sources USING btree (company_id, created_by);
CREATE INDEX ix_chatapp_messages_page ON public.chatapp_messages USING btree (company_id, conversation_id, created_at, id);
CREATE INDEX ix_chatapp_messages_sender_user_id ON public.chatapp_messages USING btree (company_id, sender_user_id) WHERE (sender_user_id IS NOT NULL);
CREATE INDEX ix_chatapp_team_invitations_company_id_created_at ON public.chatapp_team_invitations USING btree (company_id, created_at);
CREATE INDEX ix_chatapp_team_invitations_company_id_invited_by ON public.chatapp_team_invitations USING btree (company_id, invited_by);
CREATE INDEX ix_chatapp_widget_settings_agent_id ON public.chatapp_widget_settings USING btree (company_id, agent_id);
CREATE UNIQUE INDEX uq_chatapp_canned_responses_own ON public.chatapp_canned_responses USING btree (company_id, user_id, lower(shortcut)) WHERE (NOT is_team);
CREATE UNIQUE INDEX uq_chatapp_canned_responses_team ON public.chatapp_canned_responses USING btree (company_id, lower(shortcut)) WHERE is_team;
CREATE UNIQUE INDEX uq_chatapp_conversations_channel ON public.chatapp_conversations USING btree (company_id, channel_conversation_id, channel) WHERE (channel_conversation_id IS NOT NULL);
CREATE UNIQUE INDEX uq_chatapp_knowledge_sources_content ON public.chatapp_knowledge_sources USING btree (company_id, agent_id, content_hash) NULLS NOT DISTINCT WHERE ((status <> 'error'::public.chatapp_knowledge_source_status) AND (content_hash IS NOT NULL));
CREATE UNIQUE INDEX uq_chatapp_messages_external ON public.chatapp_messages USING btree (company_id, conversation_id, external_id) WHERE (external_id IS NOT NULL);
CREATE UNIQUE INDEX uq_chatapp_team_invitations_company_id_email ON public.chatapp_team_invitations USING btree (company_id, email) WHERE (status = 'pending'::public.chatapp_invitation_status);
CREATE TRIGGER tr_chatapp_agent_packages_updated_at BEFORE UPDATE ON public.chatapp_agent_packages FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_agents_updated_at BEFORE UPDATE ON public.chatapp_agents FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_audit_logs_row BEFORE DELETE OR UPDATE ON public.chatapp_audit_logs FOR EACH ROW EXECUTE FUNCTION public.chatapp_audit_guard('chatapp_platform');
CREATE TRIGGER tr_chatapp_audit_logs_statement BEFORE DELETE OR UPDATE OR TRUNCATE ON public.chatapp_audit_logs FOR EACH STATEMENT EXECUTE FUNCTION public.chatapp_audit_guard('chatapp_platform');
CREATE TRIGGER tr_chatapp_canned_responses_updated_at BEFORE UPDATE ON public.chatapp_canned_responses FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_companies_updated_at BEFORE UPDATE ON public.chatapp_companies FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_conversation_analytics_updated_at BEFORE UPDATE ON public.chatapp_conversation_analytics FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_conversations_updated_at BEFORE UPDATE ON public.chatapp_conversations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_customers_updated_at BEFORE UPDATE ON public.chatapp_customers FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_daily_analytics_updated_at BEFORE UPDATE ON public.chatapp_daily_analytics FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_integrations_updated_at BEFORE UPDATE ON public.chatapp_integrations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_knowledge_chunks_updated_at BEFORE UPDATE ON public.chatapp_knowledge_chunks FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_knowledge_sources_updated_at BEFORE UPDATE ON public.chatapp_knowledge_sources FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_messages_updated_at BEFORE UPDATE ON public.chatapp_messages FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_subscription_plans_updated_at BEFORE UPDATE ON public.chatapp_subscription_plans FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_team_invitations_updated_at BEFORE UPDATE ON public.chatapp_team_invitations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_users_updated_at BEFORE UPDATE ON public.chatapp_users FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_webhooks_updated_at BEFORE UPDATE ON public.chatapp_webhooks FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
CREATE TRIGGER tr_chatapp_widget_settings_updated_at BEFORE UPDATE ON public.chatapp_widget_settings FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.chatapp_touch_updated_at();
ALTER TABLE ONLY public.chatapp_agents
    ADD CONSTRAINT fk_chatapp_agents_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_agents
    ADD CONSTRAINT fk_chatapp_agents_created_by FOREIGN KEY (company_id, created_by) REFERENCES public.chatapp_users(company_id, id);
ALTER TABLE ONLY public.chatapp_agents
    ADD CONSTRAINT fk_chatapp_agents_package_id FOREIGN KEY (package_id) REFERENCES public.chatapp_agent_packages(id);
ALTER TABLE ONLY public.chatapp_audit_logs
    ADD CONSTRAINT fk_chatapp_audit_logs_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_audit_logs
    ADD CONSTRAINT fk_chatapp_audit_logs_company_id_user_id FOREIGN KEY (company_id, user_id) REFERENCES public.chatapp_users(company_id, id);
ALTER TABLE ONLY public.chatapp_canned_responses
    ADD CONSTRAINT fk_chatapp_canned_responses_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_canned_responses
    ADD CONSTRAINT fk_chatapp_canned_responses_user_id FOREIGN KEY (company_id, user_id) REFERENCES public.chatapp_users(company_id, id);
ALTER TABLE ONLY public.chatapp_companies
    ADD CONSTRAINT fk_chatapp_companies_subscription_plan_id FOREIGN KEY (subscription_plan_id) REFERENCES public.chatapp_subscription_plans(id);
ALTER TABLE ONLY public.chatapp_conversation_analytics
    ADD CONSTRAINT fk_chatapp_conversation_analytics_agent_id FOREIGN KEY (company_id, agent_id) REFERENCES public.chatapp_agents(company_id, id);
ALTER TABLE ONLY public.chatapp_conversation_analytics
    ADD CONSTRAINT fk_chatapp_conversation_analytics_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_conversation_analytics
    ADD CONSTRAINT fk_chatapp_conversation_analytics_conversation_id FOREIGN KEY (company_id, conversation_id) REFERENCES public.chatapp_conversations(company_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.chatapp_conversations
    ADD CONSTRAINT fk_chatapp_conversations_agent_id FOREIGN KEY (company_id, agent_id) REFERENCES public.chatapp_agents(company_id, id);
ALTER TABLE ONLY public.chatapp_conversations
    ADD CONSTRAINT fk_chatapp_conversations_assigned_user_id FOREIGN KEY (company_id, assigned_user_id) REFERENCES public.chatapp_users(company_id, id);
ALTER TABLE ONLY public.chatapp_conversations
    ADD CONSTRAINT fk_chatapp_conversations_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_conversations
    ADD CONSTRAINT fk_chatapp_conversations_customer_id FOREIGN KEY (company_id, customer_id) REFERENCES public.chatapp_customers(company_id, id);
ALTER TABLE ONLY public.chatapp_customers
    ADD CONSTRAINT fk_chatapp_customers_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_daily_analytics
    ADD CONSTRAINT fk_chatapp_daily_analytics_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_integrations
    ADD CONSTRAINT fk_chatapp_integrations_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_knowledge_chunks
    ADD CONSTRAINT fk_chatapp_knowledge_chunks_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_knowledge_chunks
    ADD CONSTRAINT fk_chatapp_knowledge_chunks_source_id FOREIGN KEY (company_id, source_id) REFERENCES public.chatapp_knowledge_sources(company_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.chatapp_knowledge_sources
    ADD CONSTRAINT fk_chatapp_knowledge_sources_agent_id FOREIGN KEY (company_id, agent_id) REFERENCES public.chatapp_agents(company_id, id);
ALTER TABLE ONLY public.chatapp_knowledge_sources
    ADD CONSTRAINT fk_chatapp_knowledge_sources_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_knowledge_sources
    ADD CONSTRAINT fk_chatapp_knowledge_sources_created_by FOREIGN KEY (company_id, created_by) REFERENCES public.chatapp_users(company_id, id);
ALTER TABLE ONLY public.chatapp_messages
    ADD CONSTRAINT fk_chatapp_messages_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_messages
    ADD CONSTRAINT fk_chatapp_messages_conversation_id FOREIGN KEY (company_id, conversation_id) REFERENCES public.chatapp_conversations(company_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.chatapp_messages
    ADD CONSTRAINT fk_chatapp_messages_sender_user_id FOREIGN KEY (company_id, sender_user_id) REFERENCES public.chatapp_users(company_id, id);
ALTER TABLE ONLY public.chatapp_team_invitations
    ADD CONSTRAINT fk_chatapp_team_invitations_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_team_invitations
    ADD CONSTRAINT fk_chatapp_team_invitations_company_id_invited_by FOREIGN KEY (company_id, invited_by) REFERENCES public.chatapp_users(company_id, id);
ALTER TABLE ONLY public.chatapp_users
    ADD CONSTRAINT fk_chatapp_users_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_webhooks
    ADD CONSTRAINT fk_chatapp_webhooks_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
ALTER TABLE ONLY public.chatapp_widget_settings
    ADD CONSTRAINT fk_chatapp_widget_settings_agent_id FOREIGN KEY (company_id, agent_id) REFERENCES public.chatapp_agents(company_id, id);
ALTER TABLE ONLY public.chatapp_widget_settings
    ADD CONSTRAINT fk_chatapp_widget_settings_company_id FOREIGN KEY (company_id) REFERENCES public.chatapp_companies(id);
CREATE POLICY app_delete ON public.chatapp_agents FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_canned_responses FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_conversation_analytics FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_conversations FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_customers FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_daily_analytics FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_integrations FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_knowledge_chunks FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_knowledge_sources FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_messages FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_webhooks FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_delete ON public.chatapp_widget_settings FOR DELETE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_agents FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_audit_logs FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_canned_responses FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_conversation_analytics FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_conversations FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_customers FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_daily_analytics FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_integrations FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_knowledge_chunks FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_knowledge_sources FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_messages FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_team_invitations FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_users FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_webhooks FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_insert ON public.chatapp_widget_settings FOR INSERT TO chatapp_app WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_agent_packages FOR SELECT TO chatapp_app USING (true);
CREATE POLICY app_select ON public.chatapp_agents FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_audit_logs FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_canned_responses FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_companies FOR SELECT TO chatapp_app USING ((id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_conversation_analytics FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_conversations FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_customers FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_daily_analytics FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_integrations FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_knowledge_chunks FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_knowledge_sources FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_messages FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_subscription_plans FOR SELECT TO chatapp_app USING (true);
CREATE POLICY app_select ON public.chatapp_team_invitations FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_users FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_webhooks FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_select ON public.chatapp_widget_settings FOR SELECT TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_agents FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_canned_responses FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_companies FOR UPDATE TO chatapp_app USING ((id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_conversation_analytics FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_conversations FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_customers FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_daily_analytics FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_integrations FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_knowledge_chunks FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_knowledge_sources FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_messages FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_team_invitations FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_users FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_webhooks FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
CREATE POLICY app_update ON public.chatapp_widget_settings FOR UPDATE TO chatapp_app USING ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company))) WITH CHECK ((company_id = ( SELECT public.chatapp_current_company() AS chatapp_current_company)));
ALTER TABLE public.chatapp_agent_packages ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_audit_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_canned_responses ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_companies ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_conversation_analytics ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_daily_analytics ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_db_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_integrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_knowledge_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_knowledge_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_subscription_plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_team_invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_users ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.chatapp_widget_settings ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform_delete ON public.chatapp_agent_packages FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_agents FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_audit_logs FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_canned_responses FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_companies FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_conversation_analytics FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_conversations FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_customers FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_daily_analytics FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_integrations FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_knowledge_chunks FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_knowledge_sources FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_messages FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_subscription_plans FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_team_invitations FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_users FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_webhooks FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_delete ON public.chatapp_widget_settings FOR DELETE TO chatapp_platform USING (true);
CREATE POLICY platform_insert ON public.chatapp_agent_packages FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_agents FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_audit_logs FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_canned_responses FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_companies FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_conversation_analytics FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_conversations FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_customers FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_daily_analytics FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_integrations FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_knowledge_chunks FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_knowledge_sources FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_messages FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_subscription_plans FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_team_invitations FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_users FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_webhooks FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_insert ON public.chatapp_widget_settings FOR INSERT TO chatapp_platform WITH CHECK (true);
CREATE POLICY platform_select ON public.chatapp_agent_packages FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_agents FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_audit_logs FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_canned_responses FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_companies FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_conversation_analytics FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_conversations FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_customers FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_daily_analytics FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_integrations FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_knowledge_chunks FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_knowledge_sources FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_messages FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_subscription_plans FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_team_invitations FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_users FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_webhooks FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_select ON public.chatapp_widget_settings FOR SELECT TO chatapp_platform USING (true);
CREATE POLICY platform_update ON public.chatapp_agent_packages FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_agents FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_canned_responses FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_companies FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_conversation_analytics FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_conversations FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_customers FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_daily_analytics FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_integrations FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_knowledge_chunks FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_knowledge_sources FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_messages FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_subscription_plans FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_team_invitations FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_users FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_webhooks FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY platform_update ON public.chatapp_widget_settings FOR UPDATE TO chatapp_platform USING (true) WITH CHECK (true);
CREATE POLICY version_select ON public.chatapp_db_version FOR SELECT TO chatapp_app, chatapp_platform USING (true);
GRANT USAGE ON SCHEMA public TO chatapp_app;
GRANT USAGE ON SCHEMA public TO chatapp_platform;
REVOKE ALL ON FUNCTION public.chatapp_audit_guard() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.chatapp_current_company() FROM PUBLIC;
GRANT ALL ON FUNCTION public.chatapp_current_company() TO chatapp_app;
GRANT ALL ON FUNCTION public.chatapp_current_company() TO chatapp_platform;
REVOKE ALL ON FUNCTION public.chatapp_touch_updated_at() FROM PUBLIC;
GRANT SELECT ON TABLE public.chatapp_agent_packages TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_agent_packages TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_agents TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_agents TO chatapp_platform;
GRANT SELECT,INSERT ON TABLE public.chatapp_audit_logs TO chatapp_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.chatapp_audit_logs TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_canned_responses TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_canned_responses TO chatapp_platform;
GRANT SELECT ON TABLE public.chatapp_companies TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_companies TO chatapp_platform;
GRANT UPDATE(name) ON TABLE public.chatapp_companies TO chatapp_app;
GRANT UPDATE(domain) ON TABLE public.chatapp_companies TO chatapp_app;
GRANT UPDATE(logo_url) ON TABLE public.chatapp_companies TO chatapp_app;
GRANT UPDATE(settings) ON TABLE public.chatapp_companies TO chatapp_app;
GRANT UPDATE(timezone) ON TABLE public.chatapp_companies TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_conversation_analytics TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_conversation_analytics TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_conversations TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_conversations TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_customers TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_customers TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_daily_analytics TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_daily_analytics TO chatapp_platform;
GRANT SELECT ON TABLE public.chatapp_db_version TO chatapp_app;
GRANT SELECT ON TABLE public.chatapp_db_version TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_integrations TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_integrations TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_knowledge_chunks TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_knowledge_chunks TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_knowledge_sources TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_knowledge_sources TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_messages TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_messages TO chatapp_platform;
GRANT SELECT ON TABLE public.chatapp_subscription_plans TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_subscription_plans TO chatapp_platform;
GRANT SELECT,INSERT,UPDATE ON TABLE public.chatapp_team_invitations TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_team_invitations TO chatapp_platform;
GRANT SELECT,INSERT,UPDATE ON TABLE public.chatapp_users TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_users TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_webhooks TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_webhooks TO chatapp_platform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_widget_settings TO chatapp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.chatapp_widget_settings TO chatapp_platform;
