"""Qdrant's gRPC for the calls we make, over qdrant-client's local mode, in a thread of the test run.

It puts the remote path (wire form, conversions, strict mode's refusals, error codes) under test where
no server can be had. It proves nothing about a real server's search; for that set CHATAPP_QDRANT_URL.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc, grpc_field_type_to_payload_schema
from qdrant_client.grpc.collections_service_pb2_grpc import (
    CollectionsServicer,
    add_CollectionsServicer_to_server,
)
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server
from qdrant_client.grpc.qdrant_pb2_grpc import QdrantServicer, add_QdrantServicer_to_server

VERSION = "1.17.1"


@contextmanager
def running_stand_in(version: str = VERSION) -> Iterator[tuple[str, StandIn]]:
    stand_in = StandIn(version)
    # One worker: local mode is not thread-safe.
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    add_QdrantServicer_to_server(stand_in, server)
    add_CollectionsServicer_to_server(stand_in, server)
    add_PointsServicer_to_server(stand_in, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"qdrant://127.0.0.1:{port}", stand_in
    finally:
        server.stop(grace=None).wait()
        stand_in.local.close()


def answering(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def answer(self: StandIn, request: Any, context: grpc.ServicerContext) -> Any:
        if self.failing is not None:
            context.abort(self.failing, "told to fail")
        try:
            return method(self, request)
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    return answer


class StandIn(QdrantServicer, CollectionsServicer, PointsServicer):
    def __init__(self, version: str) -> None:
        self.local = QdrantClient(location=":memory:")
        self.version = version
        self.failing: grpc.StatusCode | None = None
        self.created: dict[str, Any] = {}
        self.indexes: dict[str, dict[str, models.PayloadIndexInfo]] = {}
        self.batches: list[int] = []

    @answering
    def HealthCheck(self, request: Any) -> Any:  # noqa: N802  # the service's name
        return wire.HealthCheckReply(title="stand-in", version=self.version)

    @answering
    def CollectionExists(self, request: Any) -> Any:  # noqa: N802  # the service's name
        exists = self.local.collection_exists(request.collection_name)
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))

    @answering
    def Create(self, request: Any) -> Any:  # noqa: N802  # the service's name
        vectors = GrpcToRest.convert_vectors_config(request.vectors_config)
        self.local.create_collection(request.collection_name, vectors_config=vectors)
        self.created[request.collection_name] = request
        self.indexes[request.collection_name] = {}
        return wire.CollectionOperationResponse(result=True)

    @answering
    def Get(self, request: Any) -> Any:  # noqa: N802  # the service's name of two calls
        info = self.local.get_collection(request.collection_name)
        info.payload_schema = self.indexes[request.collection_name]
        return wire.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    @answering
    def CreateFieldIndex(self, request: Any) -> Any:  # noqa: N802  # the service's name
        kind = grpc_field_type_to_payload_schema(request.field_type)
        params = request.field_index_params if request.HasField("field_index_params") else None
        self.indexes[request.collection_name][request.field_name] = models.PayloadIndexInfo(
            data_type=GrpcToRest.convert_payload_schema_type(kind),
            params=GrpcToRest.convert_payload_schema_params(params) if params else None,
            points=0,
        )
        return wire.PointsOperationResponse(result=_done())

    @answering
    def UpdateBatch(self, request: Any) -> Any:  # noqa: N802  # the service's name
        operations = [GrpcToRest.convert_points_update_operation(one) for one in request.operations]
        self.batches.append(sum(len(one.upsert.points) for one in operations))
        for one in operations:
            self._refuse_unindexed(request, one.upsert.update_filter)
        self.local.batch_update_points(request.collection_name, operations)
        return wire.UpdateBatchResponse(result=[_done() for _ in operations])

    @answering
    def Query(self, request: Any) -> Any:  # noqa: N802  # the service's name
        found = self.local.query_points(
            request.collection_name,
            query=list(request.query.nearest.dense.data),
            using=request.using,
            query_filter=self._filter(request),
            limit=request.limit,
            score_threshold=request.score_threshold if request.HasField("score_threshold") else None,
        )
        return wire.QueryResponse(result=[RestToGrpc.convert_scored_point(one) for one in found.points])

    @answering
    def Scroll(self, request: Any) -> Any:  # noqa: N802  # the service's name
        offset = GrpcToRest.convert_point_id(request.offset) if request.HasField("offset") else None
        records, following = self.local.scroll(
            request.collection_name, scroll_filter=self._filter(request), limit=request.limit, offset=offset
        )
        return wire.ScrollResponse(
            result=[RestToGrpc.convert_record(one) for one in records],
            next_page_offset=None if following is None else RestToGrpc.convert_extended_point_id(following),
        )

    @answering
    def Count(self, request: Any) -> Any:  # noqa: N802  # the service's name
        wanted = self._filter(request) if request.HasField("filter") else None
        count = self.local.count(request.collection_name, count_filter=wanted).count
        return wire.CountResponse(result=wire.CountResult(count=count))

    @answering
    def Delete(self, request: Any) -> Any:  # noqa: N802  # the service's name
        wanted = GrpcToRest.convert_filter(request.points.filter)
        self._refuse_unindexed(request, wanted)
        self.local.delete(request.collection_name, points_selector=models.FilterSelector(filter=wanted))
        return wire.PointsOperationResponse(result=_done())

    def _filter(self, request: Any) -> models.Filter:
        wanted = GrpcToRest.convert_filter(request.filter)
        self._refuse_unindexed(request, wanted)
        return wanted

    def _refuse_unindexed(self, request: Any, wanted: models.Filter) -> None:
        """Strict mode: what a filter names must be indexed."""
        missing = _named(wanted) - self.indexes[request.collection_name].keys()
        if missing:
            raise ValueError(f"no index for {missing}")


def _named(condition: Any) -> set[str]:
    if isinstance(condition, models.Filter):
        clauses = (condition.must, condition.should, condition.must_not)
        return {key for clause in clauses for one in clause or [] for key in _named(one)}
    if isinstance(condition, models.IsEmptyCondition):
        return {condition.is_empty.key}
    return {condition.key} if isinstance(condition, models.FieldCondition) else set()


def _done() -> Any:
    return wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed)
