"""A URL chooses the engine, nothing is loaded or sent before it must be, and secrets stay secret."""

from __future__ import annotations

import uuid

import pytest
from pydantic import SecretStr

from chatapp_db.errors import ExtensionUnavailable, InvalidValue
from chatapp_db.vectors import create_vector_store, point_id
from chatapp_db.vectors.address import Address
from chatapp_db.vectors.engines.side_table import extension_schema
from chatapp_db.vectors.points import MAX_BATCH_BYTES, PreparedPoint, batches


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("qdrant://db", Address("qdrant", "db", 6334)),
        ("qdrant://db:7000?tls=true", Address("qdrant", "db", 7000, tls=True)),
        ("qdrant://[::1]:6334", Address("qdrant", "[::1]", 6334)),
        ("http://db", Address("http", "db", 6333)),
        ("https://db:443/vectors/", Address("https", "db", 443, path="/vectors", tls=True)),
        ("memory://", Address("memory")),
        ("edge:///var/lib/my%20vectors", Address("edge", path="/var/lib/my vectors")),
    ],
)
def test_a_url_is_read(url: str, expected: Address) -> None:
    assert Address.parse(url, api_key=None, timeout=5) == expected


def test_a_key_encrypts_the_connection_unless_told_otherwise() -> None:
    assert Address.parse("qdrant://db", api_key="k", timeout=5).tls
    assert not Address.parse("qdrant://db?tls=false", api_key="k", timeout=5).tls


@pytest.mark.parametrize(
    "url",
    [
        "redis://db",
        "db:6334",
        "",
        "qdrant://",
        "qdrant:///folder",
        "edge://folder",
        "edge://host/folder",
        "edge:///",
        "edge:///folder?tls=true",
        "qdrant://db:port",
        "qdrant://db:99999",
        "qdrant://user:secret@db",
        "qdrant://db?tls=maybe",
        "qdrant://db?api_key=secret",
        "https://db?tls=false",
    ],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        create_vector_store(url, dimension=3)
    assert "secret" not in str(raised.value)


def test_an_unknown_scheme_is_told_the_known_ones() -> None:
    with pytest.raises(
        InvalidValue,
        match=r"'redis' is unknown; known: memory://, edge:///folder, pgvector://host/database, qdrant://",
    ):
        create_vector_store("redis://db", dimension=3)


@pytest.mark.parametrize(
    "options",
    [
        {"dimension": 0},
        {"dimension": True},
        {"dimension": 65537},
        {"dimension": 3, "distance": "euclid"},
        {"dimension": 3, "collection": ""},
        {"dimension": 3, "collection": "../other"},
        {"dimension": 3, "timeout": 0},
    ],
    ids=repr,
)
def test_a_setting_that_some_engine_would_refuse_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        create_vector_store("memory://", **options)  # type: ignore[arg-type]  # wrong on purpose


def test_a_key_is_not_shown() -> None:
    assert "hush" not in repr(Address.parse("https://db", api_key="hush", timeout=5))
    with create_vector_store("https://db", dimension=3, api_key=SecretStr("hush")) as store:
        assert "hush" not in repr(store)


def test_a_point_is_named_by_company_and_chunk() -> None:
    company, chunk = uuid.UUID(int=1), uuid.UUID(int=2)
    assert point_id(company, chunk) == uuid.uuid5(company, "00000000-0000-0000-0000-000000000002")


def test_a_batch_never_outgrows_its_bytes_but_a_large_point_still_goes() -> None:
    def of(payload_bytes: int) -> PreparedPoint:
        return PreparedPoint(uuid.uuid4(), [1.0], 0, {}, payload_bytes)

    large = MAX_BATCH_BYTES
    points = [of(large), of(10), of(10), of(large)]
    assert [len(batch) for batch in batches(points, 4)] == [1, 2, 1]
    assert [one for batch in batches(points, 4) for one in batch] == points
    assert list(batches([], 4)) == []


def test_an_extension_that_is_too_old_is_refused_with_the_command() -> None:
    assert extension_schema([("public", "0.8.0")]) == "public"
    for version in ("0.7.4", "0.5"):
        with pytest.raises(ExtensionUnavailable, match="ALTER EXTENSION vector UPDATE"):
            extension_schema([("public", version)])
