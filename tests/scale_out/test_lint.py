"""The lint of statements finds what it is for: each statement here is wrong in one way, or in none."""

from __future__ import annotations

import pytest

from tests.scale_out.lint import faults

COMPANY = 1  # $1 is the company, $2 is not

RIGHT = {
    "by the parameter": "SELECT id FROM chatapp_agents WHERE company_id = $1::UUID",
    "the other way round": "SELECT a.id FROM chatapp_agents AS a WHERE a.id = $2 AND $1 = a.company_id",
    "by the setting": "SELECT id FROM chatapp_agents WHERE company_id = chatapp_current_company()",
    "by another table's": "SELECT FROM chatapp_messages m, chatapp_conversations c"
    " WHERE m.company_id = c.company_id AND m.conversation_id = c.id AND c.company_id = $1",
    "by another's through a third's": "SELECT FROM chatapp_messages m JOIN chatapp_conversations c"
    " ON m.company_id = c.company_id JOIN chatapp_customers u ON u.company_id = c.company_id"
    " WHERE u.company_id = $1",
    "of the side that may be missing": "SELECT FROM chatapp_agents a LEFT JOIN chatapp_users u"
    " ON u.company_id = a.company_id WHERE a.company_id = $1",
    "as a row": "SELECT FROM chatapp_messages m JOIN chatapp_conversations c"
    " ON (m.company_id, m.conversation_id) = (c.company_id, c.id) WHERE c.company_id = $1",
    "of a CTE": "WITH c AS (SELECT company_id AS whose FROM chatapp_agents WHERE company_id = $1)"
    " SELECT FROM c, chatapp_messages m WHERE m.company_id = c.whose",
    "of what was changed": "WITH c AS (UPDATE chatapp_agents SET name = '' WHERE company_id = $1"
    " RETURNING company_id, id) SELECT FROM c JOIN chatapp_messages m ON m.company_id = c.company_id",
    "of a recursive CTE": "WITH RECURSIVE c AS (SELECT company_id FROM chatapp_agents WHERE company_id = $1"
    " UNION ALL SELECT m.company_id FROM chatapp_messages m JOIN c ON c.company_id = m.company_id)"
    " SELECT FROM c",
    "in both branches": "SELECT id FROM chatapp_agents WHERE company_id = $1"
    " UNION ALL SELECT id FROM chatapp_users WHERE company_id = $1",
    "inside of EXISTS": "SELECT EXISTS (SELECT FROM chatapp_agents WHERE company_id = $1)",
    "in an INSERT": "INSERT INTO chatapp_agents (name, company_id) VALUES ($2, $1)",
    "in an INSERT of what was read": "INSERT INTO chatapp_agents (company_id, name)"
    " SELECT c.company_id, c.name FROM chatapp_customers c WHERE c.company_id = $1",
    "of a function's rows": "WITH given AS (SELECT id FROM unnest($2::uuid[]) AS id)"
    " INSERT INTO chatapp_agents (company_id, id) SELECT $1, given.id FROM given",
    "with excluded": "INSERT INTO chatapp_agents (company_id, updated_at) VALUES ($1, now())"
    " ON CONFLICT (company_id, id) DO UPDATE SET updated_at = excluded.updated_at",
    "with now()": "UPDATE chatapp_agents SET updated_at = now() WHERE company_id = $1",
    "with a sub-select's moment": "UPDATE chatapp_agents SET updated_at = coalesce(updated_at, moment.at)"
    " FROM (SELECT now() AS at) AS moment WHERE company_id = $1",
    "of no company": "SELECT id FROM chatapp_subscription_plans",
    "of the company itself": "SELECT id FROM chatapp_companies WHERE id = $1",
    "with a lock": "SELECT id FROM chatapp_agents WHERE company_id = $1 FOR UPDATE SKIP LOCKED",
    "with LATERAL": "SELECT FROM chatapp_agents a, LATERAL (SELECT FROM chatapp_messages m"
    " WHERE m.company_id = $1 AND m.id = a.id) AS x WHERE a.company_id = $1",
}

ALONE = "table without its company"
OUTER = "company only through the outer table"
WITHOUT = "INSERT without the company"

