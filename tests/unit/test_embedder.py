"""What an embedder gives is taken in any form that a model has, and checked before it is used."""

from __future__ import annotations

import pytest

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import finish
from chatapp_db.knowledge.embedder import embedded

VECTORS = {"east": [1.0, 0.0], "north": [0.0, 1.0]}
TEXTS = tuple(VECTORS)


def lists(texts):
    return [VECTORS[text] for text in texts]


def generator(texts):
    yield from lists(texts)


def array(texts):
    numpy = pytest.importorskip("numpy")
    return numpy.array(lists(texts), dtype="float32")


def arrays(texts):
    yield from array(texts)


async def awaited(texts):
    return array(texts)


@pytest.mark.parametrize("embedder", [lists, generator, array, arrays, awaited])
def test_each_text_has_its_vector_in_any_form(embedder):
    assert finish(embedded(embedder, TEXTS, 2)) == list(VECTORS.values())


@pytest.mark.parametrize(
    "vectors",
    [
        [],
        [[1.0, 0.0]],
        [[1.0, 0.0]] * 3,
        [[1.0, 0.0], [1.0]],
        [[1.0, 0.0], [float("nan"), 0.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        [1.0, 0.0],
        ["ab", "cd"],
    ],
)
def test_what_is_no_vector_for_each_text_is_refused(vectors):
    with pytest.raises(InvalidValue):
        finish(embedded(lambda _: vectors, TEXTS, 2))


def test_for_no_texts_the_embedder_is_not_called():
    assert finish(embedded(pytest.fail, (), 2)) == []
