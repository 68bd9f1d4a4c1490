"""engine_url(): a URL in any form means to SQLAlchemy what it means to libpq."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import URL

from chatapp_db.address import engine_url
from chatapp_db.errors import InvalidValue


def arguments(url):
    return url.get_dialect()().create_connect_args(url)[1]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h/db", {"host": "h", "dbname": "db"}),
        (
            "postgres://u:p%40%2F@h:6543/db",
            {"host": "h", "port": 6543, "dbname": "db", "user": "u", "password": "p@/"},
        ),
        ("postgresql+psycopg://u:p%40@h/db", {"host": "h", "dbname": "db", "user": "u", "password": "p@"}),
        ("postgresql+psycopg_async://h/db", {"host": "h", "dbname": "db"}),
        ("postgresql://%2Ftmp%2Fs/db", {"host": "/tmp/s", "dbname": "db"}),
        ("postgresql+psycopg://%2Ftmp%2Fs/db", {"host": "/tmp/s", "dbname": "db"}),
        (
            "postgresql://u@/db?host=/tmp/s&port=5433",
            {"host": "/tmp/s", "port": "5433", "dbname": "db", "user": "u"},
        ),
        ("postgresql://a,b:2/db", {"host": "a,b", "port": ",2", "dbname": "db"}),
        ("postgresql://h/db?sslmode=require", {"host": "h", "dbname": "db", "sslmode": "require"}),
        ("postgresql://[::1]:5/db", {"host": "::1", "port": 5, "dbname": "db"}),
        ("  postgresql://h/db\n", {"host": "h", "dbname": "db"}),
    ],
)
def test_a_url_connects_where_libpq_would(url, expected):
    assert arguments(engine_url(url)) == expected
    assert engine_url(url).drivername == "postgresql+psycopg"


def test_a_url_object_keeps_everything_but_the_driver():
    url = URL.create(
        "postgresql", username="u", password="p", host="h", database="db", query={"sslmode": "require"}
    )

    assert engine_url(url) == url.set(drivername="postgresql+psycopg")


def test_a_password_in_the_query_is_hidden_like_any_other():
    assert "secret" not in repr(engine_url("postgresql+psycopg://u@h/db?password=secret"))


@pytest.mark.parametrize(
    "url", ["", "db", "http://h", "sqlite:///x", "postgresql+psycopg2://h/db", None, 5, b"postgresql://h"]
)
def test_anything_else_is_refused(url):
    with pytest.raises(InvalidValue):
        engine_url(url)
