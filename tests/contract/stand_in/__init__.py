"""Qdrant's gRPC and REST for the calls we make, over shards of the edge engine, in threads of the test run.

It puts the remote path (wire form, conversions, strict mode's refusals, errors, limits, time-outs) under
test where no server can be had. The engine below is Qdrant's own, but a server's graph, shards and
optimisers are not there; for those set CHATAPP_QDRANT_URL.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.contract.stand_in.core import Fault, StandIn
from tests.contract.stand_in.grpc_front import grpc_front
from tests.contract.stand_in.rest_front import rest_front

__all__ = ["Fault", "StandIn", "running_stand_in"]

VERSION = "1.19.0"


@contextmanager
def running_stand_in(version: str = VERSION, api_key: str | None = None) -> Iterator[StandIn]:
    with tempfile.TemporaryDirectory() as folder:
        core = StandIn(Path(folder), version, api_key)
        with grpc_front(core) as grpc_url, rest_front(core) as rest_url, closing(core) as stand_in:
            stand_in.urls = {"grpc": grpc_url, "rest": rest_url}
            yield stand_in
