"""The reference says what the code says, and leaves nothing out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import chatapp_db
from chatapp_db import errors, rows
from chatapp_db.scopes import CompanyScope, Platform
from tests.isolation.methods import methods, repositories

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted(REFERENCE.rglob("*.md"))
OFFERED = [
    (f"{scope}/{name}.md", method)
    for scope, kind in (("company", CompanyScope), ("platform", Platform))
    for name, repository in repositories(kind).items()
    for method in methods(name, repository)
]
LINK = re.compile(r"\]\((?P<path>[^)#]*)#(?P<anchor>[\w-]+)\)")
HEADING = re.compile(r"^#+ `?(?P<text>[^`\n]+)`?$", re.MULTILINE)


def read(page: str) -> str:
    return (REFERENCE / page).read_text(encoding="utf-8")


def generate(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / "tools" / "generate_reference.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def name_of(path: Path) -> str:
    return path.relative_to(REFERENCE).as_posix()


def anchors(path: Path) -> list[str]:
    """Give the anchors that a forge makes of a page's headings."""
    headings = HEADING.finditer(path.read_text(encoding="utf-8"))
    return [re.sub(r"[^\w -]", "", found["text"].lower()).replace(" ", "-") for found in headings]


def test_the_reference_is_current():
    done = generate(ROOT, "--check")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_page_is_told_by_name_and_mended(tmp_path):
    (tmp_path / "tools").mkdir()
    for tool in (ROOT / "tools").glob("*.py"):
        (tmp_path / "tools" / tool.name).write_text(tool.read_text(encoding="utf-8"), encoding="utf-8")
    pages = tmp_path / "docs" / "reference"
    (pages / "company").mkdir(parents=True)
    (pages / "company" / "left_over.md").write_text("", encoding="utf-8")

    done = generate(tmp_path, "--check")
    assert done.returncode == 1
    assert "company/agents.md" in done.stderr
    assert "company/left_over.md" in done.stderr

    assert generate(tmp_path).returncode == 0
    written = {path.relative_to(pages): path.read_text(encoding="utf-8") for path in pages.rglob("*.md")}
    assert written == {path.relative_to(REFERENCE): path.read_text(encoding="utf-8") for path in PAGES}


@pytest.mark.parametrize(("page", "method"), OFFERED, ids=[f"{page}:{it.name}" for page, it in OFFERED])
def test_a_method_is_described_with_all_it_takes(page, method):
    _, found, section = read(page).partition(f"\n### `{method.name}`\n")
    assert found
    signature = section[: section.index(": ...\n```")]
    takes = set(re.findall(r"(?:^|[ (*])(\w+): ", signature, re.MULTILINE))
    by_name = {it.name for it in method.parameters}
    assert takes == by_name or "Unpack[" in signature


def test_the_index_leads_to_every_page():
    index = read("index.md")

    assert [name_of(path) for path in PAGES if f"]({name_of(path)})" not in index] == ["index.md"]


def test_every_table_and_error_has_a_section():
    headings = {anchor for path in PAGES for anchor in anchors(path)}
    models = {re.sub(r"(Row|Values|Changes)$", "", name) for name in rows.__all__}

    assert {name for name in models | {*errors.__all__} if name.lower() not in headings} == set()


def test_every_export_is_named():
    package = read("package.md")

    assert [
        name for name in chatapp_db.__all__ if f"`{name}`" not in package and f"## {name}" not in package
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_link_leads_to_a_heading(page):
    targets = {(found["path"], found["anchor"]) for found in LINK.finditer(page.read_text(encoding="utf-8"))}
    led = [(path, anchor, page.parent / path if path else page) for path, anchor in targets]
    assert [(path, anchor) for path, anchor, target in led if anchor not in anchors(target)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_heading_is_alone_with_its_anchor(page):
    found = anchors(page)

    assert [anchor for anchor in found if found.count(anchor) > 1] == []
