"""The demo: what it writes is what the file holds, and a bad file leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chatapp_db.cli import main
from chatapp_db.demo import stage
from chatapp_db.demo.dialogues import MAX_LINE_BYTES, from_file
from chatapp_db.demo.sample import DIALOGUES
from chatapp_db.embedded import EmbeddedServer
from chatapp_db.testing.server import server_folder

REAL = Path(__file__).parents[3] / "shared" / "data" / "sgd_dialogues.jsonl.gz"
GOOD = {"dialogue_id": "1", "services": ["hotels"], "turns": [["user", "Hello"], ["assistant", "Hi"]]}

real_dialogues = pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not part of the project")


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder for a server; inside it, so that the demo makes it."""
    with server_folder() as folder:
        yield folder / "demo"


def packed(path: Path, lines: Iterable[Any]) -> Path:
    texts = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(gzip.compress(b"\n".join(texts), 1))
    return path


def demo(*arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chatapp_db", "demo", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm-256color", **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def counted(folder: Path) -> tuple[int, int]:
    with EmbeddedServer.start(folder) as server, psycopg.connect(server.url) as connection:
        query = "SELECT (SELECT count(*) FROM chatapp_conversations), (SELECT count(*) FROM chatapp_messages)"
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0], row[1]


def home_of(output: str) -> Path:
    found = re.search(r"PostgreSQL in (.*), ", output)
    assert found is not None
    return Path(found[1])


def numbers(output: str, name: str) -> list[int]:
    """Read a line of the table of counts."""
    line = next(line for line in output.splitlines() if line.startswith(name))
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", line)]


@pytest.fixture(scope="module")
def shown() -> str:
    """What the demo prints of its own sample, in a log."""
    result = demo()
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_the_sample_is_written_whole_and_counted_in_the_database(shown):
    sample = [len(DIALOGUES), sum(len(dialogue.turns) for dialogue in DIALOGUES)]
    assert numbers(shown, "in the sample") == numbers(shown, "in the database") == sample


def test_every_part_is_shown(shown):
    for part in (
        "Inbox of Harbour Concierge",
        "Inbox of Summit Concierge",
        "Pelican of Harbour Concierge",
        "Knowledge of Harbour Concierge",
        "Knowledge of Summit Concierge",
        "The day's analytics",
        "What Summit Concierge sees of Harbour Concierge",
    ):
        assert part in shown


def test_each_company_answers_from_its_own_knowledge(shown):
    harbour, summit = re.split("Knowledge of Summit", shown.split("Knowledge of Harbour")[1])
    assert "fifteen minutes" in harbour
    assert "fifteen minutes" not in summit
    assert "mountain huts" in summit
    assert "mountain huts" not in harbour


def test_every_way_into_the_other_company_is_closed(shown):
    assert shown.count("closed") == 8
    assert "OPEN" not in shown


def test_a_log_holds_no_control_codes_and_fits_80_columns(shown):
    assert shown.replace("\n", "").isprintable()
    assert max(map(len, shown.splitlines())) <= 80


def test_the_temporary_folder_is_gone_afterwards(shown):
    assert not home_of(shown).exists()


def test_a_given_folder_keeps_the_data_and_can_be_used_again(folder):
    assert main(["demo", "--folder", str(folder)]) == 0
    once = counted(folder)
    assert main(["demo", "--folder", str(folder)]) == 0
    assert counted(folder) == (2 * once[0], 2 * once[1])


def test_a_row_that_is_not_there_ends_the_demo_with_1(monkeypatch, capsys):
    write = stage.write_visit
    lost = DIALOGUES[3].dialogue_id
    monkeypatch.setattr(
        stage,
        "write_visit",
        lambda db, company, visit: visit.dialogue.dialogue_id == lost or write(db, company, visit),
    )
    assert main(["demo"]) == 1
    shown = capsys.readouterr().out
    assert numbers(shown, "in the sample")[0] == numbers(shown, "in the database")[0] + 1


def test_a_limit_takes_the_first_dialogues(tmp_path, folder):
    path = packed(tmp_path / "d.jsonl.gz", [*[GOOD] * 5, b"not JSON, and not wanted"])
    result = demo("--dialogues", path, "--limit", 3, "--folder", folder)
    assert result.returncode == 0
    assert counted(folder) == (3, 6)


