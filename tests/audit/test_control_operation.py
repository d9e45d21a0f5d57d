"""Question 25 on a tampered database: each control reports what was done to it, and nothing before that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from api.composition import prepare_database
from application.audit.access import review_access
from application.audit.control import Control, ControlOutcome
from application.audit.control_operation import ControlsOperated, check_controls
from application.audit.log_scan import LogScan
from application.log import streams
from application.log.builds import record_build
from application.log.caller import operator_caller
from application.log.streams import CASE
from application.people.access_review_desk import AccessReviewDesk
from application.people.grant_desk import GrantDesk
from application.policy.reperformance import Period
from domain.access_reviews import DecideAccessReview, GrantVerdict, KeepOrRevoke
from domain.cases.event_descriptions import format_duration
from domain.grants import GrantRole, LinkPersonName
from domain.orders.order import order_stream
from domain.people import Role
from domain.permissions import is_controlled
from domain.person import GrantStatus
from domain.policy.access_review_parts import AccessReviewRules
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.reports.control_state import ControlState
from infrastructure.transparency.halts import halt_log, lift_halt
from projections import PROJECTIONS
from tests.application.in_memory_service import SHIPPED_RULEBOOK
from tests.audit.people_world import BUILD, ROLES, PeopleWorld
from tests.domain.signals import after
from tests.tampering import without_triggers
from tests.witness_checkpoints import make_checkpoint_at, open_checkpoints

CLEAN = {ControlOutcome.YES, ControlOutcome.NOTHING_TO_DO}


class Watched:
    """The people world on a real database, with checkpoints at the times of the story."""

    def __init__(self, dsn: str, place: Path) -> None:
        self.dsn = dsn
        self.datastore = Datastore(dsn)
        self.recorder = PostgresLogRecorder(self.datastore)
        self.world = PeopleWorld(self.recorder)  # type: ignore[arg-type]
        self.checkpoints = open_checkpoints(place)

    def witness(self, at: datetime) -> None:
        make_checkpoint_at(self.checkpoints, self.dsn, at)

    def sql(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection, without_triggers(connection):
            connection.execute(statement, parameters)  # type: ignore[call-overload]

    def look(self, at: float = 9) -> ControlsOperated:
        reading = LogScan(self.world.log, self.world.log.head())
        standing = ControlState(self.datastore)
        most = timedelta(hours=60)
        return check_controls(reading, standing, Period(None, after(at)), after(at), most)

    def control(self, name: str, at: float = 9) -> Control:
        return next(one for one in self.look(at).controls if one.name == name)

    def told(self, name: str, at: float = 9) -> list[str]:
        control = self.control(name, at)
        assert control.exceptions_in_all == len(control.exceptions)
        assert (control.operated is ControlOutcome.NO) == bool(control.exceptions)
        return [one.detail for one in control.exceptions]


@pytest.fixture
def watched(dsn: str, tmp_path: Path) -> Iterator[Watched]:
    prepare_database(dsn)
    watched = Watched(dsn, tmp_path)
    world = watched.world
    record_build(world.log, BUILD, after(-48))
    world.now = after(-47)
    world.policy.bootstrap(SHIPPED_RULEBOOK, world.now)
    confirmations = []
    for name, role in ROLES.items():
        world.people.add(name, [role], after(-46))
        world.key(name, -46)
        if is_controlled(role):
            second = world.by("gus" if name != "gus" else "omar", -45)
            confirmations.append((name, second))
    for name, second in confirmations:
        GrantDesk(world.people).confirm(name, "g1", second)
    world.paid("o-1", "40.00", 5, "tia")
    watched.witness(after(8.5))
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    yield watched
    watched.recorder.close()


def case_of(watched: Watched) -> UUID:
    return watched.world.of("o-1").id


def test_intact_controls_report_nothing(watched: Watched) -> None:
    told = watched.look()
    assert told.all_operated, [one for one in told.controls if one.exceptions]
    assert {one.operated for one in told.controls} == CLEAN
    counted = {one.name: one.looked_at for one in told.controls}
    assert (counted["duty_rows"], counted["paid_as_approved"], counted["log_witnessed"]) == (
        6,
        2,
        1,
    )


def test_an_access_review_that_is_overdue_or_was_decided_by_a_party_is_reported(
    watched: Watched,
) -> None:
    world = watched.world
    rules = AccessReviewRules(
        every=timedelta(days=2), owner="ops_manager", due_within=timedelta(days=1)
    )
    log = world.log
    desk = AccessReviewDesk(log, streams.access_reviews(log), world.people, lambda: rules)
    for name in ("mara", "milo"):
        world.people.add(name, [Role.OPS_MANAGER], after(9.5))
    desk.open(world.by("omar", 10))
    assert watched.told("access_reviewed", 33) == []
    (late,) = watched.told("access_reviewed", 35)
    assert late == "access review r1 was open for too long; it is the duty of ops_manager"
    for by, mine in (("mara", False), ("milo", True)):
        state = desk.review("r1")
        given = tuple(
            GrantVerdict(
                person=one.person, grant=one.grant, verdict=KeepOrRevoke.KEEP, reason="Still."
            )
            for one, _ in state.undecided
            if (one.person == "mara") is mine
        )
        desk.decide("r1", DecideAccessReview(decisions=given), world.by(by, 36))
    desk.complete("r1", world.by("omar", 37))
    assert watched.told("access_reviewed", 38) == [late]
    world.people.same_as("mara", LinkPersonName(other="bo", reason="One."), world.by("nia", 39))
    assert any(
        "of bo in review r1: the decision does not" in x
        for x in watched.told("access_reviewed", 40)
    )


def test_a_grant_of_one_person_is_reported_until_a_second_confirms_it(watched: Watched) -> None:
    world, grants = watched.world, GrantDesk(watched.world.people)
    ask = GrantRole(role=Role.FINANCE_APPROVER, reason="While fay is away.")
    world.people.give("quin", ask, (), operator_caller(after(6)))
    world.people.give("nia", ask, (), world.by("omar", 6))  # only proposed
    (told,) = watched.told("grants_by_two")
    given = "given by operator, is not confirmed by a second person"
    assert told == f"grant g2 (finance_approver) of quin, {given}"
    assert watched.told("grants_by_two", 5) == []
    grants.confirm("quin", "g2", world.by("omar", 7))
    grants.confirm("nia", "g2", world.by("gus", 7))
    assert watched.told("grants_by_two") == []
    world.people.same_as("gus", LinkPersonName(other="omar", reason="One."), world.by("nia", 8))
    # Both had confirmed the first grant of the other, so neither could give or confirm any.
    told = watched.told("grants_by_two")
    void = [one for one in told if " is void: " in one]
    same = "its giver and its confirmer are the same person"
    assert f"grant g2 (finance_approver) of nia, given by omar (key:omar), is void: {same}" in void
    assert {one.split(" of ")[1].split(",")[0] for one in void} == {"gus", "omar", "nia"}
    why = "the confirmation does not count: omar, whose own grant to manage people is void, confirmed it"
    assert f"grant g2 (finance_approver) of quin, {given}; {why}" in told
    review = review_access(LogScan(world.log, world.log.head()), after(9))
    (quin,) = (held for held in review.people if held.person == "quin")
    assert {one.status for one in quin.grants} == {GrantStatus.UNCONFIRMED}
    assert quin.grants[1].unconfirmed_for == why.partition(": ")[2]


def test_tampered_duty_rows_are_reported(watched: Watched) -> None:
    case = case_of(watched)
    watched.sql("DELETE FROM duties WHERE person = 'tia'")
    watched.sql("UPDATE duties SET duty = 'reconcile' WHERE person = 'fay'")
    watched.sql("INSERT INTO duties VALUES (%s, 'finn', 'review', 1)", case)
    watched.sql("INSERT INTO duties VALUES (%s, 'gus', 'review', 1)", order_stream("o-1"))
    watched.sql("INSERT INTO duties VALUES (%s, 'finn', 'review', 1)", UUID(int=1))
    told = watched.told("duty_rows")
    assert told == [
        f"case {case}: fay has the duty to execute, but the row says reconcile",
        f"case {case}: no row for the duty of tia to approve (case.adjustment_approved)",
        f"case {case}: a row gives finn the duty to review, but no act does",
        "order o-1: fay has the duty to execute, but the row says reconcile",
        "order o-1: no row for the duty of tia to approve",
        "order o-1: a row gives gus the duty to review, but no act does",
        "1 duty rows are of cases without a proposal",
    ]


def test_a_late_checkpoint_or_a_halted_log_is_reported(watched: Watched) -> None:
    world = watched.world
    grown = world.log.head()
    world.desk.note(case_of(watched), world.of("o-1").version, "More.", world.by("ana", 8.9))
    assert watched.told("log_witnessed", 60) == []
    told = watched.told("log_witnessed", 70)
    assert told == [f"position {grown + 1} is not signed yet"]
    watched.witness(after(100))
    (told,) = watched.told("log_witnessed", 110)
    waited = timedelta(hours=100 - 8.9)
    assert told == f"position {grown + 1} was signed after {format_duration(waited)}"
    with connect(watched.dsn) as connection:
        halt_log(connection)
        told = watched.told("log_witnessed")[-1]
        assert told == "the log is halted: it differs from the log that was signed"
        lift_halt(connection)
    assert len(watched.told("log_witnessed")) == 1


def test_a_report_that_omits_a_stream_is_reported(watched: Watched) -> None:
    watched.sql(
        "INSERT INTO projections_held (name, generation, stream, position, error) "
        "SELECT name, generation, %s, 1, 'it could not be read' FROM projections "
        "WHERE name = 'cases' AND live",
        case_of(watched),
    )
    assert watched.told("reports_kept") == ["report cases holds back 1 streams"]


def test_deadlines_checked_late_or_never_are_reported(watched: Watched) -> None:
    assert watched.told("time_kept") == []
    watched.sql("UPDATE timers SET due_at = %s WHERE kind = %s", after(8), CASE)
    assert watched.told("time_kept") == [
        "now, 2 timers are overdue and not recorded; the oldest was due then"
    ]
    watched.world.tick(after(40))
    late = watched.told("time_kept", 41)
    assert late
    assert all(" was due at " in told for told in late)


def test_a_day_with_unreconciled_payments_is_reported(watched: Watched) -> None:
    paid = watched.world.of("o-1").adjustments.items[0]
    assert watched.control("reconciled_each_day", 30).evidence["not_due_yet"] == "1"
    assert watched.told("reconciled_each_day", 32) == [
        "2018-01-10: 1 paid by local, and compared with no statement"
    ]
    line = watched.world.given(paid, "re-o-1", 7.2)
    watched.world.reconciled_by("finn", 31, 0, 7, line)  # the period ends before the payment
    assert watched.told("reconciled_each_day", 32) != []
    watched.world.reconciled_by("finn", 31.5, 0, 8, line)
    assert watched.told("reconciled_each_day", 32) == []


def test_positions_older_than_any_build_are_reported(dsn: str) -> None:
    datastore = Datastore(dsn)
    recorder = PostgresLogRecorder(datastore)
    world = PeopleWorld(recorder)  # type: ignore[arg-type]
    world.people.add("ana", [], after(0))
    record_build(world.log, BUILD, after(1))
    now = datetime.now(UTC)
    standing = ControlState(datastore)
    found = check_controls(LogScan(world.log, world.log.head()), standing, Period(), now)
    recorder.close()
    (one,) = [one for one in found.controls if one.name == "builds_known"]
    assert [x.detail for x in one.exceptions] == [
        "positions 1 to 1 are older than the first recorded build"
    ]
