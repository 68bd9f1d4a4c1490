"""An embedder that needs no model: the words of a text, hashed into a vector.

Good enough to find a passage that shares words with a question, and the same on every machine. A
service brings a real one.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence

__all__ = ["DIMENSION", "embed"]

DIMENSION = 256

_WORD = re.compile(r"[a-z0-9]+")
_SAYS_LITTLE = re.compile(
    "a|an|and|are|as|at|be|but|by|can|do|does|for|from|has|have|how|i|if|in|is|it|its|me|my|of|on|or|our|"
    "so|that|the|their|them|then|there|they|this|to|up|us|was|we|what|when|where|which|who|will|with|"
    "would|you|your"
)
_SIGN = 1 << 31
# A word is known by its beginning, so that cancelled is found by cancel.
_STEM = 5


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Turn texts into vectors of unit length; one without a telling word points somewhere, too."""
    return [_vector(text) for text in texts]


def _vector(text: str) -> list[float]:
    vector = [0.0] * DIMENSION
    for word in _WORD.findall(text.lower()):
        if not _SAYS_LITTLE.fullmatch(word):
            digest = zlib.crc32(word[:_STEM].encode())
            vector[digest % DIMENSION] += 1.0 if digest & _SIGN else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else [1.0, *vector[1:]]
