"""Usage: what a company has used of its plan in each month, and what is reserved meanwhile."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chatapp_db.schema.base import Base, Tenant, Timestamped, tenant_table
from chatapp_db.schema.columns import Amount, BigCount, Code, Day, Key, Moment, on_insert_only, verbs_only


class UsageCounter(Tenant, Timestamped, Base):
    """How much of one thing a company used in a month."""

    __tablename__ = "chatapp_usage_counters"
    __table_args__ = tenant_table(
        UniqueConstraint("company_id", "metric", "period"),
        CheckConstraint("used >= 0", name="used"),
        comment="What was used in each month",
    )

    metric: Mapped[Code] = mapped_column(comment="The name of the plan's limit", info=on_insert_only())
    period: Mapped[Day] = mapped_column(
        comment="The first day of the month, in the company's time zone", info=on_insert_only()
    )
    used: Mapped[BigCount] = mapped_column(server_default=text("0"), info=verbs_only())


class UsageReservation(Tenant, Timestamped, Base):
    """A part of the plan's limit that is held until it was used, or what was counted under a key."""

    __tablename__ = "chatapp_usage_reservations"
    __table_args__ = tenant_table(
        UniqueConstraint("company_id", "key"),
        Index(
            "ix_chatapp_usage_reservations_open",
            "company_id",
            "metric",
            "period",
            "expires_at",
            postgresql_where=text("settled_at IS NULL"),
        ),
        Index(None, "company_id", "expires_at"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("used IS NULL OR used >= 0 AND settled_at IS NOT NULL", name="used"),
        comment="What is held of a limit until it was used, and what was counted under a key",
    )

    metric: Mapped[Code] = mapped_column(comment="The name of the plan's limit", info=on_insert_only())
    period: Mapped[Day] = mapped_column(comment="The month that it counts in", info=on_insert_only())
    amount: Mapped[Amount] = mapped_column(info=on_insert_only())
    key: Mapped[Key | None] = mapped_column(
        comment="The caller's name for it: given twice, it counts once", info=verbs_only()
    )
    expires_at: Mapped[Moment] = mapped_column(
        server_default=text("now() + interval '15 minutes'"),
        comment="From then on it holds nothing",
        info=verbs_only(),
    )
    settled_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    used: Mapped[BigCount | None] = mapped_column(comment="Null: open, or released", info=verbs_only())
