"""The demo from the first step to the last."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter

from rich.console import Console

from chatapp_db.database import Database
from chatapp_db.demo.dialogues import Selection, from_file, from_sample
from chatapp_db.demo.library import Library, vectors_in
from chatapp_db.demo.plain import plain_writer
from chatapp_db.demo.probes import probes, searched
from chatapp_db.demo.progress import progress
from chatapp_db.demo.sample import COMPANIES, DIALOGUES, QUESTION, SampleCompany
from chatapp_db.demo.screens import Screens
from chatapp_db.demo.writing import Company, Writer, timed, visits, write_visit
from chatapp_db.embedded import EmbeddedServer
from chatapp_db.migrations import migrate
from chatapp_db.rows import DailyAnalyticsRow
from chatapp_db.schema import AgentStatus, AgentType
from chatapp_db.seeding import seed
from chatapp_db.vectors import VectorStore

__all__ = ["DemoSettings", "perform"]

_PLAN = "free"
_INBOX_LINES = 6
_MESSAGES = 12
_PASSAGES = 3
_SUFFIX_BYTES = 3


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the demo was asked for; without a folder it leaves nothing behind."""

    folder: Path | None = None
    dialogues: Path | None = None
    limit: int | None = None
    compare: bool = False


def perform(console: Console, settings: DemoSettings) -> bool:
    """Run the demo and tell whether all it wrote is there and nothing was seen across companies.

    The dialogues are checked before anything is started, so a bad file leaves nothing behind.
    """
    with ExitStack() as stack:
        selection = stack.enter_context(_selection(settings))
        started = perf_counter()
        folder = stack.enter_context(_folder(settings.folder))
        store = stack.enter_context(vectors_in(folder / "vectors"))
        server = stack.enter_context(EmbeddedServer.start(folder))
        db = stack.enter_context(Database(server.url, application_name="chatapp_db demo"))
        stage = _Stage(Screens(console), db, store, server.url, settings)
        stage.screens.step("database", f"PostgreSQL in {folder}, {perf_counter() - started:.1f} s to start")
        return stage.play(selection)


