"""Users: the people of a company, their invitations, and the log of what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chatapp_db.schema.base import (
    Base,
    Created,
    Identified,
    Timestamped,
    children,
    email_is_normal,
    global_table,
    inside_company,
    parent,
)
from chatapp_db.schema.columns import (
    DIGEST_LENGTH,
    Code,
    Digest,
    Email,
    IpAddress,
    Moment,
    Name,
    Note,
    Reference,
    ShortText,
    Url,
    document,
    labelled,
    on_insert_only,
    verbs_only,
)
from chatapp_db.schema.enums import InvitationStatus, UserRole, UserStatus
from chatapp_db.schema.payloads import AuditValues, UserSettings

if TYPE_CHECKING:
    from chatapp_db.schema.agents import Agent
    from chatapp_db.schema.companies import Company
    from chatapp_db.schema.conversations import CannedResponse, Conversation, Message
    from chatapp_db.schema.knowledge import KnowledgeSource


class User(Identified, Timestamped, Base):
    """A person who signs in: of one company, or a master admin of none."""

    __tablename__ = "chatapp_users"
    __table_args__ = global_table(
        UniqueConstraint("email"),
        UniqueConstraint("company_id", "id"),
        email_is_normal(),
        CheckConstraint("(role = 'master_admin') = (company_id IS NULL)", name="role"),
        company_key="company_id",
        comment="People who sign in; one account belongs to one company",
    )

    email: Mapped[Email] = mapped_column(comment="Unique over all companies; NFC, trimmed, lower case")
    name: Mapped[Name]
    avatar_url: Mapped[Url | None]
    role: Mapped[UserRole] = labelled(UserRole, default=UserRole.SUPPORT_AGENT)
    company_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("chatapp_companies.id"), comment="Null for a master admin"
    )
    status: Mapped[UserStatus] = labelled(UserStatus, default=UserStatus.PENDING)
    settings: Mapped[UserSettings] = document()
    last_login_at: Mapped[Moment | None] = mapped_column(info=verbs_only())

    company: Mapped[Company | None] = relationship(lazy="raise", back_populates="users")
    sent_invitations: Mapped[list[TeamInvitation]] = children(
        "TeamInvitation.invited_by", "User", back_populates="inviter"
    )
    audit_logs: Mapped[list[AuditLog]] = children("AuditLog.user_id", "User", back_populates="user")
    created_agents: Mapped[list[Agent]] = children("Agent.created_by", "User", back_populates="creator")
    created_knowledge_sources: Mapped[list[KnowledgeSource]] = children(
        "KnowledgeSource.created_by", "User", back_populates="creator"
    )
    assigned_conversations: Mapped[list[Conversation]] = children(
        "Conversation.assigned_user_id", "User", back_populates="assigned_user"
    )
    sent_messages: Mapped[list[Message]] = children("Message.sender_user_id", "User", back_populates="sender")
    canned_responses: Mapped[list[CannedResponse]] = children(
        "CannedResponse.user_id", "User", back_populates="user"
    )


class TeamInvitation(Identified, Timestamped, Base):
    """An invitation to join a company."""

    __tablename__ = "chatapp_team_invitations"
    __table_args__ = global_table(
        UniqueConstraint("token_hash"),
        Index(
            "uq_chatapp_team_invitations_company_id_email",
            "company_id",
            "email",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
        Index(None, "company_id", "created_at"),
        # For the one who asks for all companies: a company's own statement does not say the second, so
        # it is never read from everybody's.
        Index(
            "ix_chatapp_team_invitations_expiry",
            "expires_at",
            "id",
            postgresql_where=text("status = 'pending' AND accepted_at IS NULL"),
        ),
        inside_company("invited_by", "chatapp_users"),
        Index(None, "company_id", "invited_by"),
        email_is_normal(),
        CheckConstraint("role <> 'master_admin'", name="role"),
        CheckConstraint(f"length(token) = {DIGEST_LENGTH}", name="token"),
        company_key="company_id",
        comment="Invitations to join a company; one pending for an e-mail",
    )

    company_id: Mapped[Reference] = mapped_column(ForeignKey("chatapp_companies.id"))
    email: Mapped[Email] = mapped_column(comment="NFC, trimmed, lower case", info=on_insert_only())
    role: Mapped[UserRole] = labelled(UserRole, default=UserRole.SUPPORT_AGENT)
    invited_by: Mapped[Reference | None] = mapped_column(
        comment="Null when platform staff invited", info=on_insert_only()
    )
    token_hash: Mapped[Digest] = mapped_column(
        "token",
        key="token_hash",
        comment="SHA-256 (hexadecimal) of the token, which is stored nowhere",
        info={**verbs_only(), "secret": True},
    )
    status: Mapped[InvitationStatus] = labelled(
        InvitationStatus, default=InvitationStatus.PENDING, info=verbs_only()
    )
    expires_at: Mapped[Moment] = mapped_column(
        server_default=text("now() + interval '7 days'"), comment="Judged by the database's clock"
    )
    accepted_at: Mapped[Moment | None] = mapped_column(info=verbs_only())

    company: Mapped[Company] = relationship(lazy="raise", back_populates="team_invitations")
    inviter: Mapped[User | None] = parent(
        "TeamInvitation.invited_by", "User", back_populates="sent_invitations"
    )


class AuditLog(Identified, Created, Base):
    """What somebody did; append only."""

    __tablename__ = "chatapp_audit_logs"
    __table_args__ = global_table(
        Index("ix_chatapp_audit_logs_company_id_created_at", "company_id", "created_at", "id"),
        inside_company("user_id", "chatapp_users"),
        Index(None, "company_id", "user_id"),
        Index(
            "ix_chatapp_audit_logs_user",
            "company_id",
            "user_id",
            "created_at",
            "id",
            postgresql_where=text("user_id IS NOT NULL"),
        ),
        Index("ix_chatapp_audit_logs_action", "company_id", "action", "created_at", "id"),
        Index("ix_chatapp_audit_logs_resource_type", "company_id", "resource_type", "created_at", "id"),
        Index(
            "ix_chatapp_audit_logs_resource",
            "company_id",
            "resource_id",
            "created_at",
            "id",
            postgresql_where=text("resource_id IS NOT NULL"),
        ),
        company_key="company_id",
        comment="Append only: who did what",
    )

    company_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("chatapp_companies.id"), comment="Null for what concerns no company"
    )
    user_id: Mapped[Reference | None] = mapped_column(
        comment="A person of the company; null for platform staff"
    )
    staff_id: Mapped[Reference | None] = mapped_column(
        comment="Platform staff; refers to no table, so it never blocks"
    )
    actor_label: Mapped[ShortText | None] = mapped_column(
        comment="Who acted, in words: a job, an API key, a channel", sort_order=2
    )
    action: Mapped[Code]
    resource_type: Mapped[Code]
    resource_id: Mapped[Reference | None]
    old_values: Mapped[AuditValues | None] = document(
        default=None, comment="The changed columns only, no secrets"
    )
    new_values: Mapped[AuditValues | None] = document(
        default=None, comment="The changed columns only, no secrets"
    )
    ip_address: Mapped[IpAddress | None]
    user_agent: Mapped[Note | None]

    company: Mapped[Company | None] = relationship(lazy="raise", back_populates="audit_logs")
    user: Mapped[User | None] = parent("AuditLog.user_id", "User", back_populates="audit_logs")
