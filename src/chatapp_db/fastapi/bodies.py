"""Request bodies that are the package's own TypedDicts: what a client may send, as JSON says it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import GetCoreSchemaHandler, TypeAdapter
from pydantic_core import core_schema, to_json

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = ["JsonBody"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _AsJson:
    """Read a value by the rules of JSON, where a time and a uuid are texts.

    FastAPI parses a body and then checks Python values, to which these types are strict.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> Any:
            return _adapter(source).validate_json(to_json(value))

        shown = handler(source)
        return core_schema.no_info_plain_validator_function(read, json_schema_input_schema=shown)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


JsonBody = Annotated[T, _AsJson()]
"""``changes: JsonBody[AgentChanges]``: a body of an endpoint, checked as the repository would check it."""