class _Stage:
    """A database, and what is shown of it."""

    def __init__(
        self, screens: Screens, db: Database, store: VectorStore, url: str, settings: DemoSettings
    ) -> None:
        self.screens = screens
        self._db = db
        self._store = store
        self._url = url
        self._settings = settings
        self._first_day = _today()

    def play(self, selection: Selection) -> bool:
        self.screens.step("schema", str(migrate(self._url)))
        self.screens.step("seed", str(seed(self._db)))
        companies = [_founded(self._db, sample) for sample in COMPANIES]
        self.screens.step("companies", " and ".join(company.name for company in companies))
        self._write(companies, selection)
        complete = self._tally(companies, selection)
        for company in companies:
            items = self._db.company(company.id).conversations.inbox(limit=_INBOX_LINES).items
            self.screens.inbox(company.name, items)
        self._show_conversation(companies[0])
        self._store.ensure_collection()
        library = Library(self._db, self._store)
        self._show_knowledge(library, companies)
        self._show_analytics(companies)
        return self._show_isolation(library, companies) and complete

    def _write(self, companies: Sequence[Company], selection: Selection) -> None:
        db = self._db
        writers: list[Writer] = [lambda visit: write_visit(db, companies[visit.company], visit)]
        with ExitStack() as stack:
            if self._settings.compare:
                twins = [_founded(db, sample, " (plain psycopg)") for sample in COMPANIES]
                writers.append(stack.enter_context(plain_writer(self._url, twins)))
            advance = stack.enter_context(progress(self.screens.console, selection.turns))
            seconds = timed(writers, visits(selection, len(companies)), advance)
        rate = selection.turns / seconds[0]
        written = f"{selection.dialogues:,} dialogues, {selection.turns:,} turns"
        self.screens.step("written", f"{written} in {seconds[0]:.1f} s: {rate:,.0f} turns a second")
        if self._settings.compare:
            self._show_rates(selection, seconds)

    def _show_rates(self, selection: Selection, seconds: Sequence[float]) -> None:
        names = ("the repositories", "plain psycopg")
        rows = [(name, spent, selection.turns / spent) for name, spent in zip(names, seconds, strict=True)]
        self.screens.rates(rows, seconds[1] / seconds[0])

    def _tally(self, companies: Sequence[Company], selection: Selection) -> bool:
        """Read back what was written; these numbers come from the database and from nowhere else."""
        conversations = [self._db.company(company.id).conversations.count() for company in companies]
        messages = [self._db.company(company.id).messages.count() for company in companies]
        wanted = (selection.dialogues, selection.turns)
        found = (sum(conversations), sum(messages))
        self.screens.title("Wanted and found")
        counts = zip((company.name for company in companies), conversations, messages, strict=True)
        self.screens.tally(
            [
                *counts,
                ("in the database", *found),
                (f"in the {'file' if self._settings.dialogues else 'sample'}", *wanted),
            ]
        )
        return found == wanted

    def _show_conversation(self, company: Company) -> None:
        repositories = self._db.company(company.id)
        shown = repositories.conversations.page(limit=1).items[0]
        guest = repositories.customers.get(shown.customer_id)
        page = repositories.messages.history(shown.id, limit=_MESSAGES)
        title = f"{guest.name} and {company.agent_name} of {company.name}"
        self.screens.conversation(title, page.items[::-1], older=page.next_cursor is not None)

    def _show_knowledge(self, library: Library, companies: Sequence[Company]) -> None:
        """Ask both companies the same question; each answers from its own passages."""
        for company, sample in zip(companies, COMPANIES, strict=True):
            library.add(company, sample.passages)
        for company in companies:
            self.screens.hits(company.name, QUESTION, library.search(company, QUESTION, _PASSAGES))

    def _show_analytics(self, companies: Sequence[Company]) -> None:
        """Add up today, and yesterday where midnight came in between."""
        rows: list[tuple[str, DailyAnalyticsRow]] = []
        for company in companies:
            with self._db.tenant(company.id) as tenant:
                days = sorted({self._first_day, _today()})
                rows += [(company.name, tenant.daily_analytics.rollup(day)) for day in days]
        self.screens.analytics(rows)

    def _show_isolation(self, library: Library, companies: Sequence[Company]) -> bool:
        owner, asking = companies
        found = [
            *probes(self._db, self._url, asking=asking, owner=owner),
            searched(library, COMPANIES[0].passages, asking=asking),
        ]
        self.screens.isolation(asking.name, owner.name, found)
        return all(probe.closed for probe in found)


def _selection(settings: DemoSettings) -> AbstractContextManager[Selection]:
    if settings.dialogues is None:
        return from_sample(DIALOGUES, settings.limit)
    return from_file(settings.dialogues, settings.limit)


@contextmanager
def _folder(given: Path | None) -> Generator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="chatapp-demo-") as folder:
        yield Path(folder)


def _founded(db: Database, sample: SampleCompany, remark: str = "") -> Company:
    """Take a company on with an agent that answers; its slug is new each time, for a folder is kept."""
    slug = f"{sample.slug}-{secrets.token_hex(_SUFFIX_BYTES)}"
    with db.platform("chatapp-db demo takes a company on") as platform:
        company = platform.companies.create(name=sample.name + remark, slug=slug, plan=_PLAN)
    with db.tenant(company.id) as tenant:
        agent = tenant.agents.add(name=sample.agent, type=AgentType.SUPPORT, status=AgentStatus.ACTIVE)
    return Company(company.id, company.name, agent.id, agent.name)


def _today() -> date:
    """Give the day as the companies, which live in UTC, have it."""
    return datetime.now(UTC).date()
