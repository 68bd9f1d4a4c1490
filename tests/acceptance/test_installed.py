"""What these tests exercise: the checkout where there is one, else what is installed, and never the other."""

from __future__ import annotations

import sysconfig
from importlib.metadata import version
from pathlib import Path

import chatapp_db

SOURCE = Path(__file__).parents[2] / "src"
INSTALLED = Path(sysconfig.get_path("purelib"))


def test_the_package_comes_from_the_checkout_or_else_from_what_was_installed():
    assert Path(chatapp_db.__file__).parents[1] == (SOURCE if SOURCE.exists() else INSTALLED)


def test_it_is_installed_in_the_version_that_it_says():
    assert version("chatapp-db") == chatapp_db.__version__
