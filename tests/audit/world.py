"""One world, built once with a fixed clock, so that an auditor's answers are the same every time.

Five orders that cannot be delivered. For o-1 ana (whose roles would let her approve) proposes 640 EUR,
tries to approve it herself and is refused; bo, through an agent, is refused as well; dana approves it
for olga, fay orders it, finn finds it in the provider's statement. A note of the warehouse was known and
shown to nobody. The customer had cancelled before the payment, and the signal of that came after it.
Meanwhile another policy was activated. o-2 to o-5 are for lists and samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from api.composition import Desks, desks, prepare_database
from api.configured_checkpoints import checkpoints_of
from application.audit.question_records import record_question
from application.log.caller import Caller
from application.log.event_log import Write
from application.log.streams import CASE
from application.orders.batches import Arrival
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment, ProposeAdjustment
from domain.adjustments.errors import Refusal
from domain.adjustments.events import AdjustmentExecuted
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.audit import AuditAsked
from domain.cases.evidence import Evidence, EvidenceType
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.grants import GrantRole
from domain.money import PositiveMoney, to_positive
from domain.orders.message_signals import Channel, MessageReceived, WarehouseNoted
from domain.orders.purchase_signals import Customer
from domain.orders.signals import Signal
from domain.people import OPERATOR_ACTOR, PAYER_ACTOR, Actor, Role
from domain.privacy import DataSubject, ErasureBasis
from infrastructure.evidence_store import EvidenceStore
from infrastructure.payments.local import LocalProvider
from infrastructure.personal.vault import vault_of
from infrastructure.postgres.datastore import connect
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import EVIDENCE, KEYS, Settings
from projections import PROJECTIONS
from tests.api.running_service import RunningService, outside_settings, serve
from tests.application.policy_changes import policy_variant
from tests.domain.signals import cancelled, captured, line, placed, unavailable
from tests.domain.simulations import simulated

MORNING = datetime(2026, 2, 2, 8, tzinfo=UTC)
"""A Monday."""
SHOP = Actor("key:shop", "shop")
AUDITOR = Actor("key:aud", "aud")
PEOPLE = {
    "ana": (Role.EXCEPTION_SPECIALIST, Role.OPS_MANAGER),
    "bo": (Role.HANDLER, Role.TEAM_LEAD),
    "olga": (Role.OPS_MANAGER,),
    "dana": (Role.OPS_MANAGER,),
    "fay": (Role.FINANCE_APPROVER,),
    "finn": (Role.FINANCE_APPROVER,),
    "gus": (Role.GOVERNANCE_OWNER,),
    "gil": (Role.GOVERNANCE_OWNER,),
    "shop": (Role.INTEGRATOR,),
}
EVIDENCE_FILE = b"Signed for by nobody; the box was open.\n"
STATEMENT = "5e" * 32
KIND = "stock_unavailable"


@dataclass
class World:
    dsn: str
    home: Path
    size: int = 0
    """The head of the log at the last checkpoint."""
    refs: dict[str, str] = field(default_factory=dict)
    """The ids that questions are about, by name."""

    @property
    def settings(self) -> Settings:
        keys = outside_settings(self.dsn).place
        evidence = str(Path(keys).with_name("evidence"))
        return Settings(home=self.home, database_url=self.dsn, keys=keys, evidence=evidence)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command over this world."""
        settings = self.settings
        return {
            "DATABASE_URL": self.dsn,
            KEYS: settings.key_place,
            EVIDENCE: settings.evidence_place,
        }


