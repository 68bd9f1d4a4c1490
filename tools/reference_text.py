"""How the reference is written: signatures, docstrings, types and tables as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import EnumType, StrEnum
from posixpath import dirname, relpath
from typing import Any, Required, get_origin

from reference_names import homes
from typing_extensions import get_type_hints, is_protocol

from chatapp_db import errors

__all__ = ["Call", "fenced", "link", "linked", "prose", "section", "shape", "table", "written"]

LINE_LENGTH = 90
LITERAL_BLOCK = re.compile(r"^(?P<before>.*?)::\n\n(?P<block>(?: {4}.*\n|\n)+)", re.MULTILINE)
RAISES = re.compile(r"(?:^|(?<=\. )|(?<=\.\n))Raises (?=[A-Z])", re.MULTILINE)
CODE_OR_NAME = re.compile(r"(`+)[^`]+\1|\b[A-Z][A-Za-z]+\b")


def link(text: str, target: str, page: str) -> str:
    """Lead from a page to another one, or to another place on it."""
    path, hash_, anchor = target.partition("#")
    way = "" if path == page else relpath(path, dirname(page) or ".")
    return f"[{text}]({way}{hash_}{anchor})"


def linked(annotation: str, page: str) -> str:
    """Write a type, each name of which leads to where it is described."""
    parts = re.split(r"(\w+)", annotation.replace("[", r"\[").replace("|", r"\|"))
    return "".join(link(part, homes()[part], page) if part in homes() else part for part in parts)


def prose(docstring: str | None, page: str) -> str:
    """Write a docstring as Markdown; the errors that it names lead to their page."""
    text = f"{inspect.cleandoc(docstring or '')}\n".replace("``", "`")
    text = RAISES.sub("\n\n**Raises** ", LITERAL_BLOCK.sub(_literal, text))

    def one(found: re.Match[str]) -> str:
        word = found[0].strip("`")
        return link(f"`{word}`", homes()[word], page) if word in errors.__all__ else found[0]

    return re.sub(r"\s*\n\n+", "\n\n", CODE_OR_NAME.sub(one, text)).strip()


def _literal(found: re.Match[str]) -> str:
    before = f"{found['before']}:" if found["before"] else ""
    return f"{before}\n\n{fenced('text', inspect.cleandoc(found['block']))}\n\n"


def fenced(language: str, text: str) -> str:
    """Write text that is kept as it is."""
    return f"```{language}\n{text}\n```"


def section(*parts: str) -> str:
    """Join paragraphs, those that say nothing left out."""
    return "\n\n".join(part for part in parts if part)


def table(*rows: tuple[str, ...]) -> str:
    """Write a table, the first row of which is its head; a column that says nothing is left out."""
    kept = [place for place in range(len(rows[0])) if any(cells[place] for cells in rows)]
    head, *body = ([cells[place] for place in kept] for cells in rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(kept), *body])


def written(annotation: Any) -> str:
    """Write an annotation as the code does, without the modules of its names."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=\w)|~", "", text)


def shape(kind: Any, page: str) -> str:
    """Write the fields of a dataclass or a typed dictionary, or the members of a vocabulary."""
    if isinstance(kind, EnumType):
        labels: dict[str, Any] = {**kind.__members__}
        lines = [(f"`{kind.__name__}.{name}`", f"`{label.value}`") for name, label in labels.items()]
        return section(prose(kind.__doc__, page), table(("member", "label"), *lines))
    return section(prose(kind.__doc__, page), table(("field", "type", ""), *_fields(kind, page)))


def _fields(kind: Any, page: str) -> Iterator[tuple[str, str, str]]:
    """Give a line for each field, without what pydantic is told of it."""
    told: dict[str, Any] = get_type_hints(kind, include_extras=True)
    for name, annotation in get_type_hints(kind).items():
        origin: object = get_origin(told[name])
        yield f"`{name}`", linked(written(annotation), page), "required" if origin is Required else ""


@dataclass(frozen=True)
class Call:
    """A signature as a caller sees it, without ``self``."""

    name: str
    parameters: tuple[inspect.Parameter, ...]
    returned: str
    row: str

    @classmethod
    def of(cls, name: str, function: Callable[..., Any], row: str = "") -> Call:
        """Read the signature of a function; ``row`` takes the place of the row of any repository."""
        signature = inspect.signature(function)
        parameters = [it for it in signature.parameters.values() if it.name not in {"self", "cls"}]
        return cls(name, tuple(parameters), signature.return_annotation, row)

    @classmethod
    def making(cls, kind: Any) -> Call | None:
        """Give how a caller makes one, or calls one of a protocol; None for what is only ever given."""
        if is_protocol(kind):
            return cls.of("__call__", kind.__call__)
        made = cls.of("__init__", kind.__init__)
        taken = {written(it.annotation) for it in made.parameters}
        return None if taken & {"Entrance", "Transaction"} else made

    def __str__(self) -> str:
        arguments = list(self._arguments())
        end = f") -> {self._type(self.returned)}: ..."
        line = f"def {self.name}({', '.join(arguments)}{end}"
        if len(line) <= LINE_LENGTH:
            return line
        return "\n".join([f"def {self.name}(", *(f"    {argument}," for argument in arguments), end])

    def types(self, page: str) -> str:
        """Lead to what the call takes, and to what it gives."""
        words = re.findall(r"\w+", " ".join(self._type(it.annotation) for it in self.parameters))
        taken = [link(f"`{word}`", homes()[word], page) for word in dict.fromkeys(words) if word in homes()]
        returned = self._type(self.returned)
        lines = [f"**Takes** {', '.join(taken)}"] if taken else []
        if homes().keys() & set(re.findall(r"\w+", returned)):
            lines.append(f"**Gives** {linked(returned, page)}")
        return " · ".join(lines)

    def _arguments(self) -> list[str]:
        texts: list[str] = []
        for it in self.parameters:
            if it.kind is it.KEYWORD_ONLY and "*" not in texts:
                texts.append("*")
            stars = {it.VAR_POSITIONAL: "*", it.VAR_KEYWORD: "**"}.get(it.kind, "")
            text = f"{stars}{it.name}: {self._type(it.annotation)}"
            texts.append(text if it.default is it.empty else f"{text} = {_default(it.default)}")
        return texts

    def _type(self, annotation: Any) -> str:
        return re.sub(r"\bRow\b", self.row, written(annotation))


def _default(value: object) -> str:
    """Write a default as a stub does: what is not plain is left out."""
    match value:
        case StrEnum():
            return f"{type(value).__name__}.{value.name}"
        case str():
            return f'"{value}"'
        case None | bool() | int() | float():
            return repr(value)
        case ():
            return "()"
        case _:
            return "..."
