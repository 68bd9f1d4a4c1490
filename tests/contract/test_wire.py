"""What goes over the wire names the company first, and the memory engine takes one call at a time."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from qdrant_client import models

from chatapp_db.vectors import Filter, Selection, create_vector_store, point_id
from chatapp_db.vectors.engines.wire import selected
from chatapp_db.vectors.filters import resolve
from chatapp_db.vectors.keys import Keys
from tests.contract.oracle import COMPANIES, FILTERS, KEYS

KEYS_OF_THE_ORACLE = Keys(KEYS)


@given(filter=FILTERS)
def test_a_callers_filter_is_nested_below_the_companys_condition(filter: Filter) -> None:
    chunk = uuid.UUID(int=5)
    ids = [str(point_id(COMPANIES[0], chunk))]
    company = models.FieldCondition(key="company_id", match=models.MatchValue(value=str(COMPANIES[0])))
    wanted = resolve(filter, KEYS_OF_THE_ORACLE)
    filtered = selected(Selection(COMPANIES[0], filter=wanted), KEYS_OF_THE_ORACLE)
    assert filtered.model_fields_set == {"must"}
    outermost, nested = filtered.must
    assert outermost == company
    assert isinstance(nested, models.Filter)
    named = selected(Selection(COMPANIES[0], chunk_ids=[chunk]), KEYS_OF_THE_ORACLE)
    assert named == models.Filter(must=[company, models.HasIdCondition(has_id=list(ids))])
    assert selected(Selection(COMPANIES[0]), KEYS_OF_THE_ORACLE) == models.Filter(must=[company])


def test_the_memory_engine_takes_one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [0]
    with create_vector_store("memory://", dimension=2) as store:
        store.ensure_collection()
        client: Any = store._engine.inner._client._client  # type: ignore[attr-defined]  # the driver below the face
        count = client.count

        def slow_count(*args: Any, **kwargs: Any) -> Any:
            inside[0] += 1
            assert inside[0] == 1
            time.sleep(0.01)
            inside[0] -= 1
            return count(*args, **kwargs)

        monkeypatch.setattr(client, "count", slow_count)
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(store.count, COMPANIES * 4)) == [0] * 12