class WorldBuilder:
    """Builds the world step by step."""

    def __init__(self, world: World, working: Desks, clock: list[datetime]) -> None:
        self.world, self.desks, self.clock = world, working, clock

    def at(self, hours: float) -> datetime:
        self.clock[0] = MORNING + timedelta(hours=hours)
        return self.clock[0]

    @property
    def now(self) -> datetime:
        return self.clock[0]

    def by(self, name: str, **more: Any) -> Caller:
        actor = structs.replace(Actor(f"key:{name}", name), **more)
        authority = self.desks.people.authority_of(name, self.now)
        assert authority is not None
        names = tuple(self.desks.people.names_behind(actor))
        return Caller(actor, name, self.now, "command:told", None, authority, names)

    def take(self, order: str, *signals: Signal, happened: datetime | None = None) -> None:
        mine = [
            structs.replace(
                signal, order=order, id=f"{order}-{signal.id}", event_time=happened or self.now
            )
            for signal in signals
        ]
        self.desks.intake.take([Arrival(signal, self.now) for signal in mine], SHOP)

    def buy(self, order: str, price: str, hours: float) -> None:
        """A paid order without stock; ana holds its case."""
        self.at(hours)
        self.take(order, placed(customer=Customer(id=f"c-{order}"), lines=(line(price, "EUR"),)))
        self.at(hours + 0.1)
        self.take(order, captured(0, price, "EUR"))
        self.at(hours + 0.2)
        self.take(order, unavailable())
        self.at(hours + 0.3)
        case = self.case(order)
        self.desks.cases.claim(case.id, case.version, self.by("ana"))

    def case(self, order: str) -> ExceptionCase:
        return self.desks.cases.case(case_of(order))

    def propose(
        self, order: str, hours: float, amount: str, kind: AdjustmentKind, **more: Any
    ) -> Adjustment:
        self.at(hours)
        case = self.case(order)
        ask = ProposeAdjustment(
            kind=kind,
            amount=PositiveMoney(amount, "EUR"),
            reason=AdjustmentReason.NOT_RECEIVED,
            **more,
        )
        done = self.desks.money.propose(case.id, case.version, ask, self.by("ana"))
        return done.case.adjustments.items[-1]

    def approve(self, order: str, hours: float, one: Adjustment, name: str, **more: Any) -> None:
        self.at(hours)
        case, ask = self.case(order), ApproveAdjustment(digest=one.digest)
        self.desks.money.approve(case.id, case.version, one.id, ask, self.by(name, **more))

    def execute(self, order: str, hours: float, one: Adjustment, reference: str = "") -> None:
        self.at(hours)
        case = self.case(order)
        ask = ExecuteAdjustment(digest=one.digest, reference=reference or None)
        self.desks.money.execute(case.id, case.version, one.id, ask, self.by("fay"))
        if reference:
            return
        paid = AdjustmentExecuted(
            adjustment=one.id,
            provider="local",
            reference=f"re-{order}",
            amount=to_positive(one.amount),
        )
        case = self.case(order)
        write = Write(
            stream=case.id,
            kind=CASE,
            expected=case.version,
            events=[(PAYER_ACTOR, paid)],
            recorded_at=self.at(hours + 0.1),
            order=order,
        )
        self.desks.log.append([write])

    def people(self) -> None:
        for name, roles in PEOPLE.items():
            self.desks.people.add(name, roles, self.now)
        self.at(0.1)
        self.desks.principals_desk.register_agent("bo", "triage", self.now)
        until = MORNING + timedelta(days=30)
        self.desks.principals_desk.delegate("olga", "dana", until, "Her leave.", self.now)
        ProjectionRunner(self.world.dsn, PROJECTIONS).catch_up()

    def first_order(self) -> None:
        """The story of o-1."""
        refs, store = self.world.refs, EvidenceStore(self.world.settings.evidence_place)
        self.buy("o-1", "900.00", 1)
        refs["case"] = str(case_of("o-1"))
        self.at(1.5)
        self.take("o-1", WarehouseNoted(note="The shelf was wet.", **_signal_fields("noted")))
        stored = store.put(EVIDENCE_FILE, "text/plain")
        lost = store.put(b"Lost later.\n", "text/plain")
        for ref, kind in (
            (stored.ref, EvidenceType.SHIPPING_DOCUMENTATION),
            (lost.ref, EvidenceType.PHOTO),
            ("dhl/pod-1", EvidenceType.CARRIER_STATEMENT),
        ):
            self.at(1.6)
            case = self.case("o-1")
            evidence = Evidence(ref=ref, type=kind)
            self.desks.cases.attach(case.id, case.version, evidence, self.by("ana"))
        refs["lost"] = lost.ref
        evidence_refs = (stored.ref, "dhl/pod-1")
        one = self.propose("o-1", 2, "640.00", AdjustmentKind.REFUND, evidence=evidence_refs)
        refs["adjustment"] = str(one.id)
        for name, more in (("ana", {}), ("bo", {"via": ("triage",)})):
            with pytest.raises(Refusal):
                self.approve("o-1", 2.5, one, name, **more)
        refs["before_approval"] = _text(self.now)
        self.approve("o-1", 3, one, "olga", delegate="dana")
        refs["approved"] = str(self.case("o-1").version)
        self.execute("o-1", 4, one)
        refs["paid_at"] = _text(self.at(4.5))
        self.at(5)
        case = self.case("o-1")
        self.desks.money.reconcile(case.id, case.version, one.id, STATEMENT, self.by("finn"))

    def another_policy(self) -> None:
        now = self.at(6)
        document = self.desks.policy.rulebook(
            self.desks.policy.governance.policies[self.desks.policy.current.digest]
        ).document
        stricter = policy_variant(document, "stricter", 900)
        self.desks.policy.propose(stricter, "It is better.", None, self.by("gus"))
        simulation = simulated(stricter.digest, self.desks.policy.current.digest, now)
        self.desks.policy.record_simulation(simulation, self.by("gus"))
        self.at(6.5)
        self.desks.policy.approve("stricter", "Good.", None, self.by("gil"))
        self.at(7)
        self.desks.policy.activate("stricter", None, "From now on.", self.by("gil"))
        assert now < self.now

    def late(self) -> None:
        """A signal of an earlier event that arrives a day after the decision."""
        self.at(24)
        self.take("o-1", cancelled(), happened=MORNING + timedelta(hours=2.2))
        self.world.refs["late_at"] = _text(self.now)

    def asked(self) -> None:
        """An auditor exports the case, and the operator asks a question."""
        case = {"case": self.world.refs["case"]}
        for hours, asked, by, account in (
            (
                26,
                AuditAsked(asked="export", parameters=case, position=44, answer="e0" * 32),
                AUDITOR,
                None,
            ),
            (
                27,
                AuditAsked(asked="question 2", parameters=case, position=44, answer="02" * 32),
                OPERATOR_ACTOR,
                "ops",
            ),
        ):
            now = self.at(hours)
            told = structs.replace(asked, account=account)
            record_question(self.desks.log, told, by, now)

    def others(self) -> None:
        kinds = AdjustmentKind
        for order, kind, amount, hours in (
            ("o-2", kinds.REFUND, "700.50", 30.0),
            ("o-3", kinds.REFUND, "500.00", 34.0),
            ("o-4", kinds.STORE_CREDIT, "800.00", 38.0),
            ("o-5", kinds.REFUND, "500.01", 42.0),
            ("o-6", kinds.STORE_CREDIT, "90.00", 46.0),
        ):
            self.buy(order, "900.00", hours)
            one = self.propose(order, hours + 1, amount, kind)
            self.approve(order, hours + 2, one, "olga")
            reference = "" if kind is kinds.REFUND else f"credit-{order}"
            self.execute(order, hours + 3, one, reference)

    def privately(self) -> None:
        """The customer of o-7 wrote and two people read it; the customer of o-8 and o-9 is
        erased."""
        self.at(50)
        for order, customer in (("o-7", "c-7"), ("o-8", "c-gone"), ("o-9", "c-gone")):
            whose = Customer(id=customer)
            basket = (structs.replace(line("20.00", "EUR"), sku=f"sku-{order}"),)
            self.take(order, placed(customer=whose, lines=basket))
            said = MessageReceived(
                channel=Channel.EMAIL, summary="Where is it?", **_signal_fields("asked")
            )
            self.take(order, said)
        for hours, name, what in (
            (51, "fay", "GET /v1/orders/o-7"),
            (52, "bo", "GET /v1/orders/o-7/timeline"),
            (53, "fay", "GET /v1/orders/o-7"),
        ):
            self.desks.reads.note(self.at(hours), f"key:{name}", name, what, ["o-7"])
        desk = self.desks.privacy
        assert desk is not None
        self.at(54)
        desk.hold(
            DataSubject(customer="c-gone"), "A claim is pending.", "17 C 4/26", self.by("gus")
        )
        self.at(55)
        desk.release(DataSubject(customer="c-gone"), 1, "It was settled.", self.by("gus"))
        self.at(56)
        basis = ErasureBasis.CONSENT_WITHDRAWN
        desk.erase(DataSubject(customer="c-gone"), basis, "DSR-17", self.by("gil"))


