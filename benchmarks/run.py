"""A run of the benchmarks, as it is kept in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.figures import Figure

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """What was found, and on what."""

    machine: dict[str, str]
    messages: int
    """How many the database held before anything was measured."""
    rounds: int
    skipped: list[str]
    """The libraries of peers that were not installed."""
    figures: list[Figure]

    def write(self, file: Path) -> None:
        """Keep the run."""
        file.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Run:
        """Read a run that was kept."""
        content = json.loads(file.read_text(encoding="utf-8"))
        return cls(**(content | {"figures": [Figure.read(one) for one in content["figures"]]}))
