"""What the pages on Litestar and on workers promise holds in Litestar, in Celery's processes and in arq.

Litestar reads the annotations of its endpoints, so here they are no text.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from chatapp_db import AsyncDatabase, InvalidReference, Unavailable
from chatapp_db.rows import AgentChanges
from chatapp_db.schema import Conversation
from chatapp_db.testing import CompanyRows
from tests.documents import ROOT, program

LITESTAR = ROOT / "docs" / "howto" / "litestar.md"
WORKERS = ROOT / "docs" / "howto" / "workers.md"
PATIENCE = 60

# Where the filesystem is the broker, for want of a server.
QUEUE = """
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue"}
"""

FAILING_ONCE = """
@app.task(bind=True, autoretry_for=(Unavailable,), retry_backoff=True, max_retries=5)
def failing_once(self, company_id: str, conversation_id: str) -> None:
    if not self.request.retries:
        raise Unavailable("a lost connection")
    answer(app.db, UUID(company_id), UUID(conversation_id), self.request.id)
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chatapp_database_url: str) -> Callable[..., Any]:
    """Import a program as a module of its own, below the test's database."""
    monkeypatch.setenv("CHATAPP_DATABASE_URL", chatapp_database_url)

    def load(name: str, text: str) -> Any:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def service(load: Callable[..., Any]) -> Any:
    """The page's service, up to where it is tried."""
    headings = ("The database", "The company", "Errors", "Endpoints")
    return load("litestar_page", "\n".join(program(LITESTAR, below=heading) for heading in headings))


@asynccontextmanager
async def serving(service: Any, company: CompanyRows, *endpoints: Any) -> Any:
    """Serve endpoints beside the page's, to a client of the company."""
    from litestar import Litestar
    from litestar.testing import AsyncTestClient

    service.KEYS["ours"] = company.id
    app = Litestar(
        [service.one_agent, *endpoints],
        dependencies=service.SCOPES,
        exception_handlers={service.ChatAppDbError: service.refuse},
        lifespan=[service.lifespan],
    )
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        client.headers["X-API-Key"] = "ours"
        yield client


async def test_an_error_of_a_litestar_endpoint_undoes_its_transaction(service, chatapp_company):
    from litestar import post

    @post("/both")
    async def both(tenant: service.Tenant) -> None:
        await tenant.agents.add(name="Ada")
        await tenant.agents.get(uuid4())

    async with serving(service, chatapp_company, both) as client:
        assert (await client.post("/both")).status_code == 404

    assert chatapp_company.scope.agents.page().items == []


async def test_a_litestar_client_is_not_told_of_success_where_the_commit_undoes(service, chatapp_company):
    from litestar import post

    @post("/swallowed")
    async def swallowed(tenant: service.Tenant) -> None:
        await tenant.agents.add(name="Ada")
        with suppress(InvalidReference):
            await tenant.conversations.open(agent_id=uuid4(), customer_id=uuid4(), channel="widget")

    async with serving(service, chatapp_company, swallowed) as client:
        assert (await client.post("/swallowed")).status_code == 500

    assert chatapp_company.scope.agents.page().items == []


async def test_what_can_be_tried_again_is_a_503_in_litestar(service, chatapp_company):
    from litestar import get

    @get("/busy")
    async def busy() -> None:
        raise Unavailable("no connection")

    async with serving(service, chatapp_company, busy) as client:
        answer = await client.get("/busy")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_litestar_s_decoder_cannot_read_changes():
    with pytest.raises(TypeError, match="more than one str-like type"):
        msgspec.convert({"name": "Bea"}, AgentChanges)


def test_litestar_documents_rows(service):
    shown = service.app.openapi_schema.to_schema()["components"]["schemas"]["AgentRow"]["properties"]

    assert shown["id"] == {"type": "string", "format": "uuid"}


@pytest.fixture
def waiting(chatapp_company: CompanyRows) -> tuple[UUID, UUID]:
    """A conversation that a job is to answer, behind its company."""
    conversation = chatapp_company.add(Conversation)
    return conversation.company_id, conversation.id


