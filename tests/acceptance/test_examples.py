"""The example works as it stands: started for real, it carries a support team through a day."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chatapp_db.testing.server import server_folder

EXAMPLE = Path(__file__).parents[2] / "examples" / "inbox_service.py"
ACME = {"X-API-Key": "acme-key"}
BOLT = {"X-API-Key": "bolt-key"}
WIDGET = re.compile(r"Acme: X-API-Key acme-key, widget (\S+)")
ADDRESS = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")
PATIENCE = 60


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Name an empty folder to the service, for its PostgreSQL."""
    with server_folder() as place:
        monkeypatch.setenv("INBOX_FOLDER", str(place / "inbox"))
        yield place / "inbox"


def loaded() -> Any:
    """Import the example, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("inbox_service", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    service = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(service)
    return service


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Start the service inside this process, and open a client that needs no port."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://inbox") as client,
    ):
        yield client


@contextmanager
def started() -> Generator[subprocess.Popen[str]]:
    """Start the service by the one command of its docstring, on a port that is free."""
    process = subprocess.Popen(
        [sys.executable, EXAMPLE],
        env={**os.environ, "PORT": "0", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str], *wanted: re.Pattern[str]) -> list[str]:
    """Read what the service prints until all that is wanted was said."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        found = [pattern.search(said) for pattern in wanted]
        if all(found):
            return [one[1] for one in found if one]
    raise AssertionError(said)


async def told(answer: Any, status: int = 200) -> Any:
    """Take what a request was answered with."""
    response: httpx.Response = await answer
    assert response.status_code == status, response.text
    return response.json()


def widget_of_acme(printed: str) -> str:
    """Give the path by which a visitor of Acme writes, as the start printed its key."""
    found = WIDGET.search(printed)
    assert found is not None, printed
    return f"/widget/{found[1]}/messages"


def visit(number: int, content: str) -> dict[str, str]:
    return {"id": f"m-{number}", "visitor_id": "v-1", "name": "Mara", "content": content}


async def test_a_day_of_an_inbox(folder, capsys):
    async with running(loaded().app) as client:
        widget = widget_of_acme(capsys.readouterr().out)

        asked = await told(client.post(widget, json=visit(1, "Where is my parcel?")), 201)
        assert await told(client.post(widget, json=visit(1, "Where is my parcel?")), 201) == asked
        (item,) = (await told(client.get("/inbox?view=unattended&channel=widget", headers=ACME)))["items"]
        assert (item["customer_name"], item["last_message_preview"]) == ("Mara", "Where is my parcel?")
        counts = {"all": 1, "mine": 0, "unassigned": 1, "unattended": 1}
        assert await told(client.get("/inbox/counts", headers=ACME)) == counts

        parcel = f"/conversations/{item['id']}"
        mine = await told(
            client.post(f"{parcel}/assign-to-me", params={"version": item["version"]}, headers=ACME)
        )
        await told(client.post(f"{parcel}/resolve", params={"version": item["version"]}, headers=ACME), 412)
        note = {"content": "The van is late."}
        assert (await told(client.post(f"{parcel}/notes", json=note, headers=ACME), 201))["is_private"]
        answered = {"content": "It arrives at noon."}
        sent = await told(client.post(f"{parcel}/replies", json=answered, headers=ACME), 201)
        assert sent["sender_user_id"] == mine["assigned_user_id"]
        assert len((await told(client.get("/inbox?view=mine", headers=ACME)))["items"]) == 1

        assert (await told(client.post(f"{parcel}/resolve", headers=ACME)))["status"] == "resolved"
        assert (await told(client.get("/inbox", headers=ACME)))["items"] == []
        assert (await told(client.post(f"{parcel}/reopen", headers=ACME)))["status"] == "active"
        await told(client.post(f"{parcel}/resolve", headers=ACME))
        await told(client.post(widget, json=visit(2, "Thank you!")), 201)
        thread = await told(client.get(parcel, headers=ACME))
        assert thread["conversation"]["status"] == "active"
        said = [message["content"] for message in thread["history"]["items"]]
        assert said == ["Thank you!", "It arrives at noon.", "The van is late.", "Where is my parcel?"]

        (hit,) = (await told(client.get("/messages?query=parcel -noon", headers=ACME)))["items"]
        assert hit["id"] == asked["id"]


