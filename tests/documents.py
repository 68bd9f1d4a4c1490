"""The documents as data: their fenced blocks, each with the heading it stands below."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])

_FENCED = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.+(?:\\\n.+)*)$", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """A fenced block, the line of its document that it begins on, and the heading above it."""

    language: str
    text: str
    line: int
    heading: str

    @property
    def commands(self) -> list[str]:
        """What a reader types: the lines behind a prompt, continued ones as one."""
        return _COMMAND.findall(self.text)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(document: Path) -> str:
    """Give a document's text with its blocks blanked, so that their lines are no headings and no links."""
    text = document.read_text(encoding="utf-8")
    return _FENCED.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)


def anchors(document: Path) -> set[str]:
    """Give what a link may name behind a hash: the headings, as a forge and MyST write them."""
    if document.suffix != ".md":
        return set()
    titles = (found["title"] for found in _HEADING.finditer(prose(document)))
    return {re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).replace(" ", "-") for title in titles}


def snippets(document: Path, *, below: str | None = None, language: str | None = None) -> list[Snippet]:
    """Give a document's blocks in their order: all, or those of a language, or below one heading."""
    text = document.read_text(encoding="utf-8")
    headings = [(found.start(), found["title"]) for found in _HEADING.finditer(prose(document))]
    found = [
        Snippet(
            block["language"],
            block["text"],
            text.count("\n", 0, block.start("text")),
            next((title for start, title in reversed(headings) if start < block.start()), ""),
        )
        for block in _FENCED.finditer(text)
    ]
    return [one for one in found if below in {None, one.heading} and language in {None, one.language}]


def program(document: Path, *, below: str | None = None) -> str:
    """Give the python blocks of a document, or of one heading, as one text."""
    return "\n".join(one.text for one in snippets(document, below=below, language="python"))
