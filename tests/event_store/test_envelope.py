"""The stored form of an event: readable JSON with fixed tags, and the same bytes for ever."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import psycopg
import pytest
from msgspec import structs
from psycopg.rows import dict_row

from application.log.event_codec import EventCodec, from_state, to_stored
from application.log.recorder import leaf_digest
from domain.cases.work_events import CaseReleased
from domain.clock.terms import ServiceTerms
from domain.orders.events import SignalRecorded
from domain.orders.signals import Signal
from domain.people import Actor
from domain.recorded_event import Event, RecordedEvent
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from tests.event_store.sample_lines import CASE, EVENTS, LINES, NOON

TAGS = Path(__file__).with_name("tags.txt")
PACKAGES = ("domain", "application", "infrastructure", "projections", "api", "tests")


def tags_of(union: object) -> list[str]:
    return [str(kind.__struct_config__.tag) for kind in get_args(union)]


def test_tags_are_never_renamed_or_reused() -> None:
    """Old logs contain these tags. A new tag is a new line of tags.txt; existing lines never change."""
    tags = [f"event {tag}" for tag in tags_of(Event)] + [f"signal {tag}" for tag in tags_of(Signal)]
    assert sorted(tags) == TAGS.read_text().splitlines()
    assert len(set(tags)) == len(tags)


def test_the_sample_lines_have_every_event_and_every_signal() -> None:
    assert {type(e) for e in EVENTS} == set(get_args(Event))
    signals = {type(e.signal) for e in EVENTS if isinstance(e, SignalRecorded)}
    assert signals == set(get_args(Signal))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.type)
def test_every_event_is_read_as_it_was_written(line: RecordedEvent) -> None:
    event = to_stored(line)
    assert (event.originator_id, event.originator_version) == (line.stream, line.version)
    assert event.topic == line.event.__struct_config__.tag
    assert from_state(7, event.state) == structs.replace(line, position=7)
    assert to_stored(from_state(0, event.state)).state == event.state


def test_the_stored_bytes_do_not_contain_the_position() -> None:
    """A line that is read and written again, as in a copy of the log, has the same leaf."""
    stored = to_stored(LINES[0])
    assert to_stored(from_state(7, stored.state)).state == stored.state
    assert EventCodec().to_stored_event(from_state(7, stored.state)).state == stored.state


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.type)
def test_the_stored_bytes_contain_tags_and_no_class_names(line: RecordedEvent) -> None:
    event = to_stored(line)
    document = json.loads(event.state)
    assert document["event"]["type"] == event.topic
    assert type(line.event).__name__ not in event.state.decode()
    assert not [p for p in PACKAGES if f"{p}." in event.topic or f'"{p}.' in event.state.decode()]


def test_the_stored_bytes_are_readable_json() -> None:
    event = CaseReleased(note="wartet auf Bestätigung — 漢字")
    line = RecordedEvent(
        stream=CASE,
        version=3,
        recorded_at=NOON,
        actor=Actor("key:ana", "ana"),
        event=event,
        order="O-1",
        cause="command:release",
    )
    assert to_stored(line).state.decode() == (
        '{"stream":"6d5f0f4e-9a52-5c0c-8c56-7d7f0f8f3c11","version":3,'
        '"recorded_at":"2026-03-29T12:00:00.123456Z",'
        '"actor":{"principal":"key:ana","person":"ana"},'
        '"event":{"type":"case.released","note":"wartet auf Bestätigung — 漢字"},'
        '"order":"O-1","cause":"command:release"}'
    )


def test_old_lines_are_written_again_without_newer_fields() -> None:
    """Fields that were added later are left out, so that the leaves of old lines do not change."""
    joined = (
        '"event":{"type":"case.signal_joined","signal":"psp/1","signal_type":"payment.captured",'
        '"event_time":"2026-03-29T12:00:00.123456Z","clearing":null,"decision":null}'
    )
    terms = (
        '"first_action":"PT14400S","next_update":null,"resolution":null,"at_risk_percent":80,'
        '"pauses_on":[],"resets_on_reopen":false}'
    )
    old = '{"stream":"6d5f0f4e-9a52-5c0c-8c56-7d7f0f8f3c11","version":3,"recorded_at":"2026-03-29T12:00:00Z","actor":{"principal":"system:policy"},'
    issued = '"event":{"type":"person.token_issued","name":"ana","key":"abc","digest":"ef","expires_at":null}'
    for event in (joined, issued):
        assert _written_again(old + event + "}") == old + event + "}"
    stored = f'{{"calendar":{{"time_zone":"UTC","always_open":true}},{terms}'
    assert msgspec.json.encode(msgspec.json.decode(stored, type=ServiceTerms)).decode() == stored


def _written_again(state: str) -> str:
    return to_stored(from_state(0, state.encode())).state.decode()


def test_an_envelope_of_a_later_release_can_be_read() -> None:
    """Nodes of two releases run side by side during an upgrade."""
    stored = to_stored(LINES[1])
    document = json.loads(stored.state)
    assert from_state(1, json.dumps(document | {"metadata": {"trace": "1"}}).encode()).position == 1


def test_an_event_with_an_unknown_tag_is_an_error() -> None:
    document = json.loads(to_stored(LINES[0]).state)
    document["event"]["type"] = "case.teleported"
    with pytest.raises(msgspec.ValidationError, match=r"case\.teleported"):
        from_state(1, json.dumps(document).encode())


def test_the_trail_view_shows_every_line_in_sql(postgres: PostgresLogRecorder, dsn: str) -> None:
    postgres.insert_events([to_stored(line) for line in LINES])
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        rows = connection.execute("SELECT * FROM trail ORDER BY position").fetchall()
    for position, (row, line) in enumerate(zip(rows, LINES, strict=True), start=1):
        state = to_stored(line).state
        facts = json.loads(state)["event"]
        assert row == {
            "position": position,
            "stream": line.stream,
            "version": line.version,
            "event": facts.pop("type"),
            "recorded_at": NOON,
            "person": line.actor.person,
            "principal": line.actor.principal,
            "order_id": line.order,
            "cause": line.cause,
            "facts": facts,
            "leaf": hashlib.sha256(b"\x00" + state).hexdigest(),
        }


def texts_in(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each text in decoded JSON."""
    parts = document.items() if isinstance(document, dict) else enumerate(document)
    for key, part in parts:
        if isinstance(part, str):
            yield (*place, key)
        elif isinstance(part, dict | list):
            yield from texts_in(part, (*place, key))


