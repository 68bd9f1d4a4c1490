"""Dependencies that open the scope of the company that a request is from."""

# FastAPI reads these annotations where they stand: they name what the enclosing function was given.

from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends

from chatapp_db.database import AsyncDatabase
from chatapp_db.fastapi.lifespan import database
from chatapp_db.repositories.acting import Actor
from chatapp_db.scopes import AsyncCompanyScope, AsyncTenant

__all__ = ["company", "tenant"]


def _nobody() -> None:
    """Bind nobody: the audit trail tells what was done, and not by whom."""


def company(signed_in: Callable[..., Any], *, actor: Callable[..., Any] = _nobody) -> Any:
    """Depend on a company's repositories, each call a transaction and a round trip of its own.

    ``signed_in`` is the dependency that authenticates the request, whatever it is, and gives the company's
    id: ``Annotated[AsyncCompanyScope, company(signed_in)]``. ``actor`` is one that gives the Actor whom the
    audit trail names beside every change, or None.
    """

    def scope(
        company_id: Annotated[UUID | str, Depends(signed_in)],
        opened: Annotated[AsyncDatabase, Depends(database)],
        acting: Annotated[Actor | None, Depends(actor)],
    ) -> AsyncCompanyScope:
        return opened.company(company_id, actor=acting)

    return Depends(scope)


def tenant(signed_in: Callable[..., Any], *, actor: Callable[..., Any] = _nobody) -> Any:
    """Depend on one transaction of a company: committed when the endpoint returns, undone by its error.

    It ends before the answer is sent, so that nobody is told of what is then not saved. Both dependencies
    are those of ``company``.
    """

    async def scope(
        company_id: Annotated[UUID | str, Depends(signed_in)],
        opened: Annotated[AsyncDatabase, Depends(database)],
        acting: Annotated[Actor | None, Depends(actor)],
    ) -> AsyncGenerator[AsyncTenant]:
        async with opened.tenant(company_id, actor=acting) as transaction:
            yield transaction

    return Depends(scope, scope="function")
