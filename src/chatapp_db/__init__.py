"""The data layer of a multi-tenant AI support product."""

__version__ = "0.1.0"
