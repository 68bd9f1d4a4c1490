"""The stand-in by REST."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client import models

from tests.contract.stand_in.core import Refused, StandIn

QUERIES = TypeAdapter(models.QueryRequestBatch)
SCHEMA: TypeAdapter[Any] = TypeAdapter(models.PayloadFieldSchema)


@contextmanager
def rest_front(stand_in: StandIn) -> Iterator[str]:
    class Front(Answer):
        core = stand_in

    with ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def exists(core: StandIn, name: str, body: bytes) -> Any:
    return {"exists": core.exists(name)}


def create(core: StandIn, name: str, body: bytes) -> Any:
    core.create(name, models.CreateCollection.model_validate_json(body))
    return True


def describe(core: StandIn, name: str, body: bytes) -> Any:
    return core.describe(name)


def index(core: StandIn, name: str, body: bytes) -> Any:
    wanted = json.loads(body)
    core.index(name, wanted["field_name"], SCHEMA.validate_python(wanted["field_schema"]))
    return done()


def update(core: StandIn, name: str, body: bytes) -> Any:
    operations = models.UpdateOperations.model_validate_json(body).operations
    core.update(name, operations)
    return [done() for _ in operations]


def query(core: StandIn, name: str, body: bytes) -> Any:
    found = core.query(name, QUERIES.validate_json(body).searches)
    return [{"points": plain(points)} for points in found]


def scroll(core: StandIn, name: str, body: bytes) -> Any:
    wanted = models.ScrollRequest.model_validate_json(body)
    records, following = core.scroll(name, wanted.filter, wanted.limit or 10, wanted.offset)
    return models.ScrollResult(points=records, next_page_offset=following)


def count(core: StandIn, name: str, body: bytes) -> Any:
    return models.CountResult(count=core.count(name, models.CountRequest.model_validate_json(body).filter))


def delete(core: StandIn, name: str, body: bytes) -> Any:
    core.delete(name, models.FilterSelector.model_validate_json(body).filter)
    return done()


def done() -> Any:
    return models.UpdateResult(operation_id=1, status=models.UpdateStatus.COMPLETED)


ROUTES: dict[tuple[str, str], Callable[[StandIn, str, bytes], Any]] = {
    ("GET", "/exists"): exists,
    ("PUT", ""): create,
    ("GET", ""): describe,
    ("PUT", "/index"): index,
    ("POST", "/points/batch"): update,
    ("POST", "/points/query/batch"): query,
    ("POST", "/points/scroll"): scroll,
    ("POST", "/points/count"): count,
    ("POST", "/points/delete"): delete,
}


class Answer(BaseHTTPRequestHandler):
    core: StandIn
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        try:
            with self.core.request(path, self.headers.get("api-key"), len(body)):
                result = self.result(path, body)
        except Refused as refused:
            self.send(refused.status, {"status": {"error": refused.message}}, refused.retry_after)
        except ValidationError as error:
            self.send(400, {"status": {"error": str(error)}})
        else:
            self.send(200, result)

    def result(self, path: str, body: bytes) -> Any:
        if path == "/":
            return {"title": "stand-in", "version": self.core.version}
        found = re.fullmatch(r"/collections/([^/]+)(/.*)?", path)
        route = ROUTES.get((self.command, found[2] or "")) if found else None
        if found is None or route is None:
            raise Refused(404, "no such call")
        return {"result": plain(route(self.core, found[1], body)), "status": "ok", "time": 0.0}

    def send(self, status: int, answer: Any, retry_after: int | None = None) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = answer  # noqa: N815  # the handler's names

    def log_message(self, *_: Any) -> None:
        pass


def plain(result: Any) -> Any:
    if isinstance(result, list):
        return [plain(one) for one in result]
    return result.model_dump(mode="json", exclude_none=True) if isinstance(result, BaseModel) else result
