"""A token names its company, cannot be guessed, and is known by its digest only."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp_db.encryption.tokens import CompanyToken, digest, matches
from chatapp_db.errors import InvalidValue
from chatapp_db.schema.columns import DIGEST_LENGTH

INVITATION = CompanyToken("token")
WIDGET = CompanyToken("public_key", random_bytes=16)


@given(st.uuids(), st.sampled_from([INVITATION, WIDGET]))
def test_a_token_names_its_company(company_id: UUID, kind: CompanyToken):
    token = kind.issue(company_id)
    assert kind.company_of(token) == company_id
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_token_is_256_random_bits():
    company_id = uuid4()
    tokens = {INVITATION.issue(company_id) for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert {len(token) for token in tokens} == {64}
    assert len({token[22:] for token in tokens}) == 1_000


@given(st.text() | st.text("ABab01-_", max_size=70))
def test_what_was_not_issued_is_refused_and_not_repeated(text: str):
    with pytest.raises(InvalidValue, match="token: not a token of this kind") as refused:
        INVITATION.company_of(f"{text}!")
    assert refused.value.__context__ is None
    assert f"{text}!" not in str(refused.value)


@given(st.text("ABab01-_", min_size=43, max_size=43))
def test_a_token_is_written_in_one_way(text: str):
    try:
        WIDGET.company_of(text)
    except InvalidValue:
        return
    assert base64.urlsafe_b64encode(base64.urlsafe_b64decode(f"{text}=")).decode() == f"{text}="


TOKEN = INVITATION.issue(uuid4())
KEY = WIDGET.issue(UUID(int=0))


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        (INVITATION, TOKEN[:-1]), (INVITATION, TOKEN + "A"), (INVITATION, TOKEN + "="),
        (INVITATION, " " + TOKEN),
        (INVITATION, TOKEN + "\n"), (INVITATION, KEY), (WIDGET, TOKEN),
        (INVITATION, "/" * 64), (INVITATION, ""),
        (INVITATION, None), (INVITATION, b"A" * 64), (WIDGET, KEY[:-1] + "B"), (INVITATION, "\ud800" * 64),
    ],
    ids=[
        "shorter", "longer", "padded", "indented", "broken", "widget", "invitation", "slashes", "empty",
        "None", "bytes", "changed", "surrogates",
    ],
)  # fmt: skip
def test_a_token_of_another_kind_or_form_is_refused(kind: CompanyToken, token: Any):
    with pytest.raises(InvalidValue, match=f"{kind.field}: not a token of this kind"):
        kind.company_of(token)


def test_the_digest_is_sha_256_as_the_column_holds_it():
    assert digest(TOKEN) == hashlib.sha256(TOKEN.encode()).hexdigest()
    assert len(digest(TOKEN)) == DIGEST_LENGTH


def test_a_token_matches_its_own_digest_and_no_other():
    assert matches(TOKEN, digest(TOKEN))
    assert not matches(TOKEN[:-1], digest(TOKEN))
    assert not matches(digest(TOKEN), digest(TOKEN))
    assert not matches(TOKEN, "")
    assert not matches(TOKEN, "é")
    assert not matches("\ud800", digest(TOKEN))


def test_a_token_is_compared_in_constant_time(monkeypatch):
    compared: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(
        "chatapp_db.encryption.tokens.hmac.compare_digest",
        lambda one, other: compared.append((one, other)) or one == other,
    )
    assert matches(TOKEN, digest(TOKEN))
    assert compared == [(digest(TOKEN).encode(), digest(TOKEN).encode())]
