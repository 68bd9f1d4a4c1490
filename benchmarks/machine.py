"""What the figures were taken on; without it they say nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine"]

_LIBRARIES = (
    "chatapp-db",
    "psycopg",
    "psycopg-pool",
    "SQLAlchemy",
    "asyncpg",
    "advanced-alchemy",
    "sqlmodel",
    "Django",
    "piccolo",
)


def machine(postgresql: str) -> dict[str, str]:
    """Give the processor, the system, and every version that matters."""
    facts = {
        "processor": _processor(),
        "cpus": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": postgresql.partition(" ")[0],
    }
    return facts | {name: found for name in _LIBRARIES if (found := _version(name))}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
