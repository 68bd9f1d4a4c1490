"""Every statement of every repository method, as the driver gets it, is one that Citus takes."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

import pytest

from chatapp_db.errors import ChatAppDbError
from chatapp_db.scopes import CompanyScope, Platform
from tests.isolation.calling import Caller, Undo, probes
from tests.isolation.hostile import good_call
from tests.isolation.methods import methods, repositories
from tests.isolation.population import KEYS
from tests.scale_out.heard import heard
from tests.scale_out.lint import Fault, faults
from tests.worlds import World

OF_COMPANIES = repositories(CompanyScope)
OF_THE_PLATFORM = repositories(Platform)

PROLOGUE = ("BEGIN", "COMMIT", "SET LOCAL ", "SELECT set_config(")
"""How what opens and closes a scope begins."""

EXCEPTIONS = {
    # The one way to search by an index below a policy; on a worker the function would ask all shards.
    "function that reads tables": {"knowledge_chunks.keyword_search", "messages.search"},
    # Work is taken by many at once, from whichever company has some. The first and the last two can be done
    # for a company at a time: its own repositories have them, on one shard.
    "locks rows of many shards": {
        "platform.usage.prune",
        "platform.vector_outbox.claim",
        "platform.vector_outbox.end",
        "platform.vector_outbox.put_back",
        "platform.webhook_deliveries.claim_due",
        "platform.webhook_deliveries.prune",
    },
    # Pairs of a company and an id are looked up at once, for any number of companies.
    "company only through the outer table": {
        "platform.knowledge_chunks.filled",
        "platform.vector_outbox.end",
    },
}
"""What breaks a rule and stays so; docs/howto/scale-out.md says what it means on Citus."""


@pytest.fixture
def database_url(untouched_url):
    """Every call of this module is undone."""
    return untouched_url


@pytest.fixture
def db(runner, login_url):
    world = World("blocking", runner)
    yield world.open(login_url("service"), keys=KEYS)
    world.close()


def blamed(method, messages, company_id=None) -> set[Fault]:
    """Lint what was sent for a method; something has to be."""
    texts = {text: values for text, values in messages if not text.startswith(PROLOGUE)}
    assert texts, f"{method} has sent nothing"
    return {
        fault
        for text, values in texts.items()
        for fault in faults(
            text,
            [
                place
                for place, value in enumerate(values, 1)
                if company_id is not None and value == company_id
            ],
            across_companies=company_id is None,
        )
    }


@pytest.mark.parametrize("repository", OF_COMPANIES)
async def test_a_company_s_statements_name_it_for_every_table(db, populations, repository):
    caller = Caller(db, populations)
    sent = defaultdict(list)
    for probe in probes(repository):
        for whose in (populations.ours, None):
            arguments = await caller.arguments(probe, whose)
            with heard() as messages:
                await caller.undone(probe.method, arguments, populations.ours)
            sent[str(probe.method)] += messages
    assert sent.keys() == {str(method) for method in methods(repository, OF_COMPANIES[repository])}
    broken = {
        (fault.rule, method)
        for method, messages in sent.items()
        for fault in blamed(method, messages, populations.ours.id)
    }
    assert broken == expected(repository, "")


@pytest.mark.parametrize("repository", OF_THE_PLATFORM)
async def test_the_platform_s_statements_are_such_that_citus_takes(db, populations, repository):
    broken = set()
    for method in methods(repository, OF_THE_PLATFORM[repository]):
        with heard() as messages, suppress(Undo):
            async with db.platform("a look at its statements") as platform:
                with suppress(ChatAppDbError):
                    await getattr(getattr(platform, method.repository), method.name)(**good_call(method))
                raise Undo
        for fault in blamed(method, messages):
            broken.add((fault.rule, f"platform.{method}"))
    assert broken == expected(repository, "platform.")


def expected(repository: str, scope: str) -> set[tuple[str, str]]:
    return {
        (rule, method)
        for rule, excepted in EXCEPTIONS.items()
        for method in excepted
        if method.startswith(f"{scope}{repository}.")
    }
