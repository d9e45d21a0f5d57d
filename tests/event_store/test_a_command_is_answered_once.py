"""A command's row is stored with its events, so that each retry gets the first answer (invariant I2)."""

from functools import partial
from uuid import uuid4

import pytest

from application.log.event_log import EventLog
from application.log.recorder import Append, CommandRepeated, CommandRow, LogRecorder, VersionTaken
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.event_store.appends import (
    append_of,
    call_all_at_once,
    call_as_one_group,
    command,
    command_taken,
    event,
    read,
    stored,
)


def test_the_answer_is_kept_byte_for_byte(recorder: LogRecorder) -> None:
    answer = bytes(range(256)) + "größe 漢字 🚚".encode()
    assert recorder.command("ana", "k") is None
    recorder.append(append_of(key="k", answer=answer))
    assert recorder.command("ana", "k") == command_taken(command("k", answer), 1)
    assert EventLog(recorder).answer("ana", "k") == command_taken(command("k", answer), 1)


def test_the_position_of_a_command_is_that_of_its_last_event(recorder: LogRecorder) -> None:
    recorder.append(append_of())
    recorder.append(append_of(event(), event(), event(), key="k"))
    recorder.append(append_of())
    found = recorder.command("ana", "k")
    assert found is not None
    assert found.position == 4


def test_a_command_without_events_has_the_position_of_the_head(recorder: LogRecorder) -> None:
    assert recorder.append(Append([], command=command("empty"))) == 0
    recorder.append(append_of(event(), event()))
    assert recorder.append(Append([], command=command("k"))) == 2
    assert recorder.command("ana", "empty") == command_taken(command("empty"), 0)
    assert recorder.command("ana", "k") == command_taken(command("k"), 2)
    with pytest.raises(CommandRepeated):
        recorder.append(Append([], command=command("k")))
    assert recorder.head() == 2


def test_a_retry_gets_the_first_answer_and_stores_nothing(recorder: LogRecorder) -> None:
    recorder.append(append_of(key="k", answer=b"first"))
    with pytest.raises(CommandRepeated) as repeated:
        recorder.append(append_of(key="k", answer=b"second"))
    assert repeated.value.taken == command_taken(command("k", b"first"), 1)
    assert recorder.head() == 1


def test_a_retry_with_the_same_bytes_gets_the_first_answer(recorder: LogRecorder) -> None:
    stream = uuid4()
    recorder.append(append_of(event(stream, 1, "same"), key="k", answer=b"first"))
    with pytest.raises(CommandRepeated) as repeated:
        recorder.append(append_of(event(stream, 1, "same"), key="k", answer=b"second"))
    assert repeated.value.taken.result == b"first"


def test_a_retry_on_an_old_version_gets_the_first_answer(recorder: LogRecorder) -> None:
    """Most retries name a version that the first request has already replaced."""
    stream = uuid4()
    recorder.append(append_of(event(stream, 1), key="k"))
    recorder.append(append_of(event(stream, 2)))
    with pytest.raises(CommandRepeated):
        recorder.append(append_of(event(stream, 1), key="k"))


def test_two_principals_may_use_the_same_key(recorder: LogRecorder) -> None:
    rows = [CommandRow("ana", "k", b"1", b"1"), CommandRow("bo", "k", b"2", b"2")]
    # Principal and key are compared separately, not joined.
    rows += [CommandRow("an", "ak", b"3", b"3"), CommandRow("", "anak", b"4", b"4")]
    for row in rows:
        recorder.append(Append([event()], command=row))
    for row in rows:
        found = recorder.command(row.principal, row.key)
        assert found is not None
        assert found.result == row.result


@pytest.mark.parametrize("key", ["K", "k ", "\N{FULLWIDTH LATIN SMALL LETTER K}", "k\u0301", "ķ"])
def test_keys_that_look_alike_are_different(recorder: LogRecorder, key: str) -> None:
    recorder.append(append_of(key="k"))
    recorder.append(append_of(key=key))
    assert recorder.head() == 2


def test_a_refused_append_leaves_its_key_free(recorder: LogRecorder) -> None:
    stream = uuid4()
    recorder.append(append_of(event(stream, 1)))
    with pytest.raises(VersionTaken):
        recorder.append(append_of(event(stream, 1), key="k"))
    assert recorder.command("ana", "k") is None
    assert recorder.append(append_of(event(stream, 2), key="k")) == 2


def test_one_of_many_appends_with_the_same_key_in_a_group_is_stored(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    rivals = [append_of(key="k", answer=b"%d" % n) for n in range(30)]
    results = call_as_one_group(dsn, [partial(postgres.append, rival) for rival in rivals])
    won = [n for n, one in enumerate(results) if one == 1]
    assert len(won) == 1
    first = command_taken(command("k", b"%d" % won[0]), 1)
    assert {one.taken for one in results if isinstance(one, CommandRepeated)} == {first}
    assert [type(one) for one in results].count(CommandRepeated) == 29
    assert stored(dsn) == [(1, rivals[won[0]].events[0].state)]


def test_one_of_a_hundred_retries_on_two_nodes_is_carried_out(
    postgres: PostgresLogRecorder, dsn: str
) -> None:
    other = PostgresLogRecorder(Datastore(dsn))
    calls = [
        partial((postgres, other)[n % 2].append, append_of(event(), key="k", answer=b"%d" % n))
        for n in range(100)
    ]
    results = call_all_at_once(calls)
    other.close()
    assert results.count(1) == 1  # type: ignore[arg-type]
    first = command_taken(command("k", b"%d" % results.index(1)), 1)  # type: ignore[arg-type]
    assert {one.taken for one in results if isinstance(one, CommandRepeated)} == {first}
    assert len(stored(dsn)) == 1
    assert read(dsn, "SELECT count(*) FROM commands") == [(1,)]


def test_each_append_of_a_group_gets_its_positions(postgres: PostgresLogRecorder, dsn: str) -> None:
    appends = [
        Append([event() for _ in range(n % 3)], command=command(f"{n}") if n % 4 else None)
        for n in range(40)
    ]
    firsts = call_as_one_group(dsn, [partial(postgres.append, one) for one in appends])
    places = dict(stored(dsn))
    assert sorted(places) == [*range(1, sum(n % 3 for n in range(40)) + 1)]
    for n, (first, append) in enumerate(zip(firsts, appends, strict=True)):
        assert isinstance(first, int), first
        for place, one in enumerate(append.events, start=first):
            assert places[place] == one.state
        if append.command is not None:
            found = postgres.command("ana", f"{n}")
            assert found is not None
            assert found.position == first + max(len(append.events) - 1, 0)
