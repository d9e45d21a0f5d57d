"""Lost commands are named, and lost events that turn up again are attached as evidence."""

import shutil
from pathlib import Path
from typing import Any

import msgspec

from api.composition import desks
from api.configured_checkpoints import checkpoints_of, continuity
from api.http.log_lines import log_lines
from application.log.caller import operator_caller
from application.log.event_log import EventLog
from application.log.recorder import CommandRow
from domain.people import PersonAdded, person_stream
from infrastructure.doctor.findings import Verdict
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.transparency.export import Export
from tests.lost_tails import Site, run_command


def test_an_acknowledged_command_that_was_lost_is_named(site: Site) -> None:
    append_command(site, "pay-7")
    site.lose()
    report = msgspec.json.decode(run_command(site.settings, "log", "loss", "--json").stdout)
    assert (report["kept"], report["last"]) == (site.kept, site.kept + 1)
    assert report["commands"] == [
        {"position": site.kept + 1, "principal": "key:ana", "key": "pay-7"}
    ]
    with connect(site.dsn) as connection:  # a report alone changes nothing
        assert not connection.execute("SELECT FROM log_head WHERE halted").fetchall()
    site.accept()
    (shown,) = site.ask(10)[1]["losses"]
    assert shown["commands"] == report["commands"]
    # The effect is lost, so the same command is carried out again.
    append_command(site, "pay-7")


def append_command(site: Site, key: str) -> None:
    recorder = PostgresLogRecorder(Datastore(site.dsn), continuity(site.settings))
    try:
        with desks(site.dsn) as working:
            site.names += 1
            added = PersonAdded(name=f"c{site.names}", roles=())
            write = operator_caller(working.clock()).write(
                person_stream(added.name), "person", 0, [added]
            )
            row = CommandRow("key:ana", key, bytes(32), b"{}")
            EventLog(recorder).append([write], row)
    finally:
        recorder.close()


def feed_of(site: Site, after: int) -> list[dict[str, Any]]:
    """The feed as a follower keeps it."""
    with desks(site.dsn) as working:
        lines = log_lines(working.log.read(after, 100))
    return [msgspec.to_builtins(line) for line in lines]


def test_lost_events_that_a_follower_has_are_attached(site: Site, tmp_path: Path) -> None:
    site.append(4)
    feed = feed_of(site, site.kept - 1)
    site.lose()
    site.accept()
    file, page = tmp_path / "feed.ndjson", {"items": feed[2:], "head": 9}
    changed = {**feed[1], "cause": "command:other"}
    texts = [msgspec.json.encode(one) for one in (*feed[:2], changed, page)]
    file.write_bytes(b"\n".join(texts))
    attach = ("log", "attach-lost", "--from", str(file))
    done = run_command(site.settings, *attach)
    assert "4 events attached, 0 were attached before, 2 are not lost events" in done.output
    assert f"position {site.kept} was not lost" in done.output
    assert f"another event than the one that was lost at position {site.kept + 1}" in done.output
    assert "0 events attached, 4 were attached before" in run_command(site.settings, *attach).output
    (shown,) = site.ask(10)[1]["losses"]
    assert shown["attached"] == [site.kept + n for n in (1, 2, 3, 4)]
    site.sign()
    assert site.examined()["whole log"].verdict is Verdict.OK
    assert not {f"p{n}" for n in range(1, 5)} & names_in(site)  # evidence: nothing follows from it


def names_in(site: Site) -> set[str]:
    with desks(site.dsn) as working:
        return {name for name in ("p1", "p2", "p3", "p4") if working.people.known(name)}


def test_lost_events_in_a_bundle_are_attached_without_known_leaves(
    site: Site, tmp_path: Path
) -> None:
    site.append(4)
    site.sign()
    with connect(site.dsn) as connection, connection.transaction():
        Export(connection, checkpoints_of(site.settings).signer, tmp_path / "b").everything()
    shutil.rmtree(site.settings.heads_place)
    site.lose()
    site.accept()
    (loss,) = site.origins().losses
    assert loss.event.missing == ()
    lines = tmp_path / "b" / "events.ndjson"
    alone = run_command(site.settings, "log", "attach-lost", "--from", str(lines))
    assert "0 events attached" in alone.output
    assert "only a bundle of" in alone.output
    done = run_command(site.settings, "log", "attach-lost", "--from", str(tmp_path / "b"))
    assert "4 events attached" in done.output
    (shown,) = site.ask(10)[1]["losses"]
    assert shown["attached"] == [site.kept + n for n in (1, 2, 3, 4)]
    lines.write_bytes(lines.read_bytes().replace(b'"p4"', b'"p5"'))
    broken = run_command(site.settings, "log", "attach-lost", "--from", str(tmp_path / "b"))
    assert "The bundle is broken" in broken.output


def test_nothing_is_attached_to_a_log_that_lost_nothing(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "feed.ndjson"
    file.write_text("{}")
    done = run_command(site.settings, "log", "attach-lost", "--from", str(file))
    assert "no loss was accepted" in done.output.lower()
