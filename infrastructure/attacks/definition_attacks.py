"""Attacks on definitions: triggers, functions, tables, rights and roles."""

from typing import Final

from infrastructure.attacks.attack import DELETE_EVENT as _DELETE
from infrastructure.attacks.attack import Attack, attack

_CAN_UPDATE = "SELECT has_any_column_privilege('{}', 'public.stored_events', 'UPDATE')"
_CLAIM_MIGRATION = "SET LOCAL casetrail.migrating = on"
_BODY = "LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"

TABLE_ATTACKS: Final[tuple[Attack, ...]] = (
    attack("disable the triggers", "ALTER TABLE stored_events DISABLE TRIGGER ALL", _DELETE),
    attack(
        "disable the triggers as if migrating",
        _CLAIM_MIGRATION,
        "ALTER TABLE stored_events DISABLE TRIGGER USER",
        _DELETE,
    ),
    attack(
        "let a replica pass the triggers",
        "ALTER TABLE stored_events ENABLE REPLICA TRIGGER only_added_to",
        _DELETE,
    ),
    attack("drop a trigger", "DROP TRIGGER only_added_to ON stored_events", _DELETE),
    attack("drop the table", "DROP TABLE stored_events CASCADE"),
    attack("drop a column", "ALTER TABLE stored_events DROP COLUMN leaf CASCADE"),
    attack("add a column", "ALTER TABLE stored_events ADD COLUMN more text"),
    attack(
        "rename the table and put another there",
        "ALTER TABLE stored_events RENAME TO kept",
        "CREATE TABLE stored_events (LIKE kept)",
    ),
    attack("have a crash empty the table", "ALTER TABLE stored_events SET UNLOGGED"),
    attack("drop the key", "ALTER TABLE stored_events DROP CONSTRAINT stored_events_pkey"),
    attack("drop the index of positions", "DROP INDEX stored_events_notification_id_index"),
    attack("give the table a child", "CREATE TABLE views.child () INHERITS (public.stored_events)"),
    attack(
        "redirect inserts by a rule",
        "CREATE RULE aside AS ON INSERT TO stored_events DO INSTEAD NOTHING",
    ),
    attack("hide rows by a policy", "ALTER TABLE stored_events ENABLE ROW LEVEL SECURITY"),
    attack(
        "stop appends by a trigger",
        "CREATE TRIGGER stopped BEFORE INSERT ON stored_events FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    ),
    attack(
        "show another trail",
        "CREATE OR REPLACE VIEW trail AS SELECT 0::bigint AS position, originator_id AS stream, "
        "originator_version AS version, topic AS event, now() AS recorded_at, ''::text AS person, "
        "''::text AS principal, ''::text AS order_id, ''::text AS cause, '{{}}'::jsonb AS facts, "
        "''::text AS leaf FROM stored_events",
    ),
    attack("have the table", "ALTER TABLE stored_events OWNER TO CURRENT_USER", _DELETE),
    attack("drop an event trigger", "DROP EVENT TRIGGER casetrail_drops"),
    attack("disable an event trigger", "ALTER EVENT TRIGGER casetrail_defines DISABLE"),
    attack(
        "disable a trigger in the catalog",
        "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname = 'only_added_to'",
    ),
    attack(
        "have the catalog forget the triggers",
        "UPDATE pg_class SET relhastriggers = false WHERE relname = 'stored_events'",
        _DELETE,
        "UPDATE pg_class SET relhastriggers = true WHERE relname = 'stored_events'",
    ),
)

ROUTINE_ATTACKS: Final[tuple[Attack, ...]] = (
    attack(
        "replace what refuses changes",
        f"CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger {_BODY}",
    ),
    attack(
        "replace what refuses changes as if migrating",
        _CLAIM_MIGRATION,
        f"CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger {_BODY}",
    ),
    attack(
        "replace what refuses definitions",
        "CREATE OR REPLACE FUNCTION refuse_ddl() RETURNS event_trigger LANGUAGE plpgsql "
        "AS $$ BEGIN END $$",
    ),
    attack(
        "replace what lifts a halt",
        "CREATE OR REPLACE FUNCTION halt_log() RETURNS void LANGUAGE sql AS 'SELECT'",
    ),
    attack("have appends run as the caller", "ALTER FUNCTION append_events SECURITY INVOKER"),
    attack("have appends look elsewhere", "ALTER FUNCTION append_events SET search_path = views"),
    attack("drop what refuses changes", "DROP FUNCTION refuse_change() CASCADE", _DELETE),
    attack(
        "append by another function of that name",
        "CREATE FUNCTION append_events(whatever text) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
    ),
)

RIGHTS_ATTACKS: Final[tuple[Attack, ...]] = (
    attack(
        "grant oneself the rows", "GRANT UPDATE, DELETE ON stored_events TO CURRENT_USER", _DELETE
    ),
    # PostgreSQL only warns a role that has nothing to grant.
    attack(
        "grant a role the rows",
        "GRANT UPDATE ON stored_events TO casetrail_writer",
        reached=_CAN_UPDATE.format("casetrail_writer"),
    ),
    attack(
        "grant everybody the rows",
        "GRANT ALL ON stored_events TO PUBLIC",
        reached=_CAN_UPDATE.format("casetrail_reader"),
    ),
    attack(
        "grant a column",
        "GRANT UPDATE (state) ON stored_events TO casetrail_projector",
        reached=_CAN_UPDATE.format("casetrail_projector"),
    ),
    attack("let a role lift halts", "GRANT EXECUTE ON FUNCTION lift_halt() TO casetrail_projector"),
    attack("act as the owner", "SET LOCAL ROLE casetrail_owner", _DELETE),
    attack(
        "be somebody else",
        "SET LOCAL SESSION AUTHORIZATION casetrail_owner",
        "ALTER TABLE stored_events DISABLE TRIGGER USER",
        _DELETE,
    ),
    attack("make a role the owner", "GRANT casetrail_owner TO casetrail_writer", shared=True),
    attack("make a role a superuser", "ALTER ROLE casetrail_writer SUPERUSER", shared=True),
    attack(
        "let a role write everything", "GRANT pg_write_all_data TO casetrail_reader", shared=True
    ),
    attack("let a role create roles", "ALTER ROLE casetrail_projector CREATEROLE", shared=True),
)