@pytest.mark.slow
def test_celery_s_processes_try_again_and_what_comes_twice_is_one_message(
    load, tmp_path, waiting, chatapp_company, database_url
):
    celery, _, _ = program(WORKERS, below="Celery").partition("open_database()\n")
    (tmp_path / "queue").mkdir()
    (tmp_path / "celery_page.py").write_text(program(WORKERS, below="A job") + celery + QUEUE + FAILING_ONCE)
    assert messages(chatapp_company, waiting) == 0
    ours = connections(database_url)

    with celery_workers(tmp_path):
        enqueue_four(tmp_path, *map(str, waiting))
        deadline = time.monotonic() + PATIENCE
        while messages(chatapp_company, waiting) < 3 and time.monotonic() < deadline:
            time.sleep(0.2)
        theirs = connections(database_url) - ours

    assert messages(chatapp_company, waiting) == 3
    assert theirs == 2


def enqueue_four(folder: Path, company_id: str, conversation_id: str) -> None:
    """Enqueue a job twice by one id, another one, and one that fails at first."""
    lines = f"""
from celery_page import *
job = ({company_id!r}, {conversation_id!r})
one = answer_later.delay(*job)
answer_later.apply_async(job, task_id=one.id)
answer_later.delay(*job)
failing_once.delay(*job)
"""
    subprocess.run([sys.executable, "-c", lines], cwd=folder, env=with_queue(), check=True, timeout=PATIENCE)


def with_queue() -> dict[str, str]:
    return {**os.environ, "CELERY_BROKER_URL": "filesystem://"}


@contextmanager
def celery_workers(folder: Path) -> Generator[None]:
    """Run two forked processes of Celery on the page's app, which end what they are at."""
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_page", "worker", "--pool=prefork", "--concurrency=2"],
        cwd=folder,
        env=with_queue(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def messages(company: CompanyRows, waiting: tuple[UUID, UUID]) -> int:
    return len(company.scope.messages.history(waiting[1]).items)


def connections(database_url: str) -> int:
    """Count the server's processes that speak to a Database."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'chatapp_db'"
        ).fetchone()
    assert found is not None
    return found[0]


class Interrupted(AsyncDatabase):
    """A database that is away the first time it is asked."""

    is_away = True

    def tenant(self, *arguments: Any, **options: Any) -> Any:
        if self.is_away:
            self.is_away = False
            raise Unavailable("a lost connection")
        return super().tenant(*arguments, **options)


@pytest.mark.filterwarnings("ignore:Call to deprecated close")  # arq's own
async def test_arq_tries_again_and_what_comes_twice_is_one_message(
    load, waiting, chatapp_company, monkeypatch
):
    import fakeredis
    from arq import worker
    from arq.connections import ArqRedis

    page = load("arq_page", program(WORKERS, below="A job") + program(WORKERS, below="arq"))
    monkeypatch.setattr(page, "AsyncDatabase", Interrupted)
    monkeypatch.setattr(worker, "log_redis_info", no_redis_info)
    redis = ArqRedis(connection_pool=fakeredis.FakeAsyncRedis().connection_pool)
    tried = []
    for _ in range(2):  # the second time as if its acknowledgement had been lost
        await redis.enqueue_job("answer_soon", *waiting, _job_id="job-1")
        running = worker.create_worker(
            page.WorkerSettings, redis_pool=redis, burst=True, handle_signals=False
        )
        await running.async_run()
        tried.append((running.jobs_complete, running.jobs_retried, running.jobs_failed))
        await running.close()
        await redis.delete("arq:result:job-1")
    await redis.aclose()

    assert tried == [(1, 1, 0), (1, 1, 0)]
    assert messages(chatapp_company, waiting) == 1


async def no_redis_info(*_: Any) -> None:
    """Say nothing of the server's version and memory, which a Redis in the process does not have."""
