"""A store seen by one company: the same operations without their first argument."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from chatapp_db.execution.operation import Asyncio, Blocking, operation
from chatapp_db.vectors.operations import VectorOperations
from chatapp_db.vectors.strictness import check_company

__all__ = ["AsyncCompanyVectors", "CompanyVectors"]

P = ParamSpec("P")
T = TypeVar("T")


def _bound(body: Callable[Concatenate[Any, uuid.UUID, P], Coroutine[Any, Any, T]]) -> operation[P, T]:
    async def call(view: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await body(view.store, view.company_id, *args, **kwargs)

    # Not update_wrapper: it would show the company as an argument still to be given.
    call.__name__, call.__doc__ = body.__name__, body.__doc__
    return operation(call)


class _OfOneCompany:
    def __init__(self, store: VectorOperations, company_id: uuid.UUID) -> None:
        self.store = store
        self.company_id = check_company(company_id)

    upsert = _bound(VectorOperations.upsert)
    search = _bound(VectorOperations.search)
    search_batch = _bound(VectorOperations.search_batch)
    retrieve = _bound(VectorOperations.retrieve)
    scroll = _bound(VectorOperations.scroll)
    count = _bound(VectorOperations.count)
    delete = _bound(VectorOperations.delete)
    delete_source = _bound(VectorOperations.delete_source)


class CompanyVectors(Blocking, _OfOneCompany):
    """The vectors of one company."""


class AsyncCompanyVectors(Asyncio, _OfOneCompany):
    """The vectors of one company, awaited."""
