"""The readable trail: actor, time, reason, evidence and cause of each line, and hidden signals."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

from msgspec import structs

from api.routes.trail_page import render_csv, render_page
from application.cases.trail import TrailLine, describe_actor, describe_line, describe_lines
from domain.adjustments.refusals import AttemptRefused
from domain.cases.events import CaseEvent, Resolved
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import packet_digest, packet_of
from domain.cases.work_commands import DeclareError
from domain.cases.work_events import ErrorReason, NoteAdded
from domain.orders.message_signals import WarehouseNoted
from domain.orders.order import order_stream
from domain.people import POLICY_ACTOR, Actor
from tests.application.in_memory_service import InMemoryService, caller
from tests.application.money_service import MoneyService
from tests.domain.signals import ORDER, after, captured, promising, signal_fields, unavailable
from tests.event_store.sample_lines import LINES


def trail_lines(service: InMemoryService, case: ExceptionCase) -> list[TrailLine]:
    return describe_lines(service.log.trail(case.id), service.log.trail(order_stream(case.order)))


def newest(service: InMemoryService, case: ExceptionCase, tag: str) -> TrailLine:
    return next(line for line in reversed(trail_lines(service, case)) if line.type == tag)


def test_each_line_has_actor_time_reason_evidence_and_cause() -> None:
    service = InMemoryService()
    service.take(promising(), unavailable(3), at=after(4))
    case = service.resolve(service.only_case("stock_unavailable"), after(5))
    detected, *_ = trail_lines(service, case)
    assert (detected.who, detected.actor, detected.version) == ("policy", POLICY_ACTOR, 1)
    assert (detected.happened_at, detected.recorded_at) == (after(4), after(4))
    (why,) = detected.why
    assert (why.policy, why.verdicts[0].passed) == (service.rulebook.version, True)
    assert detected.evidence == (unavailable(3).key,)
    assert (detected.cause or "").startswith("signal:test/")
    resolved = newest(service, case, "case.resolved")
    assert resolved.who == "ana (key:ana)"
    assert resolved.evidence == ("test/1",)
    assert (resolved.cause, resolved.not_shown) == ("command:test", [])
    assert resolved.packet == packet_digest(packet_of(service.order()))


def test_signals_outside_the_packet_are_listed_with_the_decision() -> None:
    service = MoneyService()
    case = service.of()
    note = WarehouseNoted(**signal_fields(3, "noted"), note="Found it behind the shelf.")
    service.take(structs.replace(note, order="o-1"), at=after(4.5))
    one = service.propose()
    service.approve(one, "tia", at=6)
    late = WarehouseNoted(**signal_fields(6.5, "late"), note="Sold it.")
    service.take(structs.replace(late, order="o-1"), at=after(6.5))
    for tag in ("case.adjustment_proposed", "case.adjustment_approved"):
        line = newest(service, case, tag)
        assert line.packet == one.packet
        assert line.not_shown is not None
        (hidden,) = line.not_shown
        assert (hidden.signal, hidden.type) == (note.key, note.type)
        assert (hidden.event_time, hidden.recorded_at) == (after(3), after(4.5))
    lines = trail_lines(service, case)
    assert all(x.not_shown is None for x in lines if x.actor.person is None)


def test_a_line_declared_wrong_names_the_declaration() -> None:
    service = InMemoryService()
    service.take(promising(), unavailable(3), at=after(4))
    case = service.only_case("stock_unavailable")
    ask = DeclareError(about=2, reason=ErrorReason.INCORRECT_DATA, note="Another order.")
    case = service.desk.declare_error(case.id, case.version, ask, caller("ana", after(5))).case
    assert {
        x.version: x.declared_wrong_by for x in trail_lines(service, case) if x.declared_wrong_by
    } == {2: case.version}


def test_an_act_names_every_principal_behind_it() -> None:
    assert describe_actor(Actor("system:timekeeper")) == "timekeeper"
    assert describe_actor(Actor("key:shop")) == "key:shop"
    acting = Actor("token:1", "ana", ("triage", "copilot"), "bo", "break-glass:7")
    assert (
        describe_actor(acting)
        == "bo for ana through triage, copilot (token:1), under break-glass:7"
    )


OF_CASES = [line for line in LINES if isinstance(line.event, CaseEvent | AttemptRefused)]


def test_the_table_has_a_row_for_each_line_and_no_formula() -> None:
    lines = [describe_line(line) for line in OF_CASES]
    bad = structs.replace(lines[0], said='=HYPERLINK("http://x","y")')
    rows = [*csv.DictReader(io.StringIO(render_csv([bad, *lines])))]
    assert len(rows) == len(lines) + 1
    assert rows[0]["said"] == '\'=HYPERLINK("http://x","y")'
    assert [row["event"] for row in rows[1:]] == [line.type for line in OF_CASES]
    for row in rows:
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


class PageParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_escapes_what_people_wrote() -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    noted = next(line for line in OF_CASES if isinstance(line.event, NoteAdded))
    line = describe_line(structs.replace(noted, event=NoteAdded(note=attack)))
    odd = structs.replace(line, who=attack, cause=attack, evidence=(attack,))
    page = PageParser()
    page.feed(render_page(noted.stream, attack, [odd, *map(describe_line, OF_CASES)], [odd]))
    assert page.tags <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "table", "thead"),
        *("tbody", "tr", "th", "td", "div", "span", "br"),
    }
    assert page.text.count(attack) >= 4
    for recorded in OF_CASES:
        assert recorded.type in page.text


def test_a_decision_with_no_hidden_signals_lists_none() -> None:
    service = InMemoryService()
    service.take(promising(), unavailable(3), captured(1, "999.00"), at=after(4))
    case = service.resolve(service.only_case("stock_unavailable"), after(5))
    assert case.order == ORDER
    assert newest(service, case, "case.resolved").not_shown == []
    assert [x.type for x in trail_lines(service, case) if x.not_shown is not None] == [
        "case.resolved"
    ]
    assert isinstance(service.log.trail(case.id)[-1].event, Resolved)
