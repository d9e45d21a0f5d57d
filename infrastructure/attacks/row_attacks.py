"""Attacks on stored rows: rows added, altered, moved and removed."""

from typing import Final

from infrastructure.attacks.attack import DELETE_EVENT as _DELETE
from infrastructure.attacks.attack import Attack, attack, hidden_attack

_ALTERED_STATE = "convert_to(replace(convert_from(state, 'UTF8'), '\"recorded_at\":\"20', '\"recorded_at\":\"19'), 'UTF8')"
_ALTER_EVENT = f"UPDATE stored_events SET state = {_ALTERED_STATE} WHERE notification_id = 7"
_RECOMPUTE_LEAF = (
    "UPDATE stored_events SET leaf = sha256('\\x00'::bytea || state) WHERE notification_id = 7"
)
_DELETE_TREE = ("DELETE FROM log_nodes", "DELETE FROM checkpoints")
_SWAP_EVENTS = (
    "UPDATE stored_events SET notification_id = -notification_id WHERE notification_id IN (11, 12)",
    "UPDATE stored_events SET notification_id = 23 + notification_id WHERE notification_id IN (-11, -12)",
)
_DELETE_TAIL = "DELETE FROM stored_events WHERE notification_id > {head} - 5"
_MOVE_HEAD_BACK = "UPDATE log_head SET position = position - 5"
_COLUMNS = "(originator_id, originator_version, topic, state, notification_id, leaf)"
_EVENTS_FILE = (
    "current_setting('data_directory') || '/' || pg_relation_filepath('public.stored_events')"
)
_DELETE_TAIL_AND_HALT = (_DELETE_TAIL, _MOVE_HEAD_BACK, "UPDATE log_head SET halted = true")
_ALTER_NODE = "UPDATE log_nodes SET hash = sha256(hash) WHERE level = 3 AND place = 0"
_DELETE_DUTIES = "DELETE FROM duties WHERE case_id = '{case}'"


def _insert(position: str, stream: str = "gen_random_uuid(), 1", state: str = "state") -> str:
    """The statement that inserts event 7 again at this position."""
    return (
        f"INSERT INTO stored_events {_COLUMNS} SELECT {stream}, topic, {state}, {position}, leaf "
        "FROM stored_events WHERE notification_id = 7"
    )


_SAME_VERSION = "originator_id, originator_version"

EVENT_ATTACKS: Final[tuple[Attack, ...]] = (
    attack("alter an event", _ALTER_EVENT),
    attack("alter an event and its leaf", _ALTER_EVENT, _RECOMPUTE_LEAF),
    attack(
        "alter a leaf", "UPDATE stored_events SET leaf = sha256(leaf) WHERE notification_id = 7"
    ),
    attack("delete an event", _DELETE),
    attack("delete by place on disk", "DELETE FROM stored_events WHERE ctid = '(0,1)'"),
    attack("delete the tail and move the head back", _DELETE_TAIL, _MOVE_HEAD_BACK),
    attack("truncate the log", "TRUNCATE stored_events"),
    attack(
        "truncate everything",
        "TRUNCATE stored_events, commands, duties, log_nodes, checkpoints, log_head CASCADE",
    ),
    attack("swap two events", *_SWAP_EVENTS),
    attack("insert at a position that is taken", _insert("7")),
    attack("insert beyond the head, past a gap", _insert("{head} + 9")),
    attack("insert before the first", _insert("0")),
    attack(
        "insert at the next position, around the function",
        _insert("{head} + 1"),
        "UPDATE log_head SET position = position + 1",
    ),
    attack("use a version again", _insert("{head} + 1", _SAME_VERSION)),
    attack(
        "alter by inserting over",
        _insert("{head} + 1", _SAME_VERSION, "'{{}}'")
        + f" ON CONFLICT ({_SAME_VERSION}) DO UPDATE SET state = excluded.state",
    ),
    attack(
        "alter by MERGE",
        "MERGE INTO stored_events USING (VALUES (7)) AS one (n) ON notification_id = n "
        "WHEN MATCHED THEN UPDATE SET topic = 'order.other'",
    ),
    attack(
        "delete within a query", f"WITH gone AS ({_DELETE} RETURNING 1) SELECT count(*) FROM gone"
    ),
    attack(
        "copy rows in",
        f"COPY stored_events {_COLUMNS} FROM STDIN",
        copied="00000000-0000-0000-0000-00000000dead\t1\torder.other\t\\\\x7b7d\t999999\t\\\\x00\n",
    ),
    attack("alter through the view", "UPDATE trail SET event = 'order.other' WHERE position = 7"),
    attack("alter within a DO block", f"DO $$ BEGIN EXECUTE '{_DELETE}'; END $$"),
    attack(
        "alter, and swallow the error",
        f"DO $$ BEGIN {_DELETE}; EXCEPTION WHEN OTHERS THEN NULL; END $$",
        reached="SELECT NOT EXISTS (SELECT FROM public.stored_events WHERE notification_id = 7)",
    ),
    attack("alter by a prepared statement", f"PREPARE altering AS {_DELETE}", "EXECUTE altering"),
    attack(
        "write over the log's file",
        f"DO $$ BEGIN EXECUTE format('COPY (SELECT WHERE false) TO %L', {_EVENTS_FILE}); END $$",
    ),
    attack(
        "export a large object over the log's file",
        "DO $$ DECLARE made oid := lo_from_bytea(0, 'nothing'); "
        f"BEGIN PERFORM lo_export(made, {_EVENTS_FILE}); END $$",
    ),
    attack("alter as a replica", "SET LOCAL session_replication_role = replica", _DELETE),
)

