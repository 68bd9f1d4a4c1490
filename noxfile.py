"""The commands of this project: `nox` runs the tests, `nox -s lint types docs demo release` the rest of CI.

What they install is pinned by constraints.txt. Nothing but Python and a package index is needed: the
database and the type checker's node come as wheels.
"""

import os
import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
# Whoever has not every Python still tests on those that are there, also where CI runs.
nox.options.error_on_missing_interpreters = False

CONSTRAINTS = "constraints.txt"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# What another Python, or an older dependency, breaks first.
CORE = [
    "tests/unit",
    *(f"tests/contract/test_{part}.py" for part in ("collection", "edge", "points", "search")),
    *(f"tests/integration/test_{part}.py" for part in ("cli", "database", "guest_session", "plugin")),
    *map(str, sorted(Path().glob("tests/integration/test_repositories_[acm]*.py"))),
]
OPTIONAL = "cli,edge,embedded,fastapi,otel,testing"
# What tests/acceptance takes beside the package with its extras.
ACCEPTANCE = [
    *("arq", "celery", "fakeredis", "litestar", "uvicorn"),
    *("httpx", "httpx2", "mypy", "numpy", "opentelemetry-sdk", "pyright[nodejs]", "schemathesis"),
]
APT_FAILED = 100
SERVERS = {"pgbouncer": "usr/sbin/pgbouncer", "postgresql": "usr/lib/postgresql/*/bin/initdb"}
DRAWING = {"graphviz": "usr/bin/dot"}


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, the slow ones too; `nox -s tests -- -k inbox` passes arguments on to pytest."""
    install(session, "--editable", ".[dev]")
    install_from_debian(session, SERVERS)
    session.run("pytest", *session.posargs)


@nox.session(python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """Run the tests that a Python would break first; one that the machine lacks is skipped by name."""
    install(session, "--editable", ".[dev]")
    session.run("pytest", "-m", "not slow", *(session.posargs or CORE))


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the same tests with the lowest release of every dependency that pyproject.toml allows users."""
    install(session, "--editable", ".[release]")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        extras = [f"--extra={name}" for name in OPTIONAL.split(",")]
        resolution = ["--resolution=lowest-direct", "--quiet", f"--output-file={pins.name}"]
        session.run("uv", "pip", "compile", *resolution, *extras, "pyproject.toml")
        session.install("--requirement", pins.name, "httpx", "httpx2", "hypothesis", "numpy")
    session.install("--no-deps", "--editable", ".")
    session.run("pytest", "-m", "not slow", *(session.posargs or CORE))


@nox.session
def release(session: nox.Session) -> None:
    """Build what is published into `dist`, check it, and pass the acceptance tests with it installed bare."""
    install(session, "--editable", ".[release]")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", env={"PIP_CONSTRAINT": str(Path(CONSTRAINTS).absolute())})
    (wheel,), (sdist,) = Path("dist").glob("*.whl"), Path("dist").glob("*.tar.gz")
    session.run("twine", "check", "--strict", str(wheel), str(sdist))
    session.run("check-wheel-contents", str(wheel))
    with tempfile.TemporaryDirectory() as folder:
        shutil.unpack_archive(sdist, folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        accept(session, wheel.absolute(), unpacked)


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


def accept(session: nox.Session, wheel: Path, unpacked: Path) -> None:
    """Install the wheel into an environment with nothing else, and test it where no source lies beside it."""
    shutil.rmtree(unpacked / "src")
    session.run("python", "-m", "venv", str(unpacked / "bare"))
    python = str(unpacked / "bare" / ("Scripts" if os.name == "nt" else "bin") / "python")

    def bare(*arguments: str) -> None:
        session.run(python, *arguments, external=True, env={"PYTHONPATH": None})

    with session.chdir(unpacked):
        pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--constraint", CONSTRAINTS)
        bare(*pip, str(wheel))
        bare("-I", "-c", "import chatapp_db; [getattr(chatapp_db, name) for name in chatapp_db.__all__]")
        bare(*pip, f"{wheel}[{OPTIONAL}]", *ACCEPTANCE)
        bare("-m", "pip", "check")
        bare("-m", "pytest", "tests/acceptance", *session.posargs)


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
