"""Nothing enters a row that its column cannot hold, and nothing refused is repeated."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from math import inf, nan
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import TypeAdapter, ValidationError

from chatapp_db import rows
from chatapp_db.schema import payloads
from chatapp_db.schema.enums import AgentType
from chatapp_db.schema.types import checker
from chatapp_db.schema.values import MAX_JSON_DEPTH, normal_email

NOW = dt.datetime(2026, 1, 31, 12, 30, 15, 123456, dt.UTC)
TYPED_DICTS = [getattr(rows, name) for name in rows.__all__ if not name.endswith("Row")]


def check(kind: type[Any], **values: Any) -> dict[str, Any]:
    return checker(kind).validate_python(values)


def refused(kind: type[Any], **values: Any) -> str:
    """The place of the one thing that was wrong."""
    with pytest.raises(ValidationError) as refusal:
        check(kind, **values)
    assert refusal.value.error_count() == 1
    return ".".join(map(str, refusal.value.errors()[0]["loc"]))


def knot() -> list[Any]:
    """A list that holds itself twice: as a tree it has no end."""
    tied: list[Any] = []
    tied += [tied, tied]
    return tied


def nested(depth: int) -> Any:
    return {"down": nested(depth - 1)} if depth else "ground"


@pytest.mark.parametrize("kind", TYPED_DICTS, ids=lambda kind: kind.__name__)
def test_a_type_adapter_is_built_of_every_typed_dict(kind):
    adapter = TypeAdapter(kind)

    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        adapter.validate_python({"nmae": "x"})


@pytest.mark.parametrize("name", ["", None, "a\0b", "\ud800", "x" * 201, 7, b"x", ["x"]])
def test_a_name_is_text_that_the_column_can_hold(name):
    assert refused(rows.AgentChanges, name=name) == "name"


def test_a_column_that_may_be_null_takes_none():
    assert check(rows.AgentChanges, description=None) == {"description": None}
    assert check(rows.CompanyValues, name="A", slug="a", subscription_plan_id=uuid4(), billing_cycle=None)
    assert check(rows.AuditLogValues, action="a", resource_type="b", old_values=None)["old_values"] is None


def test_text_of_the_full_length_in_any_script_is_taken():
    assert check(rows.AgentChanges, name="日" * 199 + "🙂")["name"].endswith("🙂")


def test_an_absent_key_stays_absent():
    assert check(rows.AgentChanges) == {}


def test_a_missing_column_is_named():
    assert refused(rows.AgentValues) == "name"
    assert refused(rows.MessageValues, conversation_id=uuid4(), content="hello") == "role"


def test_a_label_is_a_member_or_its_text_and_nothing_else():
    assert check(rows.AgentChanges, type="sales")["type"] is AgentType.SALES
    assert check(rows.AgentChanges, type=AgentType.SALES)["type"] is AgentType.SALES
    for label in ("Sales", "SALES", "", "teapot", None, 1, True):
        assert refused(rows.AgentChanges, type=label) == "type"


@pytest.mark.parametrize("number", [True, 1.0, "1", 2**31, -(2**31) - 1, 2**63, None, nan, Decimal(1)])
def test_a_number_is_an_int_that_fits_the_column(number):
    assert refused(rows.ConversationChanges, priority=number) == "priority"


def test_a_bigint_holds_64_bits():
    assert check(rows.KnowledgeSourceChanges, file_size=2**63 - 1)["file_size"] == 2**63 - 1
    assert refused(rows.KnowledgeSourceChanges, file_size=2**63) == "file_size"


@pytest.mark.parametrize(
    "price", ["10000000000", "1E+11", "0.001", "1.005", "NaN", "sNaN", "Infinity", "-Infinity"]
)
def test_money_is_finite_and_within_its_digits(price):
    assert refused(rows.SubscriptionPlanChanges, price_monthly=Decimal(price)) == "price_monthly"


@pytest.mark.parametrize("price", [True, 1.5, "1.50"])
def test_money_is_a_decimal(price):
    assert refused(rows.SubscriptionPlanChanges, price_monthly=price) == "price_monthly"


def test_the_largest_price_is_taken_as_it_is():
    price = Decimal("9999999999.99")

    assert check(rows.SubscriptionPlanChanges, price_monthly=price) == {"price_monthly": price}


@pytest.mark.parametrize("flag", [1, 0, "yes", "true", None])
def test_a_flag_is_a_boolean(flag):
    assert refused(rows.SubscriptionPlanChanges, is_active=flag) == "is_active"


@pytest.mark.parametrize("moment", [NOW.replace(tzinfo=None), NOW.isoformat(), NOW.date(), 0, None])
def test_a_moment_has_a_time_zone(moment):
    assert refused(rows.TeamInvitationChanges, expires_at=moment) == "expires_at"
    assert check(rows.TeamInvitationChanges, expires_at=NOW) == {"expires_at": NOW}


@pytest.mark.parametrize("day", [NOW, "2026-01-31", 0])
def test_a_day_is_a_date(day):
    assert refused(rows.DailyAnalyticsValues, date=day) == "date"


@pytest.mark.parametrize("tags", ["abc", ("a",), {"a"}, None, ["a"] * 101])
def test_tags_are_a_list(tags):
    assert refused(rows.ConversationChanges, tags=tags) == "tags"


@pytest.mark.parametrize("tag", ["", "a\0", "\udfff", 1, None, "x" * 101])
def test_a_tag_is_text(tag):
    assert refused(rows.ConversationChanges, tags=["good", tag]) == "tags.1"


def test_a_webhook_without_events_is_refused():
    assert refused(rows.WebhookChanges, events=[]) == "events"


def test_an_id_may_be_given_as_text_and_nothing_else_is_one():
    given = uuid4()

    assert check(rows.AgentValues, name="a", id=str(given))["id"] == given
    assert isinstance(check(rows.AgentValues, name="a", id=given)["id"], UUID)
    for other in ("", "1", 7, [given], None):
        assert refused(rows.AgentValues, name="a", id=other) == "id"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("  Ann@Example.COM\n", "ann@example.com"),
        ("e\u0301va@example.com", "\u00e9va@example.com"),
        ("\u212a@example.com", "k@example.com"),
        ("\u0130@example.com", "i\u0307@example.com"),
    ],
)
def test_an_email_has_one_form(given, stored):
    assert check(rows.UserChanges, email=given) == {"email": stored}
    assert normal_email(stored) == stored


@pytest.mark.parametrize(
    "email", ["", "a", "@", "a@", "@b", "a@b@c", "a b@c", "\0@b", "\ud800@b", "x" * 319 + "@b"]
)
def test_what_is_no_email_is_refused(email):
    assert refused(rows.UserChanges, email=email) == "email"


@pytest.mark.parametrize("address", ["", "1.2.3", "1.2.3.4/24", "localhost", "fe80::1%\0", None])
def test_what_is_no_ip_address_is_refused(address):
    values = {"action": "a", "resource_type": "b"}

    if address is not None:
        assert refused(rows.AuditLogValues, **values, ip_address=address) == "ip_address"
    assert check(rows.AuditLogValues, **values, ip_address="2001:DB8::0:1")["ip_address"] == "2001:db8::1"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../passwd", "/etc/passwd", "Europe", "\0", "a" * 65])
def test_what_is_no_time_zone_is_refused(zone):
    assert refused(rows.CompanyChanges, timezone=zone) == "timezone"
    assert check(rows.CompanyChanges, timezone="America/Argentina/Ushuaia")


@pytest.mark.parametrize(
    "value",
    [
        nan,
        inf,
        -inf,
        "\0",
        "\ud800",
        2**63,
        (1,),
        {1},
        b"x",
        NOW,
        Decimal(1),
        {1: 1},
        {"\0": 1},
        {"\ud800": 1},
        knot(),
    ],
    ids=repr,
)
def test_what_json_would_lose_is_refused_in_every_corner_of_a_payload(value):
    for place in ({"any": value}, {"any": [1, {"deep": value}]}):
        assert refused(rows.CustomerChanges, metadata=place) == "metadata"
    assert refused(rows.MessageChanges, attachments=[{"any": value}]) == "attachments"


def test_a_payload_nests_no_deeper_than_its_limit():
    assert check(rows.CustomerChanges, metadata=nested(MAX_JSON_DEPTH - 1))
    assert refused(rows.CustomerChanges, metadata=nested(MAX_JSON_DEPTH)) == "metadata"


def test_a_payload_keeps_the_keys_it_does_not_name():
    metadata = {"plan": "gold", "ours": {"a": [1, 2.5, None, True, "x"]}}

    assert check(rows.CustomerChanges, metadata=metadata) == {"metadata": metadata}


def test_a_key_that_a_payload_names_has_its_type():
    assert refused(rows.AgentChanges, model_config={"max_tokens": True}) == "model_config.max_tokens"
    assert refused(rows.AgentChanges, model_config={"temperature": "0.5"}) == "model_config.temperature"
    assert refused(rows.AgentChanges, widget_config={"colors": {"text": 1}}) == "widget_config.colors.text"
    assert check(rows.AgentChanges, model_config={"temperature": 1})["model_config"] == {"temperature": 1}


@pytest.mark.parametrize("payload", [None, [], "x", 1])
def test_a_payload_is_an_object(payload):
    assert refused(rows.AgentChanges, tools_config=payload) == "tools_config"


def test_a_limit_of_null_is_unlimited():
    assert check(rows.SubscriptionPlanChanges, limits={"agents": None, "team_members": 3})


def test_an_error_does_not_quote_what_was_refused():
    secret = "hunter2"
    for values in (
        {"name": [secret]},
        {"type": secret},
        {"model_config": {"api_key": secret + "\0"}},
        {"model_config": {"temperature": secret}},
        {"created_by": secret},
    ):
        with pytest.raises(ValidationError) as refusal:
            check(rows.AgentValues, **{"name": "a", **values})
        assert secret not in str(refusal.value)
        assert secret not in repr(refusal.value)


def test_every_payload_keeps_unknown_keys_and_is_strict():
    kinds = [kind for kind in vars(payloads).values() if getattr(kind, "__module__", "") == payloads.__name__]

    assert len(kinds) > 20
    for kind in kinds:
        assert check(kind, unknown="kept") == {"unknown": "kept"}
        for name in kind.__annotations__:
            with pytest.raises(ValidationError):
                check(kind, **{name: object()})