TREE_ATTACKS: Final[tuple[Attack, ...]] = (
    attack("alter a node", _ALTER_NODE),
    attack("delete nodes", "DELETE FROM log_nodes WHERE level = 3"),
    attack(
        "add a false node ahead",
        "INSERT INTO log_nodes (level, place, hash) VALUES (3, 100000, sha256('false'))",
    ),
    attack("delete checkpoints", "DELETE FROM checkpoints"),
    attack("alter a checkpoint", "UPDATE checkpoints SET root = sha256(root)"),
    attack(
        "add a false checkpoint",
        "INSERT INTO checkpoints (size, root, note) SELECT size + 1000, sha256(root), note FROM checkpoints",
    ),
    attack("forge a duty", "INSERT INTO duties VALUES ('{case}', 'mallory', 'approve', 1)"),
    attack("delete duties", _DELETE_DUTIES),
    attack("change a duty", "UPDATE duties SET duty = 'execute' WHERE case_id = '{case}'"),
    attack("delete commands", "DELETE FROM commands"),
    attack("change an answer", "UPDATE commands SET result = 'other'"),
    attack("move the head back", _MOVE_HEAD_BACK),
    attack("move the head on", "UPDATE log_head SET position = position + 5"),
    attack("delete the head", "DELETE FROM log_head"),
    attack("forget a migration", "DELETE FROM migrations WHERE name LIKE '0010%'"),
    attack("lift a halt", "SELECT lift_halt()", before=_DELETE_TAIL_AND_HALT),
    attack(
        "lift a halt by hand", "UPDATE log_head SET halted = false", before=_DELETE_TAIL_AND_HALT
    ),
)

HIDDEN_ATTACKS: Final[tuple[Attack, ...]] = (
    hidden_attack("rewrite an event", _ALTER_EVENT, _RECOMPUTE_LEAF, *_DELETE_TREE),
    hidden_attack("delete the tail", _DELETE_TAIL, _MOVE_HEAD_BACK, *_DELETE_TREE),
    hidden_attack(
        "delete an event and close the gap",
        _DELETE,
        "UPDATE stored_events SET notification_id = -notification_id WHERE notification_id > 7",
        "UPDATE stored_events SET notification_id = -notification_id - 1 WHERE notification_id < 0",
        "UPDATE log_head SET position = position - 1",
        *_DELETE_TREE,
    ),
    hidden_attack("swap two events", *_SWAP_EVENTS, *_DELETE_TREE),
    hidden_attack(
        "replace all of history",
        "UPDATE stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), "
        "'\"actor\"', ' \"actor\"'), 'UTF8')",
        "UPDATE stored_events SET leaf = sha256('\\x00'::bytea || state)",
        *_DELETE_TREE,
    ),
    hidden_attack("delete duties", _DELETE_DUTIES),
    hidden_attack("change a duty", "UPDATE duties SET duty = 'reconcile' WHERE case_id = '{case}'"),
    hidden_attack("delete commands", "DELETE FROM commands"),
    hidden_attack("alter a node", _ALTER_NODE),
    hidden_attack(
        "alter a checkpoint", "UPDATE checkpoints SET root = sha256(root), note = 'other'"
    ),
    hidden_attack("move the head back", _MOVE_HEAD_BACK),
)
