"""What the plan speaks to of Citus, on a plain server: functions that only write down their calls."""

from __future__ import annotations

import psycopg

from chatapp_db.scale_out import ScaleOutPlan

# Where Citus has them, so that check() finds the catalog as it would find that of Citus.
_STAND_IN = """
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (
    logicalrelid regclass PRIMARY KEY, kind text NOT NULL, key text, colocate_with text,
    place integer GENERATED ALWAYS AS IDENTITY
);
CREATE TABLE pg_catalog.sent_to_workers (command text NOT NULL, result text);
GRANT SELECT ON pg_catalog.pg_dist_partition TO PUBLIC;

CREATE FUNCTION pg_catalog.create_reference_table(table_name regclass) RETURNS void LANGUAGE sql AS
$$ INSERT INTO pg_catalog.pg_dist_partition (logicalrelid, kind) VALUES (table_name, 'reference') $$;

CREATE FUNCTION pg_catalog.citus_add_local_table_to_metadata(
    table_name regclass, cascade_via_foreign_keys boolean DEFAULT false
) RETURNS void LANGUAGE sql AS
$$ INSERT INTO pg_catalog.pg_dist_partition (logicalrelid, kind) VALUES (table_name, 'coordinator') $$;

CREATE FUNCTION pg_catalog.create_distributed_table(
    table_name regclass, distribution_column text, colocate_with text DEFAULT 'default'
) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal)
       AND coalesce(current_setting('citus.enable_unsafe_triggers', true), 'off') <> 'on' THEN
        RAISE EXCEPTION 'cannot distribute relation % because it has triggers', table_name;
    END IF;
    INSERT INTO pg_catalog.pg_dist_partition (logicalrelid, kind, key, colocate_with)
    VALUES (table_name, 'distributed', distribution_column, colocate_with);
END $$;

CREATE FUNCTION pg_catalog.run_command_on_workers(command text)
RETURNS TABLE (nodename text, nodeport integer, success boolean, result text) LANGUAGE sql AS
$$ INSERT INTO pg_catalog.sent_to_workers VALUES (command) RETURNING 'worker', 5432, true, result $$;
RESET allow_system_table_mods;
"""


def stand_in_for_citus(url: str) -> None:
    """Make a database look like a coordinator to the plan, and to check()."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_STAND_IN)


def scale_out(url: str, plan: ScaleOutPlan) -> None:
    """Run a plan as psql does: each statement by itself, in one session."""
    with psycopg.connect(url, autocommit=True) as connection:
        for step in plan.steps:
            written = [f"{statement};" for statement in step.statements]
            for text in ["\n".join(["BEGIN;", *written, "COMMIT;"])] if step.together else written:
                connection.execute(text)
