"""Who, when, why, on what evidence, caused by what; and what was known and not shown."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

from msgspec import structs

from api.routes.trail_page import as_csv, as_page
from application.cases.trail import ToldLine, told_line, told_lines, who
from domain.adjustments.refusals import Refused
from domain.cases.events import CaseEvent, Resolved
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import packet_digest, packet_of
from domain.cases.work_commands import DeclareError
from domain.cases.work_events import ErrorReason, NoteAdded
from domain.orders.order import order_stream
from domain.orders.signals import WarehouseNoted
from domain.people import POLICY, Actor
from tests.application.house import House, caller
from tests.application.money import MoneyHouse
from tests.domain.telling import ORDER, after, captured, promising, told, unavailable
from tests.event_store.one_of_each import LINES


def told_of(house: House, case: ExceptionCase) -> list[ToldLine]:
    return told_lines(house.log.trail(case.id), house.log.trail(order_stream(case.order)))


def newest(house: House, case: ExceptionCase, tag: str) -> ToldLine:
    return next(line for line in reversed(told_of(house, case)) if line.type == tag)


def test_each_line_says_who_when_why_on_what_and_because_of_what() -> None:
    house = House()
    house.take(promising(), unavailable(3), at=after(4))
    case = house.resolve(house.the("stock_unavailable"), after(5))
    detected, *_ = told_of(house, case)
    assert (detected.who, detected.actor, detected.version) == ("policy", POLICY, 1)
    assert (detected.happened_at, detected.recorded_at) == (after(4), after(4))
    (why,) = detected.why
    assert (why.policy, why.verdicts[0].passed) == (house.rulebook.version, True)
    assert detected.evidence == (unavailable(3).key,)
    assert (detected.cause or "").startswith("signal:test/")
    resolved = newest(house, case, "case.resolved")
    assert resolved.who == "ana (key:ana)"
    assert resolved.evidence == ("test/1",)
    assert (resolved.cause, resolved.not_shown) == ("command:test", [])
    assert resolved.packet == packet_digest(packet_of(house.order()))


def test_what_was_known_and_not_in_the_packet_is_told_beside_the_decision() -> None:
    house = MoneyHouse()
    case = house.of()
    note = WarehouseNoted(**told(3, "noted"), note="Found it behind the shelf.")
    house.take(structs.replace(note, order="o-1"), at=after(4.5))
    one = house.propose()
    house.approve(one, "tia", at=6)
    late = WarehouseNoted(**told(6.5, "late"), note="Sold it.")
    house.take(structs.replace(late, order="o-1"), at=after(6.5))
    for tag in ("case.adjustment_proposed", "case.adjustment_approved"):
        line = newest(house, case, tag)
        assert line.packet == one.packet
        assert line.not_shown is not None
        (hidden,) = line.not_shown
        assert (hidden.signal, hidden.type) == (note.key, note.type)
        assert (hidden.event_time, hidden.recorded_at) == (after(3), after(4.5))
    lines = told_of(house, case)
    assert all(x.not_shown is None for x in lines if x.actor.person is None)


def test_what_was_declared_wrong_says_by_which_line() -> None:
    house = House()
    house.take(promising(), unavailable(3), at=after(4))
    case = house.the("stock_unavailable")
    ask = DeclareError(about=2, reason=ErrorReason.INCORRECT_DATA, note="Another order.")
    case = house.desk.declare_error(case.id, case.version, ask, caller("ana", after(5))).case
    assert {
        x.version: x.declared_wrong_by for x in told_of(house, case) if x.declared_wrong_by
    } == {2: case.version}


def test_everybody_whose_hands_it_went_through_is_named() -> None:
    assert who(Actor("system:timekeeper")) == "timekeeper"
    assert who(Actor("key:shop")) == "key:shop"
    acting = Actor("token:1", "ana", ("triage", "copilot"), "bo", "break-glass:7")
    assert who(acting) == "bo for ana through triage, copilot (token:1), under break-glass:7"


OF_CASES = [line for line in LINES if isinstance(line.event, CaseEvent | Refused)]


def test_the_table_has_a_row_for_each_line_and_no_formula() -> None:
    lines = [told_line(line) for line in OF_CASES]
    bad = structs.replace(lines[0], said='=HYPERLINK("http://x","y")')
    rows = [*csv.DictReader(io.StringIO(as_csv([bad, *lines])))]
    assert len(rows) == len(lines) + 1
    assert rows[0]["said"] == '\'=HYPERLINK("http://x","y")'
    assert [row["event"] for row in rows[1:]] == [line.type for line in OF_CASES]
    for row in rows:
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_what_people_wrote_and_runs_none_of_it() -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    noted = next(line for line in OF_CASES if isinstance(line.event, NoteAdded))
    line = told_line(structs.replace(noted, event=NoteAdded(note=attack)))
    odd = structs.replace(line, who=attack, cause=attack, evidence=(attack,))
    page = Seen()
    page.feed(as_page(noted.stream, attack, [odd, *map(told_line, OF_CASES)], [odd]))
    assert page.tags <= {
        *("html", "meta", "title", "style", "h1", "h2", "table", "thead", "tbody"),
        *("tr", "th", "td", "div", "span", "br"),
    }
    assert page.text.count(attack) >= 4
    for recorded in OF_CASES:
        assert recorded.type in page.text


def test_a_decision_on_nothing_told_of_has_everything_shown() -> None:
    house = House()
    house.take(promising(), unavailable(3), captured(1, "999.00"), at=after(4))
    case = house.resolve(house.the("stock_unavailable"), after(5))
    assert case.order == ORDER
    assert newest(house, case, "case.resolved").not_shown == []
    assert [x.type for x in told_of(house, case) if x.not_shown is not None] == ["case.resolved"]
    assert isinstance(house.log.trail(case.id)[-1].event, Resolved)
