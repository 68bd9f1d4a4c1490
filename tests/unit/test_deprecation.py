"""What docs/versioning.md promises of a deprecated name: it works, warns, and stands in the changelog."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py"))]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

PACKAGE = """
from chatapp_db import exports

_HOMES = {"home": ("New",)}
_RENAMED = {"Old": "New"}
__all__, __getattr__, __dir__ = exports.of(__name__, _HOMES, renamed=_RENAMED)
"""


@pytest.fixture
def package(tmp_path, monkeypatch) -> Iterator[str]:
    """A package in which Old was renamed New."""
    name = "renaming"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(PACKAGE)
    (tmp_path / name / "home.py").write_text("New = object()")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def deprecated(code: str) -> set[str]:
    """Find what is marked `@deprecated`, and what an `_RENAMED` of a package names."""
    if "deprecated" not in code and "_RENAMED" not in code:  # parsing all the package takes a second
        return set()
    tree = ast.parse(code)
    marked = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and any("deprecated" in ast.unparse(decorator).partition("(")[0] for decorator in node.decorator_list)
    }
    tables = [
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_RENAMED"
    ]
    return marked.union(*tables)


def told(changelog: str) -> set[str]:
    """Find the names that the changelog has under Deprecated."""
    sections = re.findall(r"^### Deprecated\n(.*?)(?=^##|\Z)", changelog, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", " ".join(sections)))))


def test_a_renamed_name_works_and_says_what_to_use_instead(package):
    module = importlib.import_module(package)
    with pytest.warns(DeprecationWarning, match=r"renaming\.Old is deprecated: use renaming\.New") as warned:
        old = module.Old
    assert old is module.New
    assert [warning.filename for warning in warned] == [__file__]


def test_a_renamed_name_is_not_offered_anew(package):
    module = importlib.import_module(package)
    assert (module.__all__, "Old" in dir(module)) == (["New"], False)


def test_a_type_checker_knows_a_renamed_name(package, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    stub = importlib.import_module("generate_exports").stub(package)
    assert "New as New," in stub
    assert "\nOld = New\n" in stub


def test_whatever_is_deprecated_stands_in_the_changelog():
    assert set().union(*map(deprecated, CODE)) - told(CHANGELOG) == set()


def test_what_would_be_deprecated_is_found():
    code = "@deprecated('use b')\ndef a(): ...\n@x.deprecated('')\nclass B: ...\n_RENAMED = {'C': 'D'}"
    assert deprecated(code) == {"a", "B", "C"}
    assert told("### Deprecated\n- `a()`: use `b()`.\n\n### Added\n- `c`\n") == {"a", "b"}
