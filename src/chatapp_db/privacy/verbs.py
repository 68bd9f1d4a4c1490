"""What the platform does with personal rows: erase them, anonymise people, let go what is old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from chatapp_db.errors import InvalidReference, NotFound, SerializationFailure
from chatapp_db.execution.carriers import SingleCalls, Transaction
from chatapp_db.execution.entrance import Entrance
from chatapp_db.execution.operation import operation
from chatapp_db.privacy.anonymising import anonymise
from chatapp_db.privacy.erasing import COMPANY, CUSTOMER, PURGING, Erasure, Uprooting, found
from chatapp_db.privacy.retaining import Retention, RetentionPolicy, Weeding, companies_after
from chatapp_db.privacy.trail import Trail
from chatapp_db.repositories.border import as_company_id, as_id
from chatapp_db.rows import UserRow
from chatapp_db.scopes import AsyncOpenScope

__all__ = ["PrivacyOperations"]

_ATTEMPTS = 5


class PrivacyOperations:
    """Personal rows of any company.

    Each verb notes in the audit trail that it begins, and at its end what came of it: ids and counts, and
    nothing of who was erased. The rows that it removes leave no entries of their own.
    """

    _entrance: Entrance

    @operation
    async def erase_customer(
        self,
        company_id: UUID | str,
        customer_id: UUID,
        *,
        staff_id: UUID | None = None,
        dry_run: bool = False,
        tell: Callable[[Erasure], object] | None = None,
    ) -> Erasure:
        """Erase a customer with all that belongs to them: conversations, messages, analytics.

        In batches that are committed each; after an interruption run it again. Others may write until the
        last of them; whoever would begin a conversation with the customer then gets InvalidReference.
        ``tell`` is called with how far it is; ``dry_run`` only counts.

        Raises NotFound, InvalidValue.
        """
        company, customer = as_company_id(company_id), as_id("customer_id", customer_id)
        uprooting = Uprooting(CUSTOMER, company, customer, tell)
        trail = Trail("customer", customer, company, staff_id)
        return await self._erase(uprooting, trail, dry_run=dry_run)

    @operation
    async def erase_company(
        self,
        company_id: UUID | str,
        *,
        staff_id: UUID | None = None,
        dry_run: bool = False,
        tell: Callable[[Erasure], object] | None = None,
    ) -> Erasure:
        """Erase a company with every row of it, its people and its audit trail among them.

        In batches, like ``erase_customer``. Its services may write until the last of them and get
        InvalidReference from then on, some SerializationFailure in between; stop them before, or it takes
        longer. What is left is one change in the vector outbox for each embedding set, by which the sync
        worker deletes the company's vectors from the stores.

        Raises NotFound, InvalidValue.
        """
        company = as_company_id(company_id)
        uprooting = Uprooting(COMPANY, company, company, tell)
        trail = Trail("company", company, None, staff_id)
        return await self._erase(uprooting, trail, dry_run=dry_run)

    @operation
    async def anonymise_user(
        self, company_id: UUID | str, user_id: UUID, *, staff_id: UUID | None = None
    ) -> UserRow:
        """Take a person who leaves out of their row: name, e-mail, picture, settings; they sign in no more.

        What they wrote stays a person's, not the AI's, so the row stays. Invitations to them say no e-mail
        either, and their open conversations are nobody's. What the audit trail said of them before stays
        until its own retention. The second time changes nothing.

        Raises NotFound.
        """
        company, user = as_company_id(company_id), as_id("user_id", user_id)
        transaction = self._transaction()
        async with AsyncOpenScope(transaction, transaction) as carrier:
            people = await carrier.fetch(anonymise(), {"company_id": company, "id": user}, before=[PURGING])
            if not people:
                raise NotFound("user")
            await Trail("user", user, company, staff_id).note(carrier, "anonymised")
        return people[0]

    @operation
    async def retain(
        self,
        policy: RetentionPolicy,
        now: datetime,
        *,
        company_id: UUID | str | None = None,
        staff_id: UUID | None = None,
        dry_run: bool = False,
        tell: Callable[[Retention], object] | None = None,
    ) -> Retention:
        """Remove what is older than a policy allows, of one company or of all of them.

        In batches that are committed each, for which any number of workers may run it. What others work on
        at that moment is left for the next time. ``dry_run`` counts what is too old now: what two periods
        are about is counted twice, and a customer whose conversations would go first not at all.

        Raises NotFound for a company that does not exist, InvalidValue.
        """
        company = None if company_id is None else as_company_id(company_id)
        weeding = Weeding(policy, now, tell)
        carrier = SingleCalls(self._entrance, None, platform=True)
        if company is not None:
            await found(COMPANY, carrier, {"company_id": company})
        trail = Trail("retention", None, company, staff_id)
        await trail.note(carrier, "begun", before=weeding.limits(), dry_run=dry_run)
        if company is not None:
            await self._weed(weeding, company, staff_id, dry_run=dry_run)
            return weeding.retention
        after = UUID(int=0)
        while ids := await carrier.fetch(companies_after(), {"after": after}):
            after = ids[-1]
            for id in ids:
                await self._weed(weeding, id, staff_id, dry_run=dry_run)
        await self._weed(weeding, None, staff_id, dry_run=dry_run)
        return weeding.retention

    async def _erase(self, uprooting: Uprooting, trail: Trail, *, dry_run: bool) -> Erasure:
        """Delete what can be by single calls, then the rest; or count it all."""
        carrier = SingleCalls(self._entrance, None, platform=True)
        await found(uprooting.tree, carrier, uprooting.parameters)
        await trail.note(carrier, "erasure_begun", dry_run=dry_run)
        if dry_run:
            await uprooting.count(carrier)
        else:
            await uprooting.clear(carrier)
            await self._finish(uprooting, trail)
        return uprooting.erasure

    async def _finish(self, uprooting: Uprooting, trail: Trail) -> None:
        """Delete the rest and note what was erased, in one transaction; again if others were in its way."""
        before = dict(uprooting.erasure.rows)
        for attempt in range(_ATTEMPTS):
            transaction = self._transaction()
            try:
                async with AsyncOpenScope(transaction, transaction) as carrier:
                    await uprooting.finish(carrier)
                    await trail.note(carrier, "erased", rows=uprooting.erasure.rows)
                return
            except (InvalidReference, SerializationFailure):
                uprooting.erasure.rows.update(before)
                uprooting.start_over()
                if attempt == _ATTEMPTS - 1:
                    raise

    async def _weed(
        self, weeding: Weeding, company_id: UUID | None, staff_id: UUID | None, *, dry_run: bool
    ) -> None:
        carrier = SingleCalls(self._entrance, None, platform=True)
        if dry_run:
            await weeding.count(carrier, company_id)
            return
        removed = await weeding.remove(carrier, company_id)
        if removed:
            trail = Trail("retention", None, company_id, staff_id)
            await trail.note(carrier, "applied", rows=removed)

    def _transaction(self) -> Transaction:
        return Transaction(self._entrance, None, platform=True)