def test_what_a_guest_writes_steers_neither_the_terminal_nor_the_layout(tmp_path):
    hostile = "\x1b[2J\x07[red]loud[/red] [/] \u202e\nnext line"
    path = packed(tmp_path / "d.jsonl.gz", [{**GOOD, "turns": [["user", hostile]]}] * 2)
    result = demo("--dialogues", path)
    assert result.returncode == 0
    assert result.stdout.replace("\n", "").isprintable()
    assert "[red]loud[/red] [/]" in result.stdout


def test_an_encoding_that_lacks_letters_does_not_end_the_demo(tmp_path):
    path = packed(tmp_path / "d.jsonl.gz", [{**GOOD, "turns": [["user", "Grüße \N{GRINNING FACE}"]]}] * 2)
    result = demo("--dialogues", path, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")


def bad_files(folder: Path) -> dict[str, Path]:
    files = {
        "missing": folder / "nowhere.jsonl.gz",
        "a folder": folder,
        "not gzip": folder / "plain.jsonl",
        "empty": folder / "empty.jsonl.gz",
        "cut off": folder / "cut.jsonl.gz",
        "damaged": folder / "damaged.jsonl.gz",
    }
    files["not gzip"].write_text(json.dumps(GOOD))
    files["empty"].write_bytes(b"")
    whole = packed(folder / "whole.jsonl.gz", [{**GOOD, "dialogue_id": str(n)} for n in range(500)])
    files["cut off"].write_bytes(whole.read_bytes()[:-20])
    files["damaged"].write_bytes(whole.read_bytes()[:-8] + b"\0" * 8)
    lines: dict[str, list[Any]] = {
        "not JSON in the first line": [b"{", GOOD],
        "not JSON in the thousandth line": [*[GOOD] * 999, b'{"dialogue_id": '],
        "not UTF-8": [b'{"dialogue_id": "\xff"}'],
        "no dialogue": [b"", b"  "],
        "no object": [["user", "Hello"]],
        "turns missing": [{"dialogue_id": "1"}],
        "no turns": [GOOD, {**GOOD, "turns": []}],
        "turns not pairs": [{**GOOD, "turns": ["Hello"]}],
        "a role nobody has": [{**GOOD, "turns": [["wizard", "Hello"]]}],
        "a text that is none": [{**GOOD, "turns": [["user", 7]]}],
        "a NUL": [{**GOOD, "turns": [["user", "a\0b"]]}],
        "a surrogate": [b'{"dialogue_id": "1", "turns": [["user", "\\ud800"]]}'],
        "a text too long": [{**GOOD, "turns": [["user", "a" * 100_001]]}],
        "a line too long": [b" " * (MAX_LINE_BYTES + 1)],
        "a service that is none": [{**GOOD, "services": [""]}],
    }
    return files | {
        name: packed(folder / f"{name}.jsonl.gz".replace(" ", "-"), content)
        for name, content in lines.items()
    }


def test_a_bad_file_is_one_clear_line_and_2_and_nothing_is_even_started(tmp_path, folder, capsys):
    tmp_path.joinpath("files").mkdir()
    for name, path in bad_files(tmp_path / "files").items():
        assert (name, main(["demo", "--dialogues", str(path), "--folder", str(folder)])) == (name, 2)
        printed = capsys.readouterr()
        assert (name, printed.out) == (name, "")
        assert (name, printed.err.count("\n")) == (name, 1)
        assert printed.err.startswith(f"chatapp-db: dialogues: {path}"), name
        assert not folder.exists(), name


@pytest.mark.parametrize(("lines", "number"), [([b"{"], 1), ([*[GOOD] * 999, b"nonsense"], 1000)])
def test_the_line_that_is_bad_is_named(tmp_path, capsys, lines, number):
    path = packed(tmp_path / "d.jsonl.gz", lines)
    assert main(["demo", "--dialogues", str(path)]) == 2
    assert capsys.readouterr().err == f"chatapp-db: dialogues: {path}, line {number}: not JSON\n"


def test_what_was_checked_is_written_even_where_the_file_changes(tmp_path):
    path = packed(tmp_path / "d.jsonl.gz", [GOOD] * 3)
    with from_file(path) as selection:
        path.write_bytes(b"something else")
        assert [dialogue.dialogue_id for dialogue in selection] == ["1"] * 3


def test_a_folder_that_holds_something_else_is_3(tmp_path, capsys):
    tmp_path.joinpath("letter.txt").write_text("Dear ..")
    assert main(["demo", "--folder", str(tmp_path)]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert tmp_path.joinpath("letter.txt").exists()


def test_a_terminated_demo_stops_its_server_and_removes_its_folder(tmp_path):
    path = packed(tmp_path / "d.jsonl.gz", [{**GOOD, "turns": GOOD["turns"] * 10}] * 5000)
    command = [sys.executable, "-u", "-m", "chatapp_db", "demo", "--dialogues", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        home = home_of(process.stdout.readline())
        next(line for line in process.stdout if line.startswith("companies"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not home.exists()


def test_a_terminal_gets_a_bar_and_is_left_with_whole_lines(tmp_path):
    path = packed(tmp_path / "d.jsonl.gz", [GOOD] * 500)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    command = [sys.executable, "-m", "chatapp_db", "demo", "--dialogues", str(path)]
    with subprocess.Popen(command, stdout=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        output = b""
        while chunk := read(ours):
            output += chunk
    os.close(ours)
    assert process.returncode == 0
    shown = output.decode()
    assert "/1000" in shown
    lines = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", shown).split("written ", 1)[1].splitlines()
    assert max(map(len, lines)) <= 80


def read(descriptor: int) -> bytes:
    """Read what a terminal got; it ends with an error where a file ends."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def expected(limit: int) -> list[int]:
    """Count a file's dialogues and turns without any of our code."""
    with gzip.open(REAL, "rt", encoding="utf-8") as file:
        turns = [len(json.loads(line)["turns"]) for line, _ in zip(file, range(limit), strict=False)]
    return [len(turns), sum(turns)]


@real_dialogues
def test_two_hundred_real_dialogues_are_written_whole(folder):
    result = demo("--dialogues", REAL, "--limit", 200, "--folder", folder)
    assert result.returncode == 0, result.stderr
    wanted = expected(200)
    assert numbers(result.stdout, "in the file") == numbers(result.stdout, "in the database") == wanted
    assert list(counted(folder)) == wanted


@real_dialogues
@pytest.mark.slow
def test_two_thousand_real_dialogues_at_half_the_rate_of_plain_psycopg_or_more():
    result = demo("--dialogues", REAL, "--limit", 2000, "--compare")
    assert (result.returncode, result.stderr) == (0, "")
    assert numbers(result.stdout, "in the file") == numbers(result.stdout, "in the database") == [2000, 30268]
    ratio = re.search(r"^ratio +([\d.]+)", result.stdout, re.MULTILINE)
    assert ratio is not None
    assert float(ratio[1]) >= 0.5


def test_the_comparison_writes_the_same_rows(folder):
    assert main(["demo", "--compare", "--folder", str(folder)]) == 0
    query = """
        SELECT company.name, count(DISTINCT message.conversation_id), count(*),
            count(DISTINCT conversation.customer_id),
            count(DISTINCT conversation.id) FILTER (WHERE conversation.status = 'resolved'),
            sum(conversation.version), array_agg(message.content ORDER BY message.created_at),
            array_agg(conversation.last_message_preview ORDER BY message.created_at),
            count(conversation.waiting_since), count(conversation.first_response_at)
        FROM chatapp_messages AS message
        JOIN chatapp_conversations AS conversation USING (company_id)
        JOIN chatapp_companies AS company ON company.id = message.company_id
        WHERE conversation.id = message.conversation_id
        GROUP BY company.id ORDER BY company.name
    """
    with EmbeddedServer.start(folder) as server, psycopg.connect(server.url) as connection:
        found = connection.execute(query).fetchall()
    ours, plain = found[0::2], found[1::2]
    assert [row[0] + " (plain psycopg)" for row in ours] == [row[0] for row in plain]
    assert [row[1:] for row in ours] == [row[1:] for row in plain]