def test_nothing_but_the_public_api_is_used():
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if str(node.module).startswith("chatapp_db")]
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert {node.module for node in ours} == {
        "chatapp_db",
        "chatapp_db.fastapi",
        "chatapp_db.rows",
        "chatapp_db.scopes",
    }
    for node in ours:
        offered = importlib.import_module(str(node.module)).__all__
        assert {alias.name for alias in node.names} <= {*offered}
    assert [name for name in attributes if name.startswith("_")] == []


def test_the_command_of_the_docstring_serves_until_it_is_stopped(folder):
    assert "python examples/inbox_service.py" in str(loaded().__doc__)
    with started() as process:
        key, address = heard(process, WIDGET, ADDRESS)
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            asked = client.post(f"/widget/{key}/messages", json=visit(1, "Where is my parcel?"))
            assert asked.status_code == 201
            path = f"/conversations/{asked.json()['conversation_id']}"
            assert client.get(path, headers=ACME).status_code == 200
            assert client.get(path, headers=BOLT).status_code == 404
            assert client.get("/docs").status_code == 200
        process.terminate()
        process.wait(PATIENCE)
    assert folder.exists()
    assert not (folder / "postmaster.pid").exists()


async def test_a_second_start_finds_everything_again(folder, capsys):
    service = loaded()
    async with running(service.app):
        before = widget_of_acme(capsys.readouterr().out)
    async with running(service.app):
        assert widget_of_acme(capsys.readouterr().out) == before


async def test_a_page_leads_to_the_next_one(folder, capsys):
    async with running(loaded().app) as client:
        widget = widget_of_acme(capsys.readouterr().out)
        for number in (1, 2):
            visitor = {**visit(number, f"Question {number}"), "visitor_id": f"v-{number}"}
            await told(client.post(widget, json=visitor), 201)

        first = await told(client.get("/inbox?limit=1", headers=ACME))
        cursor = first["next_cursor"]
        second = await told(client.get("/inbox", params={"limit": 1, "cursor": cursor}, headers=ACME))
        assert [it["last_message_preview"] for it in first["items"] + second["items"]] == [
            "Question 2",
            "Question 1",
        ]
        await told(client.get("/inbox", params={"limit": 1, "cursor": cursor}, headers=BOLT), 422)


async def test_another_company_finds_nothing_of_it(folder, capsys):
    async with running(loaded().app) as client:
        widget = widget_of_acme(capsys.readouterr().out)
        asked = await told(client.post(widget, json=visit(1, "Where is my parcel?")), 201)
        theirs, nobodys = (f"/conversations/{id}" for id in (asked["conversation_id"], uuid4()))

        for method, path, body in (
            ("GET", "", None),
            ("POST", "/replies", {"content": "Let me in"}),
            ("POST", "/notes", {"content": "Let me in"}),
            ("POST", "/assign-to-me", None),
            ("POST", "/resolve", None),
            ("POST", "/reopen", None),
        ):
            refused = await told(client.request(method, f"{theirs}{path}", json=body, headers=BOLT), 404)
            assert refused == await told(
                client.request(method, f"{nobodys}{path}", json=body, headers=BOLT), 404
            )
        for path in ("/inbox", "/messages?query=parcel"):
            assert (await told(client.get(path, headers=BOLT)))["items"] == []
        assert (await told(client.get("/inbox/counts", headers=BOLT)))["all"] == 0
        assert len((await told(client.get(theirs, headers=ACME)))["history"]["items"]) == 1


async def test_a_request_that_is_wrong_is_told_so(folder, capsys):
    async with running(loaded().app) as client:
        assert (await client.get("/inbox")).status_code in {401, 403}
        await told(client.get("/inbox", headers={"X-API-Key": "guess"}), 401)
        await told(client.get("/inbox?view=nobodys", headers=ACME), 422)
        await told(client.get("/inbox?limit=0", headers=ACME), 422)
        await told(client.get("/inbox?cursor=damaged", headers=ACME), 422)
        await told(client.post("/widget/no-key/messages", json=visit(1, "Hello")), 422)
