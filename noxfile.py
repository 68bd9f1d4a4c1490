"""The commands of this project: `nox` runs the tests, `nox -s lint types docs demo` the rest of what CI runs.

What they install is pinned by constraints.txt. Nothing but Python and a package index is needed: the
database and the type checker's node come as wheels.
"""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"

CONSTRAINTS = "constraints.txt"
APT_FAILED = 100
SERVERS = {"pgbouncer": "usr/sbin/pgbouncer", "postgresql": "usr/lib/postgresql/*/bin/initdb"}
DRAWING = {"graphviz": "usr/bin/dot"}


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, the slow ones too; `nox -s tests -- -k inbox` passes arguments on to pytest."""
    install(session, "--editable", ".[dev]")
    install_from_debian(session, SERVERS)
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, and that generated code is current."""
    install(session, "--editable", ".", "paracelsus", "ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    for generator in sorted(Path("tools").glob("generate_*.py")):
        session.run("python", str(generator), "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types with both checkers, strictly."""
    install(session, "--editable", ".[dev,bench]")
    session.run("mypy")
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of the documentation into `docs/_build`; a warning is an error."""
    install(session, "--editable", ".[docs]")
    install_from_debian(session, DRAWING)
    if shutil.which("dot") is None:
        session.skip("it draws with Graphviz: install the program `dot`")
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "docs", "docs/_build")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure next to psycopg by hand and to peers; `-- --small` only looks whether all is right."""
    install(session, "--editable", ".[bench]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(reuse_venv=False)
def demo(session: nox.Session) -> None:
    """Install as a user does, into a new environment, and run the demo."""
    install(session, ".[embedded,edge,cli]")
    session.run("chatapp-db", "demo", *session.posargs)


def install(session: nox.Session, *requirements: str) -> None:
    session.install("--constraint", CONSTRAINTS, *requirements)


def install_from_debian(session: nox.Session, programs: dict[str, str]) -> None:
    """Install what no wheel brings, where that is welcome; without it, what needs it skips.

    Welcome is a Debian container: root, and no system whose services a package would start.
    """
    missing = [package for package, program in programs.items() if not any(Path("/").glob(program))]
    container = os.geteuid() == 0 and not Path("/run/systemd/system").exists()
    if not missing or not container or shutil.which("apt-get") is None:
        return
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        session.run(
            "apt-get",
            "--quiet=2",
            *arguments,
            env={"DEBIAN_FRONTEND": "noninteractive"},
            external=True,
            silent=True,
            success_codes=[0, APT_FAILED],
        )
