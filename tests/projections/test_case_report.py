"""A row of the case report matches its case, and an open case always has an owner."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given, settings
from msgspec.structs import fields

from domain.cases.exception_case import ExceptionCase
from projections.cases import CASES, CaseRow
from tests.application.in_memory_service import InMemoryService, caller
from tests.application.test_cases_by_hand import lost, open_for, two_parcels
from tests.domain.policies import shipped, with_version
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    WEEK_AFTER,
    after,
    approved,
    cancelled,
    captured,
    delivered,
    promising,
    statement_lists,
    unavailable,
)
from tests.projections.folding import eventful_service, rows_of, steps

SHARED = sorted(
    f.name for f in fields(CaseRow) if hasattr(ExceptionCase, f.name) and f.name != "parts"
)


def row_of(service: InMemoryService, kind: str) -> CaseRow:
    (row,) = [row for row in rows_of(CASES, service.lines()).values() if row.kind == kind]
    return row


def agrees_with_the_log(service: InMemoryService) -> None:
    rows = rows_of(CASES, service.lines())
    cases = service.found()
    assert rows.keys() == {case.id for case in cases}
    for case in cases:
        row = rows[case.id]
        assert {n: getattr(row, n) for n in SHARED} == {n: getattr(case, n) for n in SHARED}
        assert row.parts == ([] if [*case.parts] == [""] else [*case.parts])
        # A case about a source or a reference is of no order; its name in the log is nobody's.
        assert row.order_id == ("" if case.about is not None else case.order)
        assert case.routed is not None
        assert (row.queue, row.priority, row.owner_team) == (
            case.queue,
            case.routed.priority,
            case.ownership.team,
        )
        assert row.reason == (case.resolution.reason if case.resolution else None)
        assert row.root_cause == (case.resolution.root_cause if case.resolution else None)


def test_the_row_uses_the_field_names_of_the_case() -> None:
    assert {"version", "state", "kind", "deadline", "person", "resolved_at"} <= set(SHARED)


def test_the_rows_match_the_cases_of_a_log_with_every_event() -> None:
    agrees_with_the_log(eventful_service())


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(signals=statement_lists(least=1, most=6))
def test_the_rows_match_the_cases_of_any_story(signals) -> None:
    service = InMemoryService()
    service.take(*signals, at=after(11))
    service.tick(after(1000))
    agrees_with_the_log(service)


def test_the_rows_match_the_cases_when_a_moved_deadline_is_missed_again() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.tick(after(252))
    service.resolve(service.only_case("delivery_late"), after(260))
    service.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(261))
    service.tick(after(1000))
    assert row_of(service, "delivery_late").deadline == after(252 + 7 * 24)
    agrees_with_the_log(service)


def test_the_rows_match_the_cases_that_reopen_under_another_policy() -> None:
    service = InMemoryService()
    service.take(captured(), cancelled(), at=after(4))
    service.resolve(service.only_case("refund_due"), after(5))
    kinds = shipped()["kinds"]
    kinds["refund_due"] |= {"severity": "critical", "bucket": "fraud_risk"}
    service.rulebook = with_version("2", kinds=kinds)
    service.take(unavailable(6), at=after(7))
    case, row = service.only_case("refund_due"), row_of(service, "refund_due")
    assert case.routed is not None
    assert (row.severity, row.bucket) == (case.routed.severity, case.routed.bucket)


# Ownership.


def test_an_open_case_has_an_owner_after_every_append() -> None:
    service = eventful_service()
    for _, appended in groupby(
        steps(CASES, service.lines()), lambda step: (step[0].cause, step[1])
    ):
        *_, (_, _, _, row) = appended
        if row.state != "resolved":
            assert row.owner == (row.person or row.owner_team)
            assert row.owner is not None
            assert row.owned_since is not None


def test_a_routed_case_has_an_owner_at_every_line_unless_resolved() -> None:
    # A report can stop between any two lines.
    for line, _, before, row in steps(CASES, eventful_service().lines()):
        if before is not None and before.queue is not None and row.state != "resolved":
            assert row.owner is not None, line.type


def test_the_owner_is_the_claimant_or_else_the_team() -> None:
    service = InMemoryService()
    service.take(unavailable(), at=after(3))
    case = service.only_case("stock_unavailable")
    owners = []

    def look() -> None:
        row = row_of(service, "stock_unavailable")
        owners.append((row.owner, row.person, row.owned_since))

    look()
    case = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    look()
    case = service.desk.release(case.id, case.version, "", caller("ana", after(5))).case
    look()
    case = service.resolve(case, after(6), "bo")
    look()
    service.desk.reopen(case.id, case.version, "why", caller("cy", after(7)))
    look()
    assert owners == [
        ("inventory_desk", None, after(3)),
        ("ana", "ana", after(4)),
        ("inventory_desk", None, after(5)),
        (None, None, after(6)),
        ("inventory_desk", None, after(7)),
    ]


@pytest.mark.parametrize("by", ["ana", "policy"])
def test_a_resolved_case_names_who_resolved_it(by) -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.tick(after(252))
    if by == "ana":
        service.resolve(service.only_case("delivery_late"), after(260))
    else:
        service.take(cancelled(200), at=after(260))
    row = row_of(service, "delivery_late")
    assert row.resolved_by == {"ana": "ana", "policy": "system:policy"}[by]
    assert row.resolved_at == after(260)


def test_the_row_names_the_parts_and_is_one_row_for_all_of_them() -> None:
    service = two_parcels(lost("P1", 69))
    (case,) = service.found()
    assert row_of(service, "trouble").parts == ["parcel:P1"]
    open_for(service, "parcel:P2")
    service.take(delivered(72, shipment="P1"), at=after(73))
    agrees_with_the_log(service)
    assert row_of(service, "trouble").parts == ["parcel:P1", "parcel:P2"]
    service.take(delivered(74, id="second", shipment="P2"), at=after(75))
    agrees_with_the_log(service)
    assert row_of(service, "trouble").cleared
    assert case.id == row_of(service, "trouble").case_id
