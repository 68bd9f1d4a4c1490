"""The words that are asked for where vectors cannot be: the telling ones, as many as fit."""

from __future__ import annotations

import pytest

from chatapp_db.knowledge.degraded import words_of
from chatapp_db.repositories.border import TERM_LENGTH


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How do I cancel my subscription?", '"subscription" or "cancel"'),
        ("Cancel, cancel, CANCEL!", '"cancel"'),
        ("How do I?", '"how" or "do" or "i"'),
        ("Straße überqueren -nicht", '"überqueren" or "straße" or "nicht"'),
        ('drop "the quotes" or | & ! :*', '"quotes" or "drop"'),
        ("???", ""),
        ("", ""),
    ],
)
def test_a_question_is_asked_for_by_its_telling_words(question, words):
    assert words_of(question) == words


def test_of_too_many_words_the_longest_are_asked_for():
    question = " ".join("x" * length for length in range(1, 40)) + " " + "y" * 500
    words = words_of(question)
    assert len(words) <= TERM_LENGTH
    assert words.startswith(f'"{"x" * 39}" or "{"x" * 38}"')