OUTSIDE = {
    "order.signal_recorded": "signal",
    "case.resolved": "resolution",
    "case.released": "note",
    "case.reopened": "note",
    "policy.activated": "document",
    "policy.proposed": "document",
    "policy.approved": "note",
    "policy.rejected": "reason",
    "policy.withdrawn": "reason",
    "policy.rolled_back": "reason",
    "policy.emergency_activated": "reason",
    "policy.ratified": "note",
}


@pytest.mark.parametrize("line", [x for x in LINES if x.type in OUTSIDE], ids=lambda x: x.type)
def test_text_with_a_nul_character_is_refused(line: RecordedEvent) -> None:
    """PostgreSQL's jsonb has no U+0000: one such text would make the whole trail view fail."""
    field = OUTSIDE[line.type]
    value = json.loads(to_stored(line).state)["event"][field]
    for *way, last in texts_in({field: value}):
        document = json.loads(to_stored(line).state)
        within = document["event"]
        for step in way:
            within = within[step]
        within[last] += "\0"
        with pytest.raises(msgspec.ValidationError):
            from_state(1, json.dumps(document).encode())


def test_each_leaf_is_the_digest_of_the_stored_bytes(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    postgres.insert_events([to_stored(line) for line in LINES])
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT state, leaf, sha256('\\x00'::bytea || state) FROM stored_events"
        ).fetchall()
    assert len(rows) == len(LINES)
    for state, leaf, by_server in rows:
        assert leaf == by_server == hashlib.sha256(b"\x00" + state).digest() == leaf_digest(state)


def test_a_leaf_equals_the_test_vectors_of_the_standard() -> None:
    """The first two leaves of the test vectors of RFC 6962's reference implementation."""
    assert leaf_digest(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert leaf_digest(b"\x00").hex() == (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
    )
