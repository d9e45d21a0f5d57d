"""This version reads, replays and verifies a log that an older version wrote.

Each folder `v*` beside this file is the fixture of a release: `v0` is of commit 7a2e833. A later release
adds its own with `python -m tests.released.make_fixture N COMMIT`; every test here then runs on it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import structs

from api.composition import Desks
from api.configured_checkpoints import checkpoints_of, verified_checkpoints
from application.log import streams
from application.log.event_codec import from_state, to_stored
from application.log.event_log import EventLog
from application.people.people_desk import token_digest
from application.policy.reperformance import Period, Reperformance, ReperformedDecision
from domain.adjustments.ledger import LedgerEvent
from domain.backlog.events import RecoveryEvent
from domain.break_glass import BreakGlassEvent
from domain.cases.events import CaseEvent
from domain.look_ups.events import CustomerOrdered, ProductPriced
from domain.orders.events import OrderEvent
from domain.orders.order import order_stream
from domain.people import PersonRecordEvent
from domain.policy.decision import Decision
from domain.policy.events import GovernanceEvent, RecheckEvent
from domain.policy.governance import Governance
from domain.privacy import PrivacyEvent
from domain.recorded_event import Event, RecordedEvent
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.export import Export
from infrastructure.transparency.former_keys import read_former_keys
from infrastructure.transparency.full_check import find_faults
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from projections import PROJECTIONS
from tests.infrastructure.bundles import NODE, verify_with_node, verify_with_python
from tests.released.conftest import Home
from tests.released.homes import FOLDER, TOKENS, tags_in
from tests.released.story import ERASED, KEPT, PERSONAL

ROOT = FOLDER.parent.parent
TAGS = FOLDER.parent / "event_store" / "tags.txt"
FOLDS: tuple[tuple[Any, Callable[[Desks], Any]], ...] = (
    (OrderEvent, lambda working: streams.orders(working.log)),
    (CaseEvent, lambda working: streams.cases(working.log)),
    (PersonRecordEvent, lambda working: streams.people(working.log)),
    (BreakGlassEvent, lambda working: streams.break_glasses(working.log)),
    (RecoveryEvent, lambda working: streams.recoveries(working.log)),
    (CustomerOrdered | ProductPriced, lambda working: streams.histories(working.log)),
    (LedgerEvent, lambda working: streams.ledgers(working.log)),
    (PrivacyEvent, lambda working: streams.privacy_records(working.log)),
)
REREAD = {
    "0": {
        "case.enriched": {
            *("customer.id", "customer.tier", "charge.total", "milestones.out_of_order"),
            *("payment.complete", "payment.difference", "payment.overpaid", "payment.underpaid"),
            *("promise.delivery_date", "promise.delivery_day_ends", "promise.half_over_at"),
            *("parcel.more_than_allowed", "refund.outstanding"),
        },
        "case.routed": {"customer.tier", "charge.total"},
        "case.detected": {
            *("milestones.out_of_order", "milestones.approved_at"),
            *("payment.overpaid", "payment.underpaid"),
        },
        "case.signal_joined": {
            *("milestones.out_of_order", "payment.overpaid", "payment.underpaid")
        },
    }
}
"""By release: the decisions that differ by reading, and the facts because of which they do."""
NO_AGGREGATE = {
    *("agent.registered", "agent.retired", "delegation.ended", "delegation.granted"),
    *("person.token_issued", "person.token_revoked", "principal.linked", "principal.unlinked"),
    *("attempt.refused", "audit.asked", "build.started", "reconciliation.recorded"),
}
"""Events that are read as lists, or by `Principals`."""


def test_the_fixture_has_every_event_and_signal_of_its_version(home: Home) -> None:
    assert tags_in(home.dsn) == home.release.tags
    assert set(home.release.tags) <= set(TAGS.read_text().splitlines())


def test_every_event_decodes_and_encodes_to_the_same_bytes(home: Home) -> None:
    states = home.states()
    assert [position for position, _, _ in states] == [*range(1, home.release.head + 1)]
    for position, state, topic in states:
        line = from_state(position, state)
        assert line.type == topic
        assert to_stored(line).state == state, f"position {position}, {topic}"


def test_every_stream_can_be_folded_to_its_aggregate(home: Home) -> None:
    folded = set()
    with home.working() as working:
        repositories = [(kind, repository(working)) for kind, repository in FOLDS]
        by_stream = working.log.trails(
            list({from_state(position, state).stream for position, state, _ in home.states()})
        )
        for stream, lines in by_stream.items():
            first = lines[0].event
            if first.__struct_config__.tag in NO_AGGREGATE:
                continue
            if isinstance(first, GovernanceEvent):
                governance = Governance()
                for line in lines:
                    governance = streams.governance_after(governance, line)
                version = governance.version
            elif isinstance(first, RecheckEvent):
                recheck = None
                for line in lines:
                    recheck = streams.recheck_after(recheck, line)
                version = recheck.version if recheck is not None else 0
            else:
                repository = next(one for kind, one in repositories if isinstance(first, kind))
                version = repository.current([stream])[stream].version
            assert version == len(lines), f"{stream}, {lines[0].type}"
            folded.update(line.type for line in lines)
        assert folded | NO_AGGREGATE >= {topic for _, _, topic in home.states()}
        key = working.principals.key(token_digest(TOKENS["ana"]))
        assert key is not None
        assert working.principals.resolve_key(key).person.name == "ana"
        assert working.principals.login("https://id.example", "a-1").person == "ana"
        assert working.principals.login("https://id.example", "t-1").person is None
        assert working.principals.delegation("ana", "bo").until is None


def test_every_decision_is_the_same_when_repeated(home: Home) -> None:
    """Only decisions on facts that docs/readings.md lists may differ, and they are counted apart."""
    with home.working() as working:
        redone = _repeated(working.log, working)
        redone = [one for one in redone if one.position <= home.release.head]
    assert [one for one in redone if one.differs] == []
    assert len(redone) == home.release.decisions
    by_reading = [one for one in redone if one.differs_by_reading]
    assert {one.type for one in by_reading} == REREAD[home.release.version].keys()
    for tag, facts in REREAD[home.release.version].items():
        found = {fact for one in by_reading if one.type == tag for fact in one.reread_facts}
        assert found == facts, tag
        assert found <= _listed_facts()


def test_an_altered_decision_of_a_release_is_found(home: Home) -> None:
    """Also if it differs by reading: its results must follow from the values that it recorded."""
    with home.working() as working:
        redone = {one.position: one for one in _repeated(working.log, working)}
        lines = [line for line in working.log.read(0, home.release.head) if line.position in redone]
        trails = working.log.trails(list({line.stream for line in lines}))
        tried: set[str] = set()
        for line in (line for trail in trails.values() for line in trail):
            one, event = redone.get(line.position), _with_flipped_verdict(line.event)
            if one is None or event is None or (line.type in tried and not one.differs_by_reading):
                continue
            tried.add(line.type)
            altered = _AlteredLog(working.log, line.position, event)
            found = [one.position for one in _repeated(altered, working) if one.differs]
            assert found == [line.position], line.type
    assert tried >= {"case.detected", "case.routed", "case.signal_joined", "order.passed_intake"}


class _AlteredLog:
    """A log of which somebody altered one event."""

    def __init__(self, log: EventLog, position: int, event: Event) -> None:
        self._log, self._position, self._event = log, position, event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def trails(self, streams: list[UUID]) -> dict[UUID, list[RecordedEvent]]:
        return {
            stream: [
                structs.replace(line, event=self._event)
                if line.position == self._position
                else line
                for line in lines
            ]
            for stream, lines in self._log.trails(streams).items()
        }


def _with_flipped_verdict(event: Any) -> Event | None:
    """The event with another result of its first test; None if it has none."""
    for field in ("decision", "clearing"):
        decision = getattr(event, field, None)
        if isinstance(decision, Decision) and decision.verdicts:
            first, *others = decision.verdicts
            flipped = (structs.replace(first, passed=not first.passed), *others)
            altered: Event = structs.replace(
                event, **{field: structs.replace(decision, verdicts=flipped)}
            )
            return altered
    return None


def _repeated(log: Any, working: Desks) -> list[ReperformedDecision]:
    working.ensure_policy()
    desk = Reperformance(log, working.policy.cited)
    return [one for some in desk.reperform_all(Period()) for one in some]


def _listed_facts() -> set[str]:
    """The facts that the page lists as read differently."""
    page = (ROOT / "docs" / "readings.md").read_text()
    rows = (line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    return {fact for row in rows for fact in re.findall("`([^`]+)`", row)}


def test_the_reports_have_the_same_rows(home: Home) -> None:
    """A report with a higher version may have other columns, but the same number of rows."""
    assert {one.name for one in PROJECTIONS} >= home.release.reports.keys()
    for name, then in home.release.reports.items():
        now = home.reports[name]
        assert now.rows == then.rows, name
        if now.version == then.version:
            assert now.digest == then.digest, name


def test_personal_data_is_readable_unless_it_was_erased(home: Home) -> None:
    assert not [position for position, state, _ in home.states() if PERSONAL.encode() in state]
    with home.working() as working:
        trails = {
            order: msgspec.json.encode(working.log.trail(order_stream(order))).decode()
            for order in (KEPT, ERASED)
        }
        with psycopg.connect(home.dsn) as connection:
            keys = dict(connection.execute("SELECT key, order_id FROM order_keys").fetchall())
        left = {keys[ref] for ref in working.key_ring.find(keys)}
    assert PERSONAL in trails[KEPT]
    assert '"c-kept"' in trails[KEPT]
    assert '"[erased]"' in trails[ERASED]
    assert "c-gone" not in trails[ERASED]
    assert left == set(keys.values()) - {ERASED}
    assert ERASED in keys.values()


def test_the_checkpoints_of_the_release_are_valid(home: Home) -> None:
    """This includes the checkpoints by the key before the last rotation, and the acknowledged heads."""
    checkpoints = verified_checkpoints(home.settings, home.dsn)
    assert checkpoints.signer.key.text == home.release.key
    outside = OutsideCheckpoints(home.settings.checkpoint_place)
    notes = [checkpoints.opened(outside.note(size) or b"") for size in outside.sizes()]
    witness = {note.size: note.root.hex() for note in notes}
    assert witness[home.release.head] == home.release.root
    (former,) = read_former_keys(outside)
    assert min(witness) <= former.until < home.release.head
    with connect(home.dsn) as connection:
        assert [*find_faults(connection, checkpoints)] == []


def test_a_bundle_of_the_release_is_verified(home: Home) -> None:
    report = verify_with_python(home.settings.home / "bundle", home.release.key)
    assert report["verified"], report["faults"]
    if NODE is not None:
        assert verify_with_node(home.settings.home / "bundle", home.release.key) == report


def test_a_bundle_of_the_whole_log_is_verified(home: Home, tmp_path: Path) -> None:
    checkpoints = checkpoints_of(home.settings)
    with connect(home.dsn) as connection:
        checkpoints.make(connection)
        many = Export(connection, checkpoints.signer, tmp_path / "all").everything()
    assert many >= home.release.head
    report = verify_with_python(tmp_path / "all", home.release.key)
    assert report["verified"], report["faults"]
    assert report["events"] == many
    if NODE is not None:
        assert verify_with_node(tmp_path / "all", home.release.key) == report