def case_of(order: str) -> UUID:
    return case_stream(order, KIND, 1)


def build_world(world: World) -> None:
    """Build the whole world and make a checkpoint."""
    prepare_database(world.dsn)
    clock = [MORNING]
    provider = LocalProvider("http://127.0.0.1:9")
    with desks(world.dsn, lambda: clock[0], provider, vault_of(world.settings)) as working:
        working.ensure_policy()
        teller = WorldBuilder(world, working, clock)
        teller.people()
        teller.first_order()
        teller.another_policy()
        teller.late()
        teller.asked()
        teller.others()
        teller.privately()
        world.size = working.log.head()
    ProjectionRunner(world.dsn, PROJECTIONS).catch_up()
    with connect(world.dsn) as connection:
        checkpoints_of(world.settings).make(connection)
    lost = world.refs["lost"].removeprefix("sha256:")
    (Path(world.settings.evidence_place) / "sha256" / lost[:2] / lost).unlink()


@contextmanager
def serve_world(world: World) -> Iterator[RunningService]:
    """Build and serve the world; `aud` can read all of it, `bob` and `sam` cannot."""
    build_world(world)
    with serve(world.dsn) as (url, server):
        server.checkpoints = checkpoints_of(world.settings)
        tokens = {}
        with desks(world.dsn, vault=vault_of(world.settings)) as working:
            now = working.clock()
            for name, roles in (("aud", [Role.AUDITOR]), ("bob", [Role.HANDLER]), ("sam", [])):
                working.people.add(name, roles, now)
                tokens[name] = working.people.issue_token(name, now)
            lead = GrantRole(role=Role.TEAM_LEAD, regions=("BR",), reason="For Brazil.")
            by = Caller(OPERATOR_ACTOR, "", now, "command:told")
            working.people.give("sam", lead, (), by)
        yield RunningService(world.dsn, url, server, tokens)


def _signal_fields(id: str) -> dict[str, Any]:
    return {"source": "warehouse", "order": "o-1", "id": id, "event_time": MORNING}


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
