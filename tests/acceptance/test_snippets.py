"""The documents tell the truth: what they show runs, in order, and prints what they say it prints."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chatapp_db.testing.server import server_folder
from tests import documents
from tests.documents import DOCUMENTS, ROOT, Snippet, anchors, name_of, prose, snippets

LINK = re.compile(r"\]\((?!https?:|mailto:)(?P<path>[^)#]*)(?:#(?P<anchor>[^)]+))?\)")
EXTRAS = re.compile(r"(?:\.|chatapp-db)\[(?P<names>[\w,]+)\]")
REQUIRED = {"README.md", "docs/quickstart.md", "docs/howto/vectors.md"}
# Addresses of the repository's own pages, which are no files.
_PAGES = ("../../compare/", "../../releases/")


def run(document: Path) -> None:
    """Execute the python blocks in one namespace; a text block is what the block before it printed."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    try:
        for snippet in snippets(document):
            if snippet.language == "python":
                printed = executed(snippet, name_of(document), namespace)
            elif snippet.language == "text":
                assert printed == snippet.text, f"{name_of(document)}:{snippet.line}"
    finally:
        for engine in namespace.values():
            if isinstance(engine, Engine):
                engine.dispose()


def executed(snippet: Snippet, document: str, namespace: dict[str, object]) -> str:
    """Run a block so that a traceback names the document's own line, and give what it printed."""
    code = compile("\n" * snippet.line + snippet.text, document, "exec", dont_inherit=True)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(code, namespace)
    return output.getvalue()


WITH_PYTHON = [document for document in DOCUMENTS if any(s.language == "python" for s in snippets(document))]


def commands() -> Iterator[tuple[str, ...]]:
    """Give each shell command of every document, without what comments or joins it."""
    for document in DOCUMENTS:
        for snippet in snippets(document):
            if snippet.language == "console":
                for line in snippet.commands:
                    words = shlex.split(line.replace("\\\n", " "), comments=True)
                    yield from split_at(words, {"&&", "|", ";"})


def split_at(words: list[str], joints: set[str]) -> Iterator[tuple[str, ...]]:
    command: list[str] = []
    for word in [*words, "&&"]:
        if word not in joints:
            command.append(word)
        elif command:
            yield tuple(command)
            command = []


COMMANDS = sorted(set(commands()))
OURS = [command for command in COMMANDS if command[0] == "chatapp-db"]
SESSIONS = sorted({word for command in COMMANDS if command[:2] == ("nox", "-s") for word in command[2:]})


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, empty_database_url: str) -> Iterator[None]:
    """Stand in an empty folder beside an empty database, as a reader does."""
    with server_folder() as folder:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("CHATAPP_DATABASE_URL", empty_database_url)
        yield


def test_the_documents_that_must_run_are_found():
    assert {name_of(document) for document in WITH_PYTHON} >= REQUIRED


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("document", WITH_PYTHON, ids=name_of)
def test_every_python_snippet_of_a_document_runs_in_order(document):
    run(document)


def test_a_snippet_that_prints_something_else_would_be_found(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    document = tmp_path / "lie.md"
    document.write_text("```python\nprint(1)\n```\n\n```text\n2\n```\n")
    with pytest.raises(AssertionError, match=r"lie\.md:5"):
        run(document)


def test_a_document_names_commands_at_all():
    assert ("chatapp-db", "demo") in OURS
    assert "tests" in SESSIONS


@pytest.mark.parametrize("command", OURS, ids=" ".join)
def test_a_command_that_is_named_exists_and_takes_its_options(command):
    names = takewhile(lambda word: word.isalpha() and word.islower(), command[1:])
    program = [sys.executable, "-m", "chatapp_db", *names, "--help"]
    wide = {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
    told = subprocess.run(program, check=True, capture_output=True, text=True, timeout=60, env=wide).stdout
    assert [word for word in command[2:] if word.startswith("--") and word not in told] == []


@pytest.mark.parametrize("session", SESSIONS)
def test_a_nox_session_that_is_named_exists(session):
    assert f"\ndef {session}(session" in (ROOT / "noxfile.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_an_extra_that_is_named_exists(document):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {name for found in EXTRAS.finditer(document.read_text()) for name in found["names"].split(",")}
    assert named <= set(project["optional-dependencies"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_a_link_leads_to_a_file_and_to_a_heading_of_it(document):
    links = [(found["path"], found["anchor"]) for found in LINK.finditer(prose(document))]
    ours = [(path, anchor) for path, anchor in links if not path.startswith(_PAGES)]
    targets = [(path, anchor, document.parent / path if path else document) for path, anchor in ours]
    assert [path for path, _, target in targets if not target.exists()] == []
    assert [f"{path}#{anchor}" for path, anchor, it in targets if anchor and anchor not in anchors(it)] == []


def test_every_page_of_the_site_is_in_its_navigation():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL)
    listed = {word.strip("<>") for tree in trees for word in tree.split()}
    files = [name_of(page) for page in (ROOT / "docs").rglob("*.md")]
    pages = {name.removeprefix("docs/").removesuffix(".md") for name in files}
    generated = {page for page in pages if page.startswith("reference/")}
    assert pages - generated - {"index"} - listed == set()


def test_the_words_of_the_glossary_are_in_their_order():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^(.+)\n: ", text, re.MULTILINE)
    assert words == sorted(words, key=str.lower)
