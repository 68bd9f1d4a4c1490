"""Invitations: who was asked to join a company."""

from __future__ import annotations

from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.rows import TeamInvitationRow
from chatapp_db.schema import TeamInvitation

__all__ = ["AsyncInvitationRepository", "InvitationOperations", "InvitationRepository"]


class InvitationOperations(TenantOperations[TeamInvitationRow]):
    """A company's invitations, read only."""

    entity = Entity(TeamInvitation, TeamInvitationRow, "invitation")


class InvitationRepository(InvitationOperations, BlockingRepository):
    """A company's invitations, blocking."""


class AsyncInvitationRepository(InvitationOperations, AsyncioRepository):
    """A company's invitations, awaited."""
