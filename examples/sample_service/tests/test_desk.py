"""The desk, tested with the fixtures that chatapp-db brings and nothing else."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from desk.app import create_app
from fastapi.testclient import TestClient

from chatapp_db.schema import Conversation, Customer, Message, MessageRole, User
from chatapp_db.testing import CompanyRows, Twin, Twins, assert_isolated


@pytest.fixture
def client(chatapp_database_url: str) -> Iterator[TestClient]:
    """The service, in which a company's id is its key."""
    with TestClient(create_app(chatapp_database_url, sign_in=UUID)) as client:
        yield client


def key_of(company: CompanyRows | Twin) -> dict[str, str]:
    return {"X-API-Key": str(company.id)}


def test_who_waits_is_listed_until_somebody_answers(client: TestClient, chatapp_company: CompanyRows) -> None:
    ben = chatapp_company.add(User, name="Ben")
    conversation = chatapp_company.add(Conversation)
    chatapp_company.scope.messages.append(conversation.id, role=MessageRole.USER, content="Where is it?")
    me = key_of(chatapp_company)

    (item,) = client.get("/waiting", headers=me).json()["items"]
    assert item["last_message_preview"] == "Where is it?"

    answer = {"content": "At noon.", "user_id": str(ben.id)}
    assert client.post(f"/conversations/{item['id']}/replies", json=answer, headers=me).status_code == 201
    assert client.get("/waiting", headers=me).json()["items"] == []


def test_a_reply_that_fails_takes_nothing_over(client: TestClient, chatapp_company: CompanyRows) -> None:
    conversation = chatapp_company.add(Conversation)
    ben = chatapp_company.add(User)
    answer = {"content": "x" * 100_001, "user_id": str(ben.id)}

    refused = client.post(
        f"/conversations/{conversation.id}/replies", json=answer, headers=key_of(chatapp_company)
    )

    assert refused.status_code == 422
    assert chatapp_company.scope.conversations.get(conversation.id).assigned_user_id is None


def test_a_customer_is_corrected(client: TestClient, chatapp_company: CompanyRows) -> None:
    customer = chatapp_company.add(Customer, email="grace@example.com")
    path, me = f"/customers/{customer.id}", key_of(chatapp_company)

    corrected = client.patch(path, json={"email": "Grace@Example.org"}, headers=me)

    assert corrected.json()["email"] == "grace@example.org"
    assert client.patch(path, json={"e-mail": "grace@example.net"}, headers=me).status_code == 422


def test_no_company_reaches_another(client: TestClient, chatapp_twins: Twins) -> None:
    def reply(us: Twin, whose: Twin) -> object:
        answer = {"content": "Hello", "user_id": str(us.one(User).id)}
        path = f"/conversations/{whose.one(Conversation).id}/replies"
        return client.post(path, json=answer, headers=key_of(us))

    assert_isolated(lambda us: client.get("/waiting", headers=key_of(us)), chatapp_twins)
    assert_isolated(reply, chatapp_twins)


def test_a_message_brings_its_conversation(chatapp_company: CompanyRows) -> None:
    message = chatapp_company.add(Message, content="Hello")

    assert chatapp_company.scope.conversations.get(message.conversation_id).company_id == chatapp_company.id
