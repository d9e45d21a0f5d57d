"""Write the log of a release: at least one event of every kind, by the real desks and the API.

All times are in January and February 2018, so that the date of the machine does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx2
from msgspec import structs

from api.composition import desks, prepare_database
from api.configured_checkpoints import checkpoints_of, continuity
from application.audit.question_records import record_question
from application.log.event_log import Write
from application.log.streams import PERSON
from application.people.people_desk import token_digest
from domain.audit import AuditAsked
from domain.orders.purchase_signals import Customer
from domain.orders.signals import Signal
from domain.people import OPERATOR_ACTOR, Actor, Role, TokenIssued, token_stream
from domain.privacy import DataSubject, ErasureBasis
from infrastructure.payments.local import LocalProvider
from infrastructure.personal.vault import vault_of
from infrastructure.postgres.datastore import connect
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import Settings
from infrastructure.transparency.export import Export
from infrastructure.transparency.key_rotation import rotate_checkpoint_key
from projections import PROJECTIONS
from tests.api.running_service import serve
from tests.application.in_memory_service import SHIPPED_RULEBOOK, caller
from tests.application.policy_changes import govern_policies
from tests.application.refused_requests import refuse_requests
from tests.domain.signals import (
    WEEK_AFTER,
    after,
    allocated,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    placed,
    promising,
    refunded,
    scanned,
    unavailable,
)
from tests.event_store.sample_lines import SIGNALS
from tests.projections.folding import (
    act_for_others,
    break_the_glass,
    hold_signals,
    lose_and_find_a_parcel,
    note_ahead,
    people_join_and_leave,
    recover_queues,
    work_on_case,
)
from tests.projections.reviewed_access import review_access
from tests.projections.sources_that_send import send_and_read_again
from tests.released.homes import TOKENS, Answered, kept_headers, token_of
from tests.released.real_house import RealHouse

PEOPLE: Mapping[str, tuple[Role, ...]] = {
    "ana": (Role.EXCEPTION_SPECIALIST, Role.TEAM_LEAD, Role.INTEGRATOR),
    "aud": (Role.AUDITOR,),
    "cy": (Role.HANDLER,),
    "fay": (Role.FINANCE_APPROVER,),
    "finn": (Role.FINANCE_APPROVER,),
    "petra": (Role.GOVERNANCE_OWNER,),
    "tia": (Role.TEAM_LEAD,),
}
ERASED, KEPT = "o-gone", "o-kept"
PERSONAL: Final = "Rua das Flores 7"
"""In the log of the kept order, sealed."""


class Story:
    """The log of one release, on an empty database."""

    def __init__(self, dsn: str, settings: Settings) -> None:
        self.dsn, self.settings = dsn, settings
        self.clock = [after(0)]
        self.asked: list[Answered] = []

    def tell(self, bundle: Path) -> None:
        """Write the log, its checkpoints, and a bundle of one case."""
        prepare_database(self.dsn)
        with self._desks() as working:
            working.record_build()
            working.ensure_policy()
            house = RealHouse(working, self.clock)
            self._people(house)
            self._cases(house)
            self.witness()
            self._late_work(house)
            self._every_signal(house)
            self._privacy(house)
        checkpoints = checkpoints_of(self.settings)
        with connect(self.dsn) as connection:
            rotate_checkpoint_key(connection, checkpoints, Path(self.settings.signing_key))
        self._over_http()
        self.witness()
        with connect(self.dsn) as connection:
            case = UUID(json.loads(self.asked[1].answer)["id"])
            Export(connection, checkpoints.signer, bundle).case(case)
        with self._desks() as working:
            question = AuditAsked(asked="export", position=working.log.head(), answer="ab" * 32)
            record_question(working.log, question, OPERATOR_ACTOR, after(710))
            refuse_requests(working.log, Actor("key:bo", "bo"), after(710))
            review_access(working.log, after(710))
            working.policy.load()
            send_and_read_again(working, 710)
        self.witness()

    def _desks(self) -> Any:
        return desks(
            self.dsn,
            lambda: self.clock[0],
            LocalProvider("http://127.0.0.1:9"),
            vault_of(self.settings),
            continuity(self.settings),
        )

    def witness(self) -> None:
        with connect(self.dsn) as connection:
            checkpoints_of(self.settings).make(connection)
        ProjectionRunner(self.dsn, PROJECTIONS).catch_up()

    def _people(self, house: RealHouse) -> None:
        people = house.working.people
        for name, roles in PEOPLE.items():
            people.add(name, roles, after(0))
        for name, token in TOKENS.items():
            digest = token_digest(token)
            issued = TokenIssued(name=name, key=digest[:12], digest=digest)
            write = Write(
                stream=token_stream(digest),
                kind=PERSON,
                expected=0,
                events=[(OPERATOR_ACTOR, issued)],
                recorded_at=after(0),
                cause="command:people",
            )
            house.log.append([write])
        people_join_and_leave(people)
        break_the_glass(house, people)
        act_for_others(house)
        ProjectionRunner(self.dsn, PROJECTIONS).catch_up()

    def _cases(self, house: RealHouse) -> None:
        house.take(promising(), approved(), captured(), handed_over(), scanned(), at=after(22))
        house.take(unavailable(23), cancelled(24), at=after(25))
        house.take(placed(tenders=None, id="again"), at=after(26))
        in_full = (placed(32, tenders=None), captured(32))  # no problem is found a day later
        house.take(
            *(structs.replace(signal, order="o-in-full") for signal in in_full), at=after(33)
        )
        house.tick(after(252))
        for case in house.found():
            held = house.desk.claim(case.id, case.version, caller("ana", after(260))).case
            house.desk.release(case.id, held.version, "", caller("ana", after(261)))
        for case in house.found():
            house.resolve(case, after(262), "bo")
        refund = house.only_case("refund_due")
        work_on_case(house)
        house.desk.reopen(refund.id, refund.version, "not paid", caller("cy", after(263)))

    def _late_work(self, house: RealHouse) -> None:
        house.take(captured(264, "5.00", id="more"), refunded(265, "105.00"), at=after(266))
        house.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(267))
        house.tick(after(600))
        house.take(delivered(268), at=after(601))
        hold_signals(house)
        recover_queues(house)
        house.adjusted("o-money", 604)
        flawless = (placed(600), approved(600.5), allocated(601))
        house.take(*(structs.replace(signal, order="o-9") for signal in flawless), at=after(614))
        note_ahead(house, 614)
        lose_and_find_a_parcel(house, 614)
        govern_policies(house, SHIPPED_RULEBOOK, 615)
        self.clock[0] = after(640)
        house.working.policy.load()

    def _every_signal(self, house: RealHouse) -> None:
        for n, signal in enumerate(SIGNALS):
            copy: Signal = structs.replace(signal, order="o-all", event_time=after(641 + n / 100))
            house.take(copy, at=after(642 + n / 100))

    def _privacy(self, house: RealHouse) -> None:
        """Put one customer's data on hold, release it and erase it."""
        mine = (placed(650, customer=Customer(id="c-gone")), unavailable(651))
        house.take(*(structs.replace(signal, order=ERASED) for signal in mine), at=after(652))
        for case in [one for one in house.found() if one.order == ERASED]:
            house.resolve(case, after(653))
        desk, by = house.working.privacy, caller("petra", after(654))
        assert desk is not None
        desk.hold(DataSubject(customer="c-gone"), "A claim is pending.", "", by)
        desk.release(DataSubject(customer="c-gone"), 1, "It was settled.", by)
        desk.erase(DataSubject(customer="c-gone"), ErasureBasis.CONSENT_WITHDRAWN, "", by)

    def _over_http(self) -> None:
        """Send a customer's order; ana works on its case, with a key for each command."""
        self.clock[0] = after(700)
        with (
            serve(self.dsn, lambda: self.clock[0]) as (url, _),
            httpx2.Client(base_url=url, timeout=30) as client,
        ):
            signals = [
                _signal(
                    "order.placed",
                    "1",
                    customer={"id": "c-kept", "tier": "gold"},
                    lines=[{"sku": "tea", "price": {"amount": "10.00", "currency": "BRL"}}],
                    tenders=["card"],
                    ship_to={"country_code": "BR", "city": "Recife", "street_address": PERSONAL},
                ),
                _signal("customer.message_received", "2", channel="email", summary="Where is it?"),
                _signal("stock.unavailable", "3"),
            ]
            taken = self.ask(client, "ana", "POST", "/v1/signals", signals)
            cases = [case for item in taken["items"] for case in item.get("cases", ())]
            case = next(one["case"] for one in cases if one["kind"] == "stock_unavailable")
            view = client.get(f"/v1/cases/{case}", headers=token_of("ana")).json()
            for command, body in (
                ("claim", None),
                ("notes", {"note": f"She moved to {PERSONAL}."}),
                ("evidence", {"ref": self._uploaded(client), "type": "customer_communication"}),
            ):
                etag = {"If-Match": f'"{view["version"]}"'}
                view = self.ask(client, "ana", "POST", f"/v1/cases/{case}/{command}", body, etag)

    def _uploaded(self, client: httpx2.Client) -> str:
        headers = {**token_of("ana"), "Content-Type": "text/plain"}
        answer = client.post("/v1/evidence", content=b"The box was open.\n", headers=headers)
        return str(answer.json()["ref"])

    def ask(
        self,
        client: httpx2.Client,
        by: str,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a command with a key, and keep the answer."""
        sent = {"Idempotency-Key": f"key-{len(self.asked)}", **(headers or {})}
        content = json.dumps(body) if body is not None else ""
        if content:
            sent["Content-Type"] = "application/json"
        answer = client.request(method, path, content=content, headers={**sent, **token_of(by)})
        assert answer.status_code in (200, 201), answer.text
        answered = Answered(by, method, path, sent, content, answer.text, kept_headers(answer))
        self.asked.append(answered)
        return answer.json()


def _signal(type: str, id: str, **facts: object) -> dict[str, Any]:
    at = after(690).isoformat()
    return {
        "type": type,
        "source": "storefront",
        "id": id,
        "order": KEPT,
        "event_time": at,
        **facts,
    }
