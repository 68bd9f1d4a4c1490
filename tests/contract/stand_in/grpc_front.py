"""The stand-in by gRPC."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from qdrant_client import grpc as wire
from qdrant_client import models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc, grpc_field_type_to_payload_schema
from qdrant_client.grpc.collections_service_pb2_grpc import (
    CollectionsServicer,
    add_CollectionsServicer_to_server,
)
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server
from qdrant_client.grpc.qdrant_pb2_grpc import QdrantServicer, add_QdrantServicer_to_server

from tests.contract.stand_in.core import Refused, StandIn

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
    413: grpc.StatusCode.OUT_OF_RANGE,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


@contextmanager
def grpc_front(stand_in: StandIn) -> Iterator[str]:
    front = Front(stand_in)
    # The limit is the core's, which tells it as a server does.
    unlimited = [("grpc.max_receive_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=unlimited)
    add_QdrantServicer_to_server(front, server)
    add_CollectionsServicer_to_server(front, server)
    add_PointsServicer_to_server(front, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"qdrant://127.0.0.1:{port}?tls=false"
    finally:
        server.stop(grace=None).wait()


def answering(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def answer(self: Front, request: Any, context: grpc.ServicerContext) -> Any:
        metadata = dict(context.invocation_metadata())
        try:
            with self.core.request(method.__name__, metadata.get("api-key"), request.ByteSize()):
                return method(self, request)
        except Refused as refused:
            if refused.retry_after is not None:
                context.set_trailing_metadata([("retry-after", str(refused.retry_after))])
            context.abort(CODES[refused.status], refused.message)

    return answer


class Front(QdrantServicer, CollectionsServicer, PointsServicer):
    def __init__(self, core: StandIn) -> None:
        self.core = core

    @answering
    def HealthCheck(self, request: Any) -> Any:  # noqa: N802  # the service's name
        return wire.HealthCheckReply(title="stand-in", version=self.core.version)

    @answering
    def CollectionExists(self, request: Any) -> Any:  # noqa: N802  # the service's name
        exists = self.core.exists(request.collection_name)
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))

    @answering
    def Create(self, request: Any) -> Any:  # noqa: N802  # the service's name
        sparse = request.HasField("sparse_vectors_config")
        wanted = models.CreateCollection(
            vectors=GrpcToRest.convert_vectors_config(request.vectors_config),
            sparse_vectors=(
                GrpcToRest.convert_sparse_vector_config(request.sparse_vectors_config) if sparse else None
            ),
            hnsw_config=GrpcToRest.convert_hnsw_config_diff(request.hnsw_config),
            strict_mode_config=GrpcToRest.convert_strict_mode_config(request.strict_mode_config),
        )
        self.core.create(request.collection_name, wanted)
        return wire.CollectionOperationResponse(result=True)

    @answering
    def Get(self, request: Any) -> Any:  # noqa: N802  # the service's name of two calls
        info = self.core.describe(request.collection_name)
        return wire.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    @answering
    def CreateFieldIndex(self, request: Any) -> Any:  # noqa: N802  # the service's name
        schema: Any = GrpcToRest.convert_payload_schema_type(
            grpc_field_type_to_payload_schema(request.field_type)
        )
        if request.HasField("field_index_params"):
            schema = GrpcToRest.convert_payload_schema_params(request.field_index_params)
        self.core.index(request.collection_name, request.field_name, schema)
        return wire.PointsOperationResponse(result=_done())

    @answering
    def UpdateBatch(self, request: Any) -> Any:  # noqa: N802  # the service's name
        operations = [GrpcToRest.convert_points_update_operation(one) for one in request.operations]
        self.core.update(request.collection_name, operations)
        return wire.UpdateBatchResponse(result=[_done() for _ in operations])

    @answering
    def QueryBatch(self, request: Any) -> Any:  # noqa: N802  # the service's name
        requests = [GrpcToRest.convert_query_points(one) for one in request.query_points]
        found = self.core.query(request.collection_name, requests)
        results = [
            wire.BatchResult(result=[RestToGrpc.convert_scored_point(one) for one in points])
            for points in found
        ]
        return wire.QueryBatchResponse(result=results)

    @answering
    def Scroll(self, request: Any) -> Any:  # noqa: N802  # the service's name
        offset = GrpcToRest.convert_point_id(request.offset) if request.HasField("offset") else None
        records, following = self.core.scroll(
            request.collection_name, GrpcToRest.convert_filter(request.filter), request.limit, offset
        )
        return wire.ScrollResponse(
            result=[RestToGrpc.convert_record(one) for one in records],
            next_page_offset=None if following is None else RestToGrpc.convert_extended_point_id(following),
        )

    @answering
    def Count(self, request: Any) -> Any:  # noqa: N802  # the service's name
        wanted = GrpcToRest.convert_filter(request.filter) if request.HasField("filter") else None
        count = self.core.count(request.collection_name, wanted)
        return wire.CountResponse(result=wire.CountResult(count=count))

    @answering
    def Delete(self, request: Any) -> Any:  # noqa: N802  # the service's name
        self.core.delete(request.collection_name, GrpcToRest.convert_filter(request.points.filter))
        return wire.PointsOperationResponse(result=_done())


def _done() -> Any:
    return wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed)
