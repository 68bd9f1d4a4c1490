"""Texts that people wrote, with the vectors a real model gave them: of companies of unequal size.

The data is no part of the project: CHATAPP_TEST_DATA names its folder, else it is the sibling
``../shared/data``; where neither is there, its tests skip.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

__all__ = ["DIMENSION", "FOLDER", "Company", "companies", "needed"]

DIMENSION = 384
FOLDER = Path(os.environ.get("CHATAPP_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))

_LARGEST = 8
"""Services that make up the largest company, which has more than half of all."""


@dataclass(frozen=True)
class Company:
    """A company's texts, and a vector for each, of length 1."""

    id: UUID
    texts: list[str]
    vectors: Any

    def chunk_id(self, place: int) -> UUID:
        """Name the text at a place."""
        return UUID(int=self.id.int << 32 | place)

    def nearest(self, vector: Any, k: int) -> list[int]:
        """Compare a vector with every one of ours, and give the places of the best."""
        order: list[int] = (-(self.vectors @ vector)).argsort(kind="stable")[:k].tolist()
        return order


def needed() -> None:
    """Skip the test where the data, or numpy, is not at hand."""
    if not FOLDER.is_dir():
        pytest.skip(f"the real data is not here ({FOLDER}); a clone of the project does not have it")
    pytest.importorskip("numpy")


def companies() -> list[Company]:
    """Give the largest first: utterances by the service they were about, and the guidelines of a shop."""
    texts, vectors = _read("sgd_utterances")
    by_service: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        by_service.setdefault(text["service"], []).append(place)
    services = sorted(by_service.values(), key=len, reverse=True)
    groups = [[*chain(*services[:_LARGEST])], *services[_LARGEST:]]
    found = [([texts[place]["text"] for place in group], vectors[group]) for group in groups]
    passages, embedded = _read("abcd_chunks")
    found.append(([passage["text"] for passage in passages], embedded))
    found.sort(key=lambda one: len(one[0]), reverse=True)
    return [Company(UUID(int=rank), *one) for rank, one in enumerate(found, start=1)]


def _read(name: str) -> tuple[list[dict[str, str]], Any]:
    import numpy

    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    vectors = numpy.load(FOLDER / f"{name}.minilm384.f16.npy").astype("float32")
    return rows, vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
