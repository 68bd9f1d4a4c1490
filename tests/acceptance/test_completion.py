"""The Tab key: what `chatapp-db --install-completion` installs completes commands in a real shell."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 30
SHELLS = ("bash", "zsh", "fish", "powershell")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder, and the command on the path."""
    command = tmp_path / "bin" / "chatapp-db"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chatapp_db "$@"\n')
    command.chmod(0o755)
    return tmp_path


def around(home: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(home),
        "ZDOTDIR": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "TERM": "dumb",
        **more,
    }


def told(home: Path, *command: str, **more: str) -> str:
    done = subprocess.run(
        command, env=around(home, **more), check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    return done.stdout


def typed(shell: list[str], keys: str, awaited: str, home: Path) -> str:
    """Type into an interactive shell; give what its screen shows once the awaited text is there."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        shell, env=around(home), stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    shown, deadline = "", time.monotonic() + PATIENCE
    os.write(master, keys.encode())
    try:
        while awaited not in shown and time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                shown += os.read(master, 4096).decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return shown


def test_bash_completes_a_command_once_it_was_installed(home):
    assert "bash completion installed" in told(home, "bash", "-c", "chatapp-db --install-completion; true")
    assert "chatapp-db vectors reconcile" in typed(
        ["bash", "-i"], "chatapp-db vect\trec\t", "vectors reconcile", home
    )


def test_without_it_bash_completes_nothing(home):
    """Or the other test proves nothing."""
    shown = typed(["bash", "-i"], "chatapp-db vect\trec\t; echo do''ne\n", "done", home)
    assert "vectors reconcile" not in shown


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed (apt-get install fish)")
def test_fish_completes_a_command_once_it_was_installed(home):
    told(home, "fish", "-c", "chatapp-db --install-completion; true")
    offered = told(home, "fish", "-c", "complete --do-complete 'chatapp-db vectors rec'")
    assert offered.split()[0] == "reconcile"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed (apt-get install zsh)")
def test_zsh_completes_a_command_once_it_was_installed(home):
    """From the second time Tab is hit: the first one only makes zsh load what typer wrote."""
    told(home, "zsh", "-c", "chatapp-db --install-completion; true")
    assert "reconcile" in typed(["zsh", "-i"], "chatapp-db vect\t\trec\t", "reconcile", home)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_shown_for_every_shell(shell, home):
    """To copy it, for who keeps the settings of a shell under version control."""
    script = told(
        home, "chatapp-db", "--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
    assert f"complete_{shell}" in script
    assert "chatapp-db" in script


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_is_answered_with_the_commands_that_fit(shell, home):
    asked = {
        "COMP_WORDS": "chatapp-db vectors rec",
        "COMP_CWORD": "2",
        "_TYPER_COMPLETE_ARGS": "chatapp-db vectors rec",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": "rec",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    offered = told(home, "chatapp-db", _CHATAPP_DB_COMPLETE=f"complete_{shell}", **asked)
    assert "reconcile" in offered
    assert "register" not in offered
