"""What the audit trail says of these verbs: which row, who had it done, how much there was."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from chatapp_db.execution.carriers import Carrier
from chatapp_db.repositories.users.audit import AsyncAuditRepository, AsyncPlatformAuditRepository
from chatapp_db.rows import AuditLogValues
from chatapp_db.schema.payloads import AuditValues

__all__ = ["Trail"]

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trail:
    """The entries about one row; in the company's own trail, or in the platform's where there is none."""

    resource_type: str
    resource_id: UUID | None
    company_id: UUID | None
    staff_id: UUID | None

    async def note(self, carrier: Carrier, verb: str, **values: Any) -> None:
        """Add an entry."""
        entry: AuditLogValues = {
            "action": f"{self.resource_type}.{verb}",
            "resource_type": self.resource_type,
            "resource_id": self.resource_id,
            "staff_id": self.staff_id,
            "new_values": cast("AuditValues", values),
        }
        if self.company_id is None:
            await AsyncPlatformAuditRepository(carrier).record(**entry)
        else:
            await AsyncAuditRepository(carrier, self.company_id).record(**entry)
        # The entry may go with the company; who was erased stays unsaid here too.
        _LOG.info("%s.%s", self.resource_type, verb, extra={"company_id": str(self.company_id or "")})
