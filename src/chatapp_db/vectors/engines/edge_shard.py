"""A Qdrant shard in a folder: made whole or not at all, opened by one process at a time.

The folder's lock is one that the kernel takes back however the process ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import qdrant_edge as edge
from qdrant_client import models

from chatapp_db.errors import StoreInUse, VectorStoreError
from chatapp_db.vectors.engine import Collection
from chatapp_db.vectors.engines import edge_wire, layout
from chatapp_db.vectors.engines.wire import SPARSE, VECTOR

__all__ = ["EdgeFolder", "failures"]

_CONFIG: Final = "edge_config.json"


class _Opened(NamedTuple):
    shard: edge.EdgeShard
    lock: int
    process: int


class EdgeFolder:
    """Where a collection lives below a store's folder, and the shard once it is open.

    Raises StoreInUse while another process, or another store of this one, has it open.
    """

    def __init__(self, folder: Path, collection: Collection) -> None:
        self._home = folder / collection.name
        self._collection = collection
        self._turn = threading.Lock()
        self._opened: _Opened | None = None
        self._closed = False

    def shard(self, *, create: bool = False) -> edge.EdgeShard:
        """Give the shard, opened by whoever asks first.

        Raises CollectionMismatch, and VectorStoreError for one that nobody made.
        """
        with self._turn:
            if self._closed:
                raise VectorStoreError("the vector store is closed")
            if self._opened is None:
                self._opened = self._open(create)
            if self._opened.process != os.getpid():
                raise VectorStoreError("the vector store was opened before this process was forked")
            return self._opened.shard

    def exists(self) -> bool:
        """Tell whether somebody has made it."""
        return self._home.exists()

    def close(self) -> None:
        """Write down what is in memory and let another process in."""
        with self._turn:
            self._closed = True
            opened, self._opened = self._opened, None
        if opened is None or opened.process != os.getpid():
            return
        try:
            with failures("close"):
                opened.shard.flush()
                opened.shard.close()
        finally:
            os.close(opened.lock)

    def _open(self, create: bool) -> _Opened:
        if not create and not self._home.exists():
            raise VectorStoreError(
                f"collection {self._collection.name!r} does not exist: ensure_collection()"
            )
        with failures("open"):
            lock = self._locked()
        try:
            with failures("open"):
                if not self._home.exists():
                    self._make()
                self._collection.refuse(layout.vector_differences(self._collection, *self._found()))
                return _Opened(edge.EdgeShard.load(str(self._home)), lock, os.getpid())
        except BaseException:
            os.close(lock)
            raise

    def _locked(self) -> int:
        self._home.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._home.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            one = "one process, by one store, at a time"
            raise StoreInUse(f"the folder of an edge:// store is opened by {one}") from None
        return lock

    def _make(self) -> None:
        """Make the shard beside its place, so that a killed process leaves none that is half made."""
        unfinished = self._home.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        vectors, sparse = layout.vectors(self._collection), layout.sparse_vectors(self._collection)
        shard = edge.EdgeShard.create(str(unfinished), edge_wire.creation(vectors, sparse))
        for path, schema in layout.indexes(self._collection).items():
            shard.update(edge_wire.index(path, schema))
        shard.flush()
        shard.close()
        unfinished.rename(self._home)

    def _found(self) -> tuple[models.VectorParams | None, models.SparseVectorParams | None]:
        config = json.loads((self._home / _CONFIG).read_text(encoding="utf-8"))
        dense = config["vectors"].get(VECTOR)
        sparse = config.get("sparse_vectors", {}).get(SPARSE)
        return (
            None if dense is None else models.VectorParams(**dense),
            None if sparse is None else models.SparseVectorParams(modifier=sparse.get("modifier")),
        )


@contextmanager
def failures(call: str) -> Generator[None]:
    """Turn the engine's bare exceptions into ours; their text can quote a payload and stays on the cause."""
    try:
        yield
    except VectorStoreError:
        raise
    except BaseException as error:
        # A fault of the engine itself comes as no Exception at all.
        if isinstance(error, Exception) or type(error).__module__ == "pyo3_runtime":
            raise VectorStoreError(f"the vector store refused {call}") from error
        raise
