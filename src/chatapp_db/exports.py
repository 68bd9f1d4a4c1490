"""The names of a package, each loaded from its home when it is first asked for.

Type checkers read the package's `__init__.pyi`, which tools/generate_exports.py writes from the same homes.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from types import MappingProxyType

__all__ = ["Homes", "Renamed", "of"]

Homes = Mapping[str, tuple[str, ...]]
Renamed = Mapping[str, str]
"""Names that are deprecated, each with the name of the same package to use instead."""

_NONE: Renamed = MappingProxyType({})


def of(
    package: str,
    homes: Homes,
    during: AbstractContextManager[object] | None = None,
    renamed: Renamed = _NONE,
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Give a package its `__all__`, `__getattr__` and `__dir__`; a home is a module of the package.

    What is entered ``during`` a load is held before the lock of the home's import. A renamed name still
    works, unlisted, and warns each time that it is asked for.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    members = vars(sys.modules[package])
    held = during or nullcontext()

    def load(name: str) -> object:
        if name in renamed:
            instead = f"{package}.{name} is deprecated: use {package}.{renamed[name]} instead"
            warnings.warn(instead, DeprecationWarning, stacklevel=2)
            return getattr(sys.modules[package], renamed[name])
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with held:
            value: object = getattr(import_module(f"{package}.{home_of[name]}"), name)
        members[name] = value
        return value

    return sorted(home_of), load, lambda: sorted({*members, *home_of})
