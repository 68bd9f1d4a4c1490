"""What a service that installs this package tests with: a pytest plugin, factories, a check of isolation.

The fixtures come by themselves where the extra ``testing`` is installed. Nothing is loaded before it is
asked for.
"""

from chatapp_db import exports

_HOMES = {
    "factories": ("RowFactory", "factory_of"),
    "isolation": ("Leak", "aassert_isolated", "assert_isolated"),
    "rows": ("CompanyRows", "Rows"),
    "server": ("NoServer", "Server"),
    "twins": ("Twin", "Twins"),
}

__all__, __getattr__, __dir__ = exports.of(__name__, _HOMES)  # pyright: ignore[reportUnsupportedDunderAll]  # the stub lists them
