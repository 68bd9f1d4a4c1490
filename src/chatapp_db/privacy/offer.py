"""What a database offers about personal rows, blocking and awaited; an export is a scope."""

from __future__ import annotations

from uuid import UUID

from chatapp_db.execution.carriers import SingleCalls, Transaction
from chatapp_db.execution.entrance import Entrance
from chatapp_db.execution.operation import Asyncio, Blocking, finish
from chatapp_db.privacy.erasing import COMPANY, CUSTOMER, Tree, found
from chatapp_db.privacy.exporting import SNAPSHOT, AsyncExport, Export, of_company, of_customer
from chatapp_db.privacy.trail import Trail
from chatapp_db.privacy.verbs import PrivacyOperations
from chatapp_db.repositories.border import as_company_id, as_id
from chatapp_db.scopes import AsyncOpenScope, OpenScope

__all__ = ["AsyncPrivacy", "Privacy"]


class Privacy(Blocking, PrivacyOperations):
    """Personal rows of any company, blocking."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    def export_customer(
        self,
        company_id: UUID | str,
        customer_id: UUID,
        *,
        private_notes: bool = True,
        staff_id: UUID | None = None,
    ) -> OpenScope[Export]:
        """Read a customer with all that belongs to them: ``with .. as export:``, ``for line in export:``.

        Each line is a JSON object of a ``table`` and a ``row`` of it, all as they were at one moment; what
        is secret is left out. The lines come in batches from the server: memory does not grow with them.
        Without ``private_notes`` it is what the customer has seen.

        Entering it raises NotFound; this raises InvalidValue.
        """
        source = _Source(self._entrance, CUSTOMER, company_id, as_id("customer_id", customer_id), staff_id)
        extracts = of_customer(private_notes=private_notes)
        export = Export(source.transaction, extracts, source.parameters)
        return OpenScope(source.transaction, export, lambda: finish(source.announce()))

    def export_company(self, company_id: UUID | str, *, staff_id: UUID | None = None) -> OpenScope[Export]:
        """Read a company with every row of it, in the form of ``export_customer``.

        Entering it raises NotFound; this raises InvalidValue.
        """
        source = _Source(self._entrance, COMPANY, company_id, None, staff_id)
        export = Export(source.transaction, of_company(), source.parameters)
        return OpenScope(source.transaction, export, lambda: finish(source.announce()))


class AsyncPrivacy(Asyncio, PrivacyOperations):
    """Personal rows of any company, awaited."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    def export_customer(
        self,
        company_id: UUID | str,
        customer_id: UUID,
        *,
        private_notes: bool = True,
        staff_id: UUID | None = None,
    ) -> AsyncOpenScope[AsyncExport]:
        """Read a customer with all that belongs to them: ``async with``, then ``async for line in export:``.

        What the lines are, the blocking twin says. Entering it raises NotFound; this raises InvalidValue.
        """
        source = _Source(self._entrance, CUSTOMER, company_id, as_id("customer_id", customer_id), staff_id)
        extracts = of_customer(private_notes=private_notes)
        export = AsyncExport(source.transaction, extracts, source.parameters)
        return AsyncOpenScope(source.transaction, export, source.announce)

    def export_company(
        self, company_id: UUID | str, *, staff_id: UUID | None = None
    ) -> AsyncOpenScope[AsyncExport]:
        """Read a company with every row of it, in the form of ``export_customer``.

        Entering it raises NotFound; this raises InvalidValue.
        """
        source = _Source(self._entrance, COMPANY, company_id, None, staff_id)
        export = AsyncExport(source.transaction, of_company(), source.parameters)
        return AsyncOpenScope(source.transaction, export, source.announce)


class _Source:
    """One root that is exported: the transaction it is read in, and the trail's entry about it."""

    def __init__(
        self,
        entrance: Entrance,
        tree: Tree,
        company_id: UUID | str,
        root_id: UUID | None,
        staff_id: UUID | None,
    ) -> None:
        company = as_company_id(company_id)
        self.transaction = Transaction(entrance, None, platform=True, opening=SNAPSHOT)
        self.parameters = tree.parameters(company, root_id or company)
        self._tree = tree
        self._single = SingleCalls(entrance, None, platform=True)
        self._trail = Trail(tree.name, root_id or company, company, staff_id)

    async def announce(self) -> None:
        """Note that it is exported, in the company's own trail.

        Raises NotFound.
        """
        await found(self._tree, self._single, self.parameters)
        await self._trail.note(self._single, "exported")