WRONG = [
    (ALONE, "SELECT id FROM chatapp_agents"),
    (ALONE, "SELECT id FROM chatapp_agents WHERE company_id = $2"),
    (ALONE, "SELECT id FROM chatapp_agents WHERE company_id <> $1"),
    (ALONE, "SELECT id FROM chatapp_agents WHERE company_id = $1 OR true"),
    (ALONE, "SELECT id FROM chatapp_agents WHERE NOT company_id = $1"),
    (ALONE, "SELECT id FROM chatapp_agents WHERE id = $1"),
    (ALONE, "SELECT id FROM chatapp_companies WHERE subscription_plan_id = $1"),
    (ALONE, "SELECT FROM chatapp_agents a, chatapp_messages m WHERE a.company_id = $1"),
    (ALONE, "SELECT FROM chatapp_agents a JOIN chatapp_messages m ON m.company_id = a.company_id"),
    (ALONE, "SELECT FROM chatapp_agents a, chatapp_messages m WHERE company_id = $1"),
    (
        ALONE,
        "SELECT FROM chatapp_agents a LEFT JOIN chatapp_users u ON u.company_id = a.company_id"
        " AND u.company_id = $1",
    ),
    (
        ALONE,
        "SELECT FROM chatapp_agents a FULL JOIN chatapp_users u ON u.company_id = $1 AND a.company_id = $1",
    ),
    (ALONE, "WITH x AS (SELECT id FROM chatapp_agents) SELECT FROM chatapp_users WHERE company_id = $1"),
    (ALONE, "SELECT id FROM chatapp_agents WHERE company_id = $1 UNION ALL SELECT id FROM chatapp_users"),
    (ALONE, "SELECT (SELECT count(*) FROM chatapp_agents)"),
    (ALONE, "SELECT FROM (SELECT id FROM chatapp_agents) AS x"),
    (
        ALONE,
        "WITH c AS (SELECT id AS company_id FROM chatapp_agents WHERE company_id = $1)"
        " SELECT FROM c JOIN chatapp_messages m ON m.company_id = c.company_id",
    ),
    (
        ALONE,
        "WITH c AS (SELECT company_id FROM chatapp_agents WHERE company_id = $1 UNION ALL SELECT $2)"
        " SELECT FROM c JOIN chatapp_messages m ON m.company_id = c.company_id",
    ),
    (ALONE, "UPDATE chatapp_agents SET name = $2 WHERE id = $2"),
    (ALONE, "DELETE FROM chatapp_agents WHERE id = $2"),
    (ALONE, "DELETE FROM chatapp_agents USING chatapp_users u WHERE u.company_id = $1"),
    (
        ALONE,
        "INSERT INTO chatapp_agents (company_id) VALUES ($1) ON CONFLICT (company_id, id) DO UPDATE"
        " SET name = (SELECT name FROM chatapp_users)",
    ),
    (ALONE, "SELECT FROM chatapp_subscription_plans ORDER BY (SELECT count(*) FROM chatapp_agents)"),
    (
        OUTER,
        "SELECT FROM chatapp_agents a WHERE a.company_id = $1 AND EXISTS"
        " (SELECT FROM chatapp_messages m WHERE m.company_id = a.company_id)",
    ),
    (
        OUTER,
        "SELECT (SELECT count(*) FROM chatapp_messages m WHERE m.company_id = a.company_id)"
        " FROM chatapp_agents a WHERE a.company_id = $1",
    ),
    (
        OUTER,
        "SELECT FROM chatapp_agents a, LATERAL (SELECT FROM chatapp_messages m"
        " WHERE m.company_id = a.company_id) AS x WHERE a.company_id = $1",
    ),
    (WITHOUT, "INSERT INTO chatapp_agents (name) VALUES ($1)"),
    (WITHOUT, "INSERT INTO chatapp_agents (name, company_id) VALUES ($1, $2)"),
    (WITHOUT, "INSERT INTO chatapp_agents (company_id) VALUES ($1), ($2)"),
    (WITHOUT, "INSERT INTO chatapp_agents DEFAULT VALUES"),
    (
        WITHOUT,
        "INSERT INTO chatapp_agents (company_id, name)"
        " SELECT c.id, c.name FROM chatapp_customers c WHERE c.company_id = $1",
    ),
    (
        "now() in DO UPDATE",
        "INSERT INTO chatapp_agents (company_id) VALUES ($1)"
        " ON CONFLICT (company_id, id) DO UPDATE SET updated_at = now()",
    ),
    (
        "now() in DO UPDATE",
        "INSERT INTO chatapp_agents AS a (company_id) VALUES ($1)"
        " ON CONFLICT (company_id, id) DO UPDATE SET name = '' WHERE a.updated_at < CURRENT_TIMESTAMP",
    ),
    (
        "volatile function in a change",
        "UPDATE chatapp_agents SET updated_at = clock_timestamp() WHERE company_id = $1",
    ),
    ("volatile function in a change", "DELETE FROM chatapp_agents WHERE company_id = $1 AND random() < 0.5"),
    (
        "now() inside of CASE or COALESCE",
        "UPDATE chatapp_agents SET updated_at = coalesce(updated_at, now()) WHERE company_id = $1",
    ),
    (
        "now() inside of CASE or COALESCE",
        "UPDATE chatapp_agents SET updated_at = CASE WHEN $2 THEN CURRENT_TIMESTAMP END"
        " WHERE company_id = $1",
    ),
    (
        "function in RETURNING",
        "UPDATE chatapp_agents SET name = '' WHERE company_id = $1"
        " RETURNING nextval('chatapp_vector_revision')",
    ),
    (
        "MERGE",
        "MERGE INTO chatapp_agents a USING chatapp_users u ON a.company_id = $1 AND u.company_id = $1"
        " WHEN MATCHED THEN DELETE",
    ),
    (
        "sub-select in VALUES",
        "INSERT INTO chatapp_agents (company_id, name)"
        " VALUES ($1, (SELECT name FROM chatapp_users WHERE company_id = $1))",
    ),
    (
        "INSERT from a function outside of a CTE",
        "INSERT INTO chatapp_agents (company_id, id) SELECT $1, id FROM unnest($2::uuid[]) AS id",
    ),
    (
        "INSERT from a function outside of a CTE",
        "INSERT INTO chatapp_agents (company_id, id) SELECT $1, id FROM"
        " (SELECT 1) AS x CROSS JOIN jsonb_to_recordset($2) AS given (id uuid)",
    ),
    (
        "INSERT from a function outside of a CTE",
        "INSERT INTO chatapp_agents (company_id, id)"
        " SELECT $1, given.id FROM (SELECT id FROM unnest($2::uuid[]) AS id) AS given",
    ),
    (
        "function that reads tables",
        "SELECT FROM chatapp_search_messages($2, NULL, NULL, 9) AS found JOIN chatapp_messages m"
        " ON m.id = found.id AND m.company_id = $1",
    ),
]


