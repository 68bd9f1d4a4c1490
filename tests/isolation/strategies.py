"""Texts and JSON of any shape: what the database holds and gives back, and what it does not."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.isolation.hostile import LOST_IN_JSON

__all__ = ["JSON", "LOSSY_JSON", "UNSTORABLE_TEXTS"]

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
# A whole float beyond 53 bits comes back as an int: the one that its shortest decimal form is.
_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(-(2.0**53), 2.0**53)


def _within(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give lists and objects of lists and objects of them."""
    return st.recursive(
        leaves, lambda part: st.lists(part, max_size=4) | st.dictionaries(_TEXTS, part, max_size=4)
    )


def _around(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Put one thing somewhere in a list or an object."""
    return st.recursive(
        part,
        lambda inner: (
            st.tuples(st.lists(JSON, max_size=2), inner).map(lambda two: [*two[0], two[1]])
            | st.tuples(_TEXTS, inner).map(lambda two: {two[0]: two[1]})
        ),
        max_leaves=4,
    )


UNSTORABLE_TEXTS = st.tuples(
    st.text(max_size=20), st.sampled_from("\0\ud800\udbff\udc00\udfff"), st.text(max_size=20)
).map("".join)
"""Texts with a NUL or half of a surrogate pair somewhere in them."""

JSON = _within(st.none() | st.booleans() | _NUMBERS | _TEXTS)
"""What jsonb holds and gives back."""

LOSSY_JSON = _around(st.sampled_from(LOST_IN_JSON) | UNSTORABLE_TEXTS)
"""JSON with something somewhere in it that is none, or that would come back as something else."""
