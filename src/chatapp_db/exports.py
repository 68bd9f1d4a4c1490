"""The names of a package, each loaded from its home when it is first asked for.

Type checkers read the package's `__init__.pyi`, which tools/generate_exports.py writes from the same homes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module

__all__ = ["Homes", "of"]

Homes = Mapping[str, tuple[str, ...]]


def of(
    package: str, homes: Homes, during: AbstractContextManager[object] | None = None
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Give a package its `__all__`, `__getattr__` and `__dir__`; a home is a module of the package.

    What is entered ``during`` a load is held before the lock of the home's import.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    members = vars(sys.modules[package])
    held = during or nullcontext()

    def load(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with held:
            value: object = getattr(import_module(f"{package}.{home_of[name]}"), name)
        members[name] = value
        return value

    return sorted(home_of), load, lambda: sorted({*members, *home_of})
