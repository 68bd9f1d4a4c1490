"""Imports point one way, and importing the package costs little."""

import ast
import functools
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "chatapp_db"

# What each part may import of ours, besides itself; the order is the architecture's.
MAY_IMPORT = {
    "errors": set(),
    "exports": set(),
    "identity": set(),
    "address": {"errors"},
    "execution": {"errors", "address", "encryption"},
    "encryption": {"errors"},
    "vectors": {"errors", "execution", "address", "identity"},
    "embedded": {"errors"},
    "retrying": {"errors", "execution"},
    "telemetry": {"errors", "execution"},
    "schema": {"errors", "exports"},
    "rows": {"errors", "exports", "schema"},
    "migrations": {"errors", "address", "execution"},
    "repositories": {"errors", "exports", "address", "execution", "encryption", "identity", "schema", "rows"},
    "database": {
        "errors", "address", "execution", "encryption", "embedded", "identity", "schema", "rows",
        "repositories", "scopes", "telemetry",
    },
    "settings": {"errors", "execution", "encryption"},
    "scopes": {"errors", "address", "execution", "encryption", "schema", "rows", "repositories", "telemetry"},
}  # fmt: skip
MAY_IMPORT["privacy"] = MAY_IMPORT["scopes"] | {"scopes", "vectors"}
MAY_IMPORT["database"] |= {"privacy", "settings"}
MAY_IMPORT["knowledge"] = MAY_IMPORT["database"] | {"database", "vectors"}
MAY_IMPORT["seeding"] = MAY_IMPORT["database"] | {"database"}
MAY_IMPORT["scale_out"] = {"errors", "migrations", "schema"}
MAY_IMPORT["doctor"] = MAY_IMPORT["knowledge"] | {"migrations"}
ABOVE = MAY_IMPORT["knowledge"] | {
    "knowledge",
    "retrying",
    "scale_out",
    "seeding",
    "migrations",
    "doctor",
    "chatapp_db",
}
for part in ("cli", "demo", "testing", "fastapi", "__main__"):
    MAY_IMPORT[part] = ABOVE | {"cli", "demo", "exports"}
MAY_IMPORT["chatapp_db"] = ABOVE | {"exports"}
ONLY_HERE_MIGRATIONS_SEE_TABLES = {"migrations/env.py", "migrations/check.py"}
SHARED_BY_REPOSITORIES = {
    "__init__", "base", "border", "catalogue", "keyset", "operations", "paging", "passages", "subscriptions",
    "appending", "delivering", "dispatching", "inbox", "joining", "lifecycle", "metering", "queue",
    "reading", "rotation", "sealing", "spoken", "tagging", "transcript",
    "backlog", "outbox",
    "acting", "agent_reports", "days", "due_days", "outcomes", "rollup", "series", "upserting",
    "importing", "incoming",
}  # fmt: skip

MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def module_of(path: Path) -> str:
    names = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


@functools.cache
def imports_of(path: Path) -> set[str]:
    """Every module of ours that a file imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "chatapp_db"}


def against_the_arrows(path: Path) -> set[str]:
    own = part_of(module_of(path))
    allowed = MAY_IMPORT[own] | {own}
    if path.relative_to(PACKAGE).as_posix() in ONLY_HERE_MIGRATIONS_SEE_TABLES:
        allowed |= {"schema"}
    return {name for name in imports_of(path) if part_of(name) not in allowed}


def test_a_module_imports_only_what_is_below_it():
    found = {module_of(path): against_the_arrows(path) for path in MODULES}
    assert {module: names for module, names in found.items() if names} == {}


def test_an_import_against_the_arrows_would_be_found(tmp_path, monkeypatch):
    (tmp_path / "chatapp_db" / "schema").mkdir(parents=True)
    path = tmp_path / "chatapp_db" / "schema" / "wrong.py"
    path.write_text("def late():\n    from chatapp_db.database import Database\n")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path / "chatapp_db")
    assert against_the_arrows(path) == {"chatapp_db.database.Database"}


def test_repositories_do_not_import_each_other():
    entities = {path.stem for path in (PACKAGE / "repositories").glob("*.py")} - SHARED_BY_REPOSITORIES
    crossings = {
        (path.name, name)
        for path in (PACKAGE / "repositories").glob("*.py")
        for name in imports_of(path)
        if path.stem in entities
        and name.startswith("chatapp_db.repositories.")
        and name.split(".")[2] in entities - {path.stem}
    }
    assert crossings == set()


def test_vectors_name_no_table():
    tables = {"schema", "rows", "repositories"}
    modules = (PACKAGE / "vectors").rglob("*.py")
    assert not {name for path in modules for name in imports_of(path) if part_of(name) in tables}
