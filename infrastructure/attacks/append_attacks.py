"""Attacks through the append function: invalid appends, and substituted tables, schemas and operators."""

from typing import Final

from infrastructure.attacks.attack import Attack, attack

_NOT_STORED = (
    "SELECT NOT EXISTS (SELECT FROM public.stored_events WHERE originator_id = '{stream}')"
)

APPEND_ATTACKS: Final[tuple[Attack, ...]] = (
    attack("append with a false leaf", "SELECT {with_a_false_leaf}"),
    attack("append past a version", "SELECT {past_a_version}"),
    attack("append what no envelope is", "SELECT {unreadable}"),
    attack("append an event of another stream", "SELECT {of_another_stream}"),
    attack("append backdated", "SELECT {backdated}"),
    attack("append a version that is taken", "SELECT {taken}"),
    attack("append more versions than events", "SELECT {lopsided}"),
    attack(
        "take a duty that nothing gives",
        "SELECT append_events(duty_cases => ARRAY['{case}'::uuid], "
        "duty_persons => ARRAY['mallory'], duties_taken => ARRAY['approve'])",
    ),
    attack(
        "take a second duty",
        "SELECT append_events(duty_cases => ARRAY['{case}'::uuid], "
        "duty_persons => ARRAY['ana'], duties_taken => ARRAY['approve'])",
    ),
    attack(
        "answer a command a second time",
        "SELECT append_events(principals => ARRAY['ana'], keys => ARRAY['key-1'], "
        "digests => ARRAY['\\x00'::bytea], results => ARRAY['other'::bytea], command_offsets => ARRAY[0])",
    ),
    attack(
        "append to a temporary table of the same name",
        "CREATE TEMP TABLE stored_events (LIKE public.stored_events)",
        "SELECT {fresh}",
        reached=_NOT_STORED,
    ),
    attack(
        "append to a schema that is looked in first",
        "CREATE SCHEMA before",
        "CREATE TABLE before.stored_events (LIKE public.stored_events)",
        "CREATE TABLE before.log_head AS SELECT * FROM public.log_head",
        "SET LOCAL search_path = before, public",
        "SELECT {fresh}",
        reached=_NOT_STORED,
    ),
    attack(
        "append to a report's schema that is looked in first",
        "CREATE TABLE views.stored_events (LIKE public.stored_events)",
        "SET LOCAL search_path = views, public",
        "SELECT {fresh}",
        reached=_NOT_STORED,
    ),
    attack(
        "have the owner's function call another operator",
        "CREATE FUNCTION views.less(bigint, integer) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
        "CREATE OPERATOR views.+ (FUNCTION = views.less, LEFTARG = bigint, RIGHTARG = integer)",
        "SET LOCAL search_path = views, pg_catalog, public",
        "SELECT {fresh}",
        reached="SELECT position = {head} FROM public.log_head",
    ),
)
