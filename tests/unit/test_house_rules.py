"""The house rules of CONTRIBUTING.md that a test can see."""

import ast
import functools
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "chatapp_db"
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40

GENERATED = {PACKAGE / "rows", PACKAGE / "migrations" / "versions"}
WRITTEN = sorted(path for path in PACKAGE.rglob("*.py") if not GENERATED.intersection(path.parents))
EVERYTHING = sorted(
    path
    for folder in ("src", "tests", "tools", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)

IGNORE = re.compile(r"#\s*(?:type:\s*ignore|pyright:\s*ignore|noqa)(?P<rules>[^#]*)(?P<rest>.*)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of code: a docstring may be as long as it must."""
    assert function.end_lineno is not None
    docstring = ast.get_docstring(function, clean=False)
    documented = 0 if docstring is None else docstring.count("\n") + 1
    return function.end_lineno - function.lineno + 1 - documented


def ignores_without_reason(text: str) -> list[str]:
    """An ignore names its rule and, after another #, its reason."""
    found = (IGNORE.search(line) for line in text.splitlines())
    return [
        match.group(0)
        for match in found
        if match and not (re.search(r"[\[:]\s*\w", match["rules"]) and match["rest"].strip("# "))
    ]


def test_a_module_stays_under_300_lines():
    lines = {name_of(path): path.read_text(encoding="utf-8").count("\n") for path in WRITTEN}
    assert {name: count for name, count in lines.items() if count > LONGEST_MODULE} == {}


def test_a_function_stays_under_40_lines():
    lengths = {(name_of(path), it.name): length(it) for path in WRITTEN for it in functions(path)}
    assert {name: count for name, count in lengths.items() if count > LONGEST_FUNCTION} == {}


def test_a_module_says_what_it_is_for():
    assert [name_of(path) for path in WRITTEN if not ast.get_docstring(parsed(path))] == []


def test_an_ignore_names_its_rule_and_its_reason():
    found = {name_of(path): ignores_without_reason(path.read_text(encoding="utf-8")) for path in EVERYTHING}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "x  # type: ignore",
        "x  # type: ignore[arg-type]",
        "x  # noqa",
        "x  # noqa: S608",
        "x  # pyright: ignore  # why",
    ],
)
def test_a_bare_ignore_would_be_found(line):
    assert ignores_without_reason(line)


def test_a_reasoned_ignore_is_let_through():
    assert not ignores_without_reason("x  # type: ignore[arg-type]  # the stub is older than the library")
    assert not ignores_without_reason("x  # noqa: S608  # constants only")


@functools.cache
def offers(module: str, name: str) -> bool:
    """Whether a name may be imported: it is listed, or has no underscore where nothing is listed."""
    listed = getattr(importlib.import_module(module), "__all__", None)
    home = PACKAGE.parent.joinpath(*module.split("."), name)
    is_module = home.with_suffix(".py").exists() or (home / "__init__.py").exists()
    return is_module or (not name.startswith("_") if listed is None else name in listed)


def test_a_module_takes_only_what_another_one_offers():
    imports = {
        (name_of(path), str(node.module), alias.name)
        for path in WRITTEN
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("chatapp_db")
        for alias in node.names
    }
    assert {taken for taken in imports if not offers(*taken[1:])} == set()


def test_what_the_package_offers_is_there_and_listed():
    import chatapp_db

    assert [name for name in chatapp_db.__all__ if not hasattr(chatapp_db, name)] == []
    public = {name for name in vars(chatapp_db) if not name.startswith("_")}
    modules = {name for name in public if inspect.ismodule(getattr(chatapp_db, name))}
    assert public - modules - {"annotations"} <= set(chatapp_db.__all__)
