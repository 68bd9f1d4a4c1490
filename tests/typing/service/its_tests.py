"""Test it with the fixtures of the plugin."""

from uuid import UUID

from chatapp_db import AsyncDatabase, Database
from chatapp_db.rows import CustomerRow
from chatapp_db.schema import Customer, Message
from chatapp_db.testing import CompanyRows, Rows, Twin, Twins, aassert_isolated, assert_isolated
from chatapp_db.vectors import VectorStore


def test_a_customer_is_found(chatapp_company: CompanyRows, chatapp_rows: Rows) -> None:
    customer: Customer = chatapp_company.add(Customer, name="Grace")
    found: CustomerRow = chatapp_company.scope.customers.get(customer.id)
    assert (found.name, chatapp_rows.add(Message).content) != ("", "")


def test_nobody_sees_another(chatapp_database: Database, chatapp_twins: Twins) -> None:
    def counted(us: Twin) -> int:
        return chatapp_database.company(us.id).customers.count()

    assert_isolated(counted, chatapp_twins)


async def test_nobody_awaits_another(chatapp_async_database: AsyncDatabase, chatapp_twins: Twins) -> None:
    async def read(us: Twin, whose: Twin) -> UUID:
        customer = await chatapp_async_database.company(us.id).customers.get(whose.one(Customer).id)
        return customer.id

    await aassert_isolated(read, chatapp_twins)


def test_a_store_is_empty(chatapp_vector_store: VectorStore, chatapp_company: CompanyRows) -> None:
    assert chatapp_vector_store.search(chatapp_company.id, [1.0] * 8, 3) == []
