"""What a user installs: the wheel carries the types and the migrations, and nothing of the tests."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "chatapp_db"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


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
