"""What is published: the wheel carries the types and the migrations, the sdist the project, neither more."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "chatapp_db"
# What the maintainers' tools read and no test does; the metadata takes the place of none.
UNPUBLISHED = {".ci/run", ".pre-commit-config.yaml"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PACKAGE.exists(), reason="there is no source here that could be built"),
]


def built(target: str, project: Path, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder],
        cwd=project,
        check=True,
        capture_output=True,
    )
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def files(wheel):
    return set(zipfile.ZipFile(wheel).namelist())


def test_it_holds_the_marker_of_typed_packages(files):
    assert "chatapp_db/py.typed" in files


def test_it_holds_every_migration_and_their_template(files):
    written = PACKAGE.glob("migrations/versions/*.py")
    revisions = {f"chatapp_db/migrations/versions/{path.name}" for path in written}
    assert revisions
    assert revisions | {"chatapp_db/migrations/script.py.mako"} <= files


def test_it_holds_every_file_of_the_package_and_no_other(files):
    paths = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    expected = {path for path in paths if "__pycache__" not in path and "/." not in path}
    assert {name for name in files if ".dist-info/" not in name} == expected


def test_its_version_is_the_packages(wheel):
    import chatapp_db

    assert wheel.name.split("-")[1] == chatapp_db.__version__


def test_installed_alone_it_knows_its_own_migrations(wheel, tmp_path):
    """Run from the wheel's files, not from the checkout."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        "import chatapp_db, chatapp_db.migrations, pathlib;"
        "folder = pathlib.Path(chatapp_db.migrations.__file__).parent;"
        f"assert folder.is_relative_to({str(tmp_path)!r}), folder;"
        "assert list((folder / 'versions').glob('*.py'))"
    )
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(tmp_path)}, check=True)


def test_the_sdist_makes_the_same_wheel(sdist, wheel, tmp_path):
    shutil.unpack_archive(sdist, tmp_path, filter="data")
    (project,) = tmp_path.iterdir()
    again = built("wheel", project, tmp_path / "again")
    assert (again.name, again.read_bytes()) == (wheel.name, wheel.read_bytes())


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="what is tracked is known in a clone")
def test_the_sdist_holds_what_is_tracked_and_nothing_else(sdist):
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert tracked >= UNPUBLISHED
    assert held - {"PKG-INFO"} == tracked - UNPUBLISHED