@pytest.mark.parametrize("statement", RIGHT.values(), ids=RIGHT)
def test_a_statement_with_its_company_is_let_through(statement):
    assert faults(statement, [COMPANY]) == []


@pytest.mark.parametrize(("rule", "statement"), WRONG, ids=[rule for rule, _ in WRONG])
def test_a_statement_that_breaks_a_rule_is_told_by_it_alone(rule, statement):
    assert {fault.rule for fault in faults(statement, [COMPANY])} == {rule}


def test_a_fault_names_the_table():
    (fault,) = faults("SELECT FROM chatapp_agents a, chatapp_users u WHERE u.company_id = $1", [COMPANY])
    assert fault.where == "chatapp_agents"


@pytest.mark.parametrize(
    ("rules", "statement"),
    [
        (set(), "DELETE FROM chatapp_agents"),
        (set(), "INSERT INTO chatapp_agents (company_id) SELECT id FROM chatapp_companies"),
        ({"locks rows of many shards"}, "SELECT id FROM chatapp_agents LIMIT 1 FOR UPDATE SKIP LOCKED"),
        (set(), "SELECT id FROM chatapp_companies LIMIT 1 FOR UPDATE SKIP LOCKED"),
        ({"now() inside of CASE or COALESCE"}, "UPDATE chatapp_agents SET updated_at = coalesce($1, now())"),
    ],
)
def test_across_companies_no_company_is_owed_and_the_rest_is(rules, statement):
    assert {fault.rule for fault in faults(statement, [], across_companies=True)} == rules
