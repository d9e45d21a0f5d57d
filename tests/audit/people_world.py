"""Ten days of a shop in which people join, get roles, decide on money, use break-glass, override policy and
leave: at least one example for each audit question about people, money and controls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from msgspec import structs

from application.log import streams
from application.log.builds import record_build
from application.log.caller import Caller, operator_caller
from application.log.event_log import Write
from application.log.streams import PERSON
from application.money.reconciliation import ReconciliationDesk, Statement
from application.people.break_glass_desk import BreakGlassDesk
from application.people.conflict_scan import ConflictScan
from application.people.people_desk import PeopleDesk
from application.people.principals import Principals
from application.people.principals_desk import PrincipalsDesk
from application.policy.policy_desk import PolicyDesk
from application.policy.recheck import RecheckDesk
from application.policy.reperformance import Period
from application.timekeeper import Timekeeper
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.errors import Refusal
from domain.adjustments.events import AdjustmentExecuted, OutcomeInDoubt
from domain.adjustments.provider_statement import RefundStatus, StatementLine
from domain.authority import FULL_AUTHORITY
from domain.break_glass import RequestBreakGlass, ReviewBreakGlass, break_glass_name
from domain.builds import create_build_started
from domain.cases.exception_case import ExceptionCase
from domain.cases.step_commands import DropTask, ReleaseHold
from domain.cases.work_commands import DeclareError, HandOff, OpenCase, StartWait
from domain.cases.work_events import ErrorReason
from domain.clock.terms import Dependency
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.money import Money, to_positive
from domain.people import OPERATOR_ACTOR, Role, TokenIssued, token_stream
from domain.policy.events import POLICY_STREAM
from domain.recorded_event import Event
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from tests.application.in_memory_service import SHIPPED_RULEBOOK, staff
from tests.application.money_service import MoneyService, caller_with_roles
from tests.application.policy_changes import policy_variant
from tests.domain.signals import after
from tests.domain.simulations import simulated

ROLES: Final = {
    "ana": Role.EXCEPTION_SPECIALIST,
    "audra": Role.AUDITOR,
    "bo": Role.HANDLER,
    "fay": Role.FINANCE_APPROVER,
    "finn": Role.FINANCE_APPROVER,
    "gus": Role.GOVERNANCE_OWNER,
    "lena": Role.HANDLER,
    "nia": Role.TEAM_LEAD,
    "omar": Role.OPS_MANAGER,
    "quin": Role.QA_ANALYST,
    "tia": Role.TEAM_LEAD,
}
BEGIN, END = after(-48), after(192)
"""Eight days after the start, and two before."""
WHOLE_PERIOD: Final = Period(BEGIN, END)
BUILD: Final = create_build_started(
    "0.1.0",
    "ab" * 32,
    "CPython 3.11.2",
    {"msgspec": "0.22.0"},
    {"0001_the_log.sql": "cd" * 32},
    "ef" * 20,
)
ISSUER: Final = "https://id.example"


def no_witness(_: datetime) -> None:
    """Makes no checkpoint."""


class PeopleWorld(MoneyService):
    """`witness` makes a checkpoint at a time of the story."""

    def __init__(
        self,
        recorder: InMemoryLogRecorder | None = None,
        witness: Callable[[datetime], None] = no_witness,
    ) -> None:
        super().__init__(None, recorder or InMemoryLogRecorder(), SHIPPED_RULEBOOK)
        self.witness = witness
        self.people = PeopleDesk(self.log, streams.people(self.log), lambda: sorted(ROLES))
        self.now = BEGIN
        self.policy = PolicyDesk(self.log, lambda: self.now)
        self.glasses = BreakGlassDesk(
            self.log, streams.break_glasses(self.log), self.people, lambda: SHIPPED_RULEBOOK
        )
        also = {
            streams.POLICY: self.policy.tick,
            streams.RECHECK: RecheckDesk(self.log, self.policy, staff).tick,
        }
        self.timekeeper = Timekeeper(
            self.log, self.orders, self.cases, lambda: self.rulebook, staff, also
        )
        self.principals = PrincipalsDesk(self.log, self.people, Principals(self.log, self.people))

    # Small steps

    def by(self, person: str, at: float, **more: object) -> Caller:
        roles = more.pop("roles", (ROLES[person],) if person in ROLES else ())
        return caller_with_roles(person, after(at), roles=roles, **more)

    def tell(self, line: Event, stream: object, at: float, version: int = 0) -> None:
        write = Write(
            stream=stream,  # type: ignore[arg-type]
            kind=PERSON,
            expected=version,
            events=[(OPERATOR_ACTOR, line)],
            recorded_at=after(at),
            cause="command:people",
        )
        self.log.append([write])

    def key(self, person: str, at: float, **more: object) -> None:
        """Issue a key with the name of its person, as the callers of the story expect."""
        digest = hashlib.sha256(person.encode()).hexdigest()
        name = str(more.pop("key", person))
        issued = TokenIssued(name=person, key=name, digest=digest, **more)  # type: ignore[arg-type]
        self.tell(issued, token_stream(digest), at)

    def proposed(self, order: str, amount: str, at: float, customer: str = "c-1") -> Adjustment:
        """Ana proposes a refund in a case that she holds."""
        if not any(case.order == order for case in self.found()):
            self.buy(order, "5000.00", customer, at - 5)
        return self.propose(amount, by="ana", at=at, order=order)

    def approved(self, order: str, amount: str, at: float, *by: str, **more: str) -> Adjustment:
        one = self.proposed(order, amount, at, **more)
        for n, person in enumerate(by, start=1):
            one = self.approve(one, person, at + n, order, roles=(ROLES[person],))
        return one

    def paid(self, order: str, amount: str, at: float, *by: str, **more: str) -> Adjustment:
        """Fay orders the payment; the provider confirms it a quarter of an hour later."""
        one = self.approved(order, amount, at, *by, **more)
        at += len(by)
        self.execute(one, "fay", at + 1, order=order, roles=(ROLES["fay"],))
        told = AdjustmentExecuted(
            adjustment=one.id,
            provider="local",
            reference=f"re-{order}",
            amount=to_positive(one.amount),
        )
        self.record_outcome(told, order, at + 1.25)
        return one

    def given(self, one: Adjustment, reference: str, at: float, amount: str = "") -> StatementLine:
        return StatementLine(
            reference=reference,
            key=str(one.id),
            payment="p",
            amount=Money(amount or one.amount.amount, one.amount.currency),
            status=RefundStatus.SUCCEEDED,
            created_at=after(at),
        )

    def reconciled_by(
        self, person: str, at: float, since: float, until: float, *lines: StatementLine
    ) -> None:
        cases = {one.id: case for case in self.found() for one in case.adjustments.items}
        paid = {
            key: (case.id, after(since))
            for key, case in cases.items()
            if (executed := self._executed_at(case, key)) is not None
            and after(since) <= executed <= after(until)
        }
        desk = ReconciliationDesk(
            self.log,
            self.money,
            None,
            lambda *_: paid,
            lambda keys: {key: cases[key].id for key in keys if key in cases},
        )
        told = Statement("local", after(since), after(until), lines, "ab" * 32, True)
        desk.reconcile(told, structs.replace(self.by(person, at), authority=FULL_AUTHORITY))

    def _executed_at(self, case: ExceptionCase, key: object) -> datetime | None:
        for line in self.log.trail(case.id):
            if isinstance(line.event, AdjustmentExecuted) and line.event.adjustment == key:
                return line.recorded_at
        return None

    def refused(self, attempt: Callable[[], object]) -> None:
        with suppress(Refusal):
            attempt()
            raise AssertionError("nobody refused it")


def play_story(world: PeopleWorld) -> PeopleWorld:
    """Play the whole story."""
    _people_come(world)
    world.witness(after(-39.9))
    chapters = (
        (_money_is_given, 45),
        (_attempts_are_refused, 55),
        (_sums_are_split, 75),
        (_glass_is_broken, 90.5),
        (_policy_is_changed, 99),
        (_policy_is_set_aside, 104.5),
        (_two_names_are_one, 115),
        (_somebody_leaves, 150),
    )
    for chapter, ends_at in chapters:
        chapter(world)
        world.tick(after(ends_at), punctual=True)
        world.witness(after(ends_at))
    world.tick(after(160))  # records overdue events too late
    return world


def _people_come(world: PeopleWorld) -> None:
    record_build(world.log, BUILD, BEGIN)
    world.now = after(-47)
    world.policy.bootstrap(SHIPPED_RULEBOOK, world.now)
    for name, role in ROLES.items():
        world.people.add(name, [role], after(-46))
        world.key(name, -46)
    queues = SHIPPED_RULEBOOK.document.queues
    lent = GrantRole(role=Role.FINANCE_APPROVER, until=after(100), reason="While fred is away.")
    world.people.give("tia", lent, queues, operator_caller(after(-40)))
    narrow = GrantRole(
        role=Role.TEAM_LEAD, queues=("payment_hold_review",), regions=("BR",), reason="Her queue."
    )
    world.people.give("bo", narrow, queues, operator_caller(after(-40)))
    over = GrantRole(role=Role.QA_ANALYST, reason="For the pilot.")
    world.people.give("audra", over, queues, operator_caller(after(-40)))
    world.people.revoke(
        "audra", "g2", ChangePersonStatus(reason="It is over."), world.by("gus", -20)
    )
    world.principals.register_agent("ana", "triage", after(-40))
    world.principals.link("ana", ISSUER, "t-1", after(-40), agent="triage")
    world.principals.link("omar", ISSUER, "o-1", after(-40))
    world.principals.delegate("omar", "tia", after(120), "On holiday.", after(-40))


def _money_is_given(world: PeopleWorld) -> None:
    first = world.paid("o-1", "40.00", 5, "tia")
    world.approved("o-6", "60.00", 20, "omar", customer="c-6")
    doubtful = world.approved("o-7", "70.00", 20, "omar", customer="c-7")
    world.execute(doubtful, "fay", 23, order="o-7", roles=(ROLES["fay"],))
    world.record_outcome(OutcomeInDoubt(adjustment=doubtful.id, detail="no answer"), "o-7", 23.5)
    waiting = world.proposed("o-8", "80.00", 20, customer="c-8")
    case = world.of("o-8")
    asks = StartWait(dependency=Dependency.CARRIER, party="dhl", note="Asked for proof.")
    case = world.desk.wait(case.id, case.version, asks, world.by("ana", 21)).case
    world.desk.resume(case.id, case.version, "They answered.", world.by("ana", 33))
    # The provider's statement: paid refunds, an unapproved one, and an unknown one.
    unknown = structs.replace(world.given(first, "re-99", 30, "500.00"), key=None)
    forged = world.given(waiting, "re-66", 31)
    listed = (world.given(first, "re-o-1", 7.2), unknown, forged)
    world.reconciled_by("finn", 36, 0, 34, *listed)
    world.paid("o-10", "90.00", 40, "tia", customer="c-10")
    wrong = DeclareError(about=2, reason=ErrorReason.INCORRECT_DATA, note="Of another order.")
    case = world.of("o-6")
    world.desk.declare_error(case.id, case.version, wrong, world.by("ana", 38))


def _attempts_are_refused(world: PeopleWorld) -> None:
    one = world.proposed("o-20", "600.00", 50, customer="c-20")
    world.refused(lambda: world.approve(one, "ana", 51, "o-20", roles=(Role.OPS_MANAGER,)))
    world.refused(lambda: world.approve(one, "tia", 51.5, "o-20"))
    world.withdraw(one, "ana", 52, "o-20")


def _sums_are_split(world: PeopleWorld) -> None:
    world.paid("o-30", "600.00", 60, "omar", customer="c-30")
    world.paid("o-31", "700.00", 70, "omar", "finn", customer="c-30")
    # The same, but withdrawn: it does not count.
    world.approved("o-32", "900.00", 60, "omar", customer="c-32")
    world.withdraw(world.proposed("o-33", "800.00", 70, customer="c-32"), "ana", 71, "o-33")


def _glass_is_broken(world: PeopleWorld) -> None:
    case = world.of("o-6")
    ask = RequestBreakGlass(role=Role.TEAM_LEAD, case=case.id, reason="All leads are out.")
    first = world.glasses.ask(ask, world.by("bo", 80)).glass.id
    world.glasses.open(first, world.by("nia", 80.1))
    by = world.by("bo", 80.2)
    by = structs.replace(by, actor=structs.replace(by.actor, under=break_glass_name(first)))
    world.desk.note(case.id, world.of("o-6").version, "She waits at the counter.", by)
    world.glasses.close(first, world.by("bo", 80.5))
    ask = RequestBreakGlass(role=Role.TEAM_LEAD, queue="payment_hold_review", reason="A flood.")
    second = world.glasses.ask(ask, world.by("ana", 81)).glass.id
    world.glasses.open(second, world.by("omar", 81.1))
    world.glasses.close(second, world.by("ana", 81.5))
    judge = ReviewBreakGlass(justified=True, findings="There was a flood.")
    world.glasses.review(second, judge, world.by("quin", 90))


def _policy_is_changed(world: PeopleWorld) -> None:
    two, three, four = (
        policy_variant(SHIPPED_RULEBOOK.document, name, n)
        for n, name in enumerate(("a2", "a3", "a4"), start=900)
    )

    def at(person: str, hours: float) -> Caller:
        world.now = after(hours)
        return world.by(person, hours)

    world.policy.load()
    world.policy.propose(two, "It is better.", None, at("omar", 91))
    simulation = simulated(two.digest, SHIPPED_RULEBOOK.digest, after(91))
    world.policy.record_simulation(simulation, at("omar", 91))
    world.policy.approve("a2", "It is.", None, at("gus", 92))
    world.policy.activate("a2", None, "", at("omar", 93))
    world.policy.emergency(three, "It burns.", after(98), at("gus", 94))
    world.policy.ratify("a3", "It did.", at("omar", 95))
    world.policy.emergency(four, "It burns again.", after(98), at("gus", 96))
    world.now = after(98)
    world.policy.tick(POLICY_STREAM, after(98))
    world.rulebook = world.policy.current


def _policy_is_set_aside(world: PeopleWorld) -> None:
    by = world.by("ana", 101)
    case = world.of("o-8")
    to = next(name for name in SHIPPED_RULEBOOK.document.queues if name != case.queue)
    case = world.desk.hand_off(case.id, case.version, HandOff(note="Theirs.", to_queue=to), by).case
    world.desk.reterm(case.id, case.version, "As of today.", world.by("tia", 101.5))
    ask = OpenCase(order="o-8", kind="wrong_item", queue=to, note="The customer called.")
    world.desk.open(ask, world.by("bo", 102))
    case = next(c for c in world.found() if c.kind == "duplicate_order" and c.order == "o-33")
    case = world.desk.claim(case.id, case.version, world.by("ana", 103)).case
    drop = DropTask(task=1, note="Told on the phone.")
    case = world.desk.drop_task(case.id, case.version, drop, world.by("ana", 103.5)).case
    let_go = ReleaseHold(hold=1, note="Let it go.")
    world.desk.release_hold(case.id, case.version, let_go, world.by("ana", 104))


def _two_names_are_one(world: PeopleWorld) -> None:
    """Nia approved a case that bo had worked on; later they are found to be one person."""
    world.buy("o-40", "900.00", "c-40", 105)
    case = world.of("o-40")
    case = world.desk.release(case.id, case.version, "", world.by("ana", 110)).case
    case = world.desk.claim(case.id, case.version, world.by("bo", 110.5)).case
    one = world.propose("30.00", by="bo", at=111, order="o-40")
    world.approve(one, "nia", 112, "o-40", roles=(Role.TEAM_LEAD,))
    same = LinkPersonName(other="nia", reason="She married.")
    world.people.same_as("bo", same, operator_caller(after(113)))
    scan = ConflictScan(
        world.log, world.cases, world.money.duties, lambda: [(case.id, ("bo", "nia"))]
    )
    assert scan.look(after(113.1)) == 1


def _somebody_leaves(world: PeopleWorld) -> None:
    world.people.leave("lena", ChangePersonStatus(reason="Her last day."), world.by("omar", 120))
    stream = token_stream(hashlib.sha256(b"lena").hexdigest())
    world.principals.revoke_key(stream, "She has left.", after(120.1))
    case = world.of("o-10")
    world.desk.note(case.id, case.version, "Still here.", world.by("lena", 121))
    case = world.of("o-1")
    agent = structs.replace(world.by("ana", 122).actor, via=("triage",), principal="user:none")
    world.principals.retire_agent("triage", "Replaced.", after(121.5))
    by = structs.replace(world.by("ana", 122), actor=agent)
    world.desk.note(case.id, case.version, "By a robot.", by)
