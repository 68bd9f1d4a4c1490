"""The example answers whatever its OpenAPI schema allows, and only as the schema says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chatapp_db.testing.server import server_folder
from tests.acceptance.test_examples import loaded

CASES = 15
OPERATIONS = [
    ("get", "/inbox"),
    ("get", "/inbox/counts"),
    ("get", "/messages"),
    ("get", "/conversations/{id}"),
    ("post", "/conversations/{id}/assign-to-me"),
    ("post", "/conversations/{id}/notes"),
    ("post", "/conversations/{id}/reopen"),
    ("post", "/conversations/{id}/replies"),
    ("post", "/conversations/{id}/resolve"),
    ("post", "/widget/{public_key}/messages"),
]


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    """Serve the example on a free port, from a thread with a loop of its own."""
    with server_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("INBOX_FOLDER", str(Path(folder) / "inbox"))
        server = uvicorn.Server(uvicorn.Config(loaded().app, port=0, log_level="error"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
        thread.start()
        while not server.started and thread.is_alive():
            thread.join(0.05)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
        server.should_exit = True
        thread.join()


def test_every_operation_is_tried():
    paths: dict[str, Any] = loaded().app.openapi()["paths"]
    assert sorted((verb, path) for path, verbs in paths.items() for verb in verbs) == sorted(OPERATIONS)


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "path"), OPERATIONS)
def test_an_operation_keeps_to_its_schema(address: str, verb: str, path: str):
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]

    @given(case=schema[path][verb].as_strategy())
    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def keeps_to_it(case: Any) -> None:
        case.call_and_validate(headers={"X-API-Key": "acme-key"}, checks=checks)

    keeps_to_it()
