"""A carrier's code of a signal by API that no mapping reads is a case for the team of policy's route."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import structs

from application.log.caller import system_caller
from application.orders.batches import Arrival
from domain.cases.events import Resolution
from domain.cases.exception_case import ExceptionCase
from domain.cases.reasons import ResolutionReason, RootCause
from domain.orders.signals import Signal
from domain.people import Actor
from tests.sources.coded import NOW, SENDER, Coded, scanned


def test_a_carriers_code_of_a_signal_goes_where_policy_routes_it(coded: Coded) -> None:
    body = scanned("ZZ9")
    coded.signals(body, scanned("ZZ9"), scanned("OK"), scanned("free text", status="in_transit"))
    # What the carrier calls unknown is read.
    coded.signals(scanned("ZZ9"), scanned("unknown", mapping="easypost"))
    (case,) = coded.cases("unknown_code")
    assert (case.owner, case.queue) == ("carrier_desk", "shipment_exception_handling")
    assert case.about is not None
    assert (case.about.source, case.about.table) == ("wms", "dhl")
    assert (case.about.code, case.about.signal) == ("ZZ9", f"wms/{body['id']}")
    assert "status" in str(coded.facts(case)["remedy"])


def test_the_vocabulary_is_the_mapping_else_the_carrier_else_that_of_the_tracking(
    coded: Coded,
) -> None:
    tracking = {"tracking": {"code": "J1", "carrier": "ups"}}
    coded.signals(
        scanned("Q1", mapping="easypost"),
        scanned("Q1", carrier="", refs=tracking),
        scanned("Q1", carrier=""),
        scanned("Q1", carrier="nobody knows it"),
    )
    tables = [one.about and one.about.table for one in coded.cases("unknown_code")]
    assert tables == ["easypost", "ups", "a carrier without a name", "nobody knows it"]


def test_a_failed_delivery_with_an_unread_code(coded: Coded) -> None:
    failed = scanned("Q7", type="shipment.delivery_failed", mapping="dhl_express")
    coded.signals(failed, scanned("Q8", type="shipment.delivery_failed", carrier="dhl"))
    assert coded.codes() == [("Q7", "open")]


def test_a_signal_that_is_sent_again_opens_no_case_after_the_first(coded: Coded) -> None:
    recorded = scanned("ZZ9")
    held = scanned("ZZ8", order="", refs={"payment": "pi_9"})
    for hour in range(2):
        coded.signals(recorded, held, at=NOW + timedelta(hours=hour))
    cases = coded.cases("unknown_code")
    assert [one.about and one.about.code for one in cases] == ["ZZ9", "ZZ8"]
    for case in cases:
        by = system_caller(Actor("person:ana", person="ana"), NOW, "resolve")
        by = structs.replace(by, person="ana")
        claimed = coded.desks.cases.claim(case.id, case.version, by).case
        _resolve(coded, claimed, by)
    coded.signals(recorded, held, at=NOW + timedelta(hours=3))
    assert [state for _, state in coded.codes()] == ["resolved", "resolved"]
    coded.signals(scanned("ZZ9"), at=NOW + timedelta(hours=4))
    assert coded.codes()[-1] == ("ZZ9", "open")


def _resolve(coded: Coded, case: ExceptionCase, by: Any) -> None:
    resolution = Resolution(
        reason=ResolutionReason.RESOLVED_AS_EXPECTED,
        root_cause=RootCause.UPSTREAM_DATA,
        evidence=("wms/1",),
    )
    coded.desks.cases.resolve(case.id, case.version, resolution, by)


def test_many_new_codes_of_signals_at_once_are_all_taken(coded: Coded) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: coded.signals(scanned(f"Z{n}Z")), range(40)))
    assert len(coded.codes()) == 40


def test_signals_at_once_open_one_case(coded: Coded) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: coded.signals(scanned("ZZ9")), range(12)))
    assert coded.codes() == [("ZZ9", "open")]


def test_a_dry_run_says_that_the_case_would_be_opened(coded: Coded) -> None:
    run = coded.desks.dry_run()
    run.take([Arrival(msgspec.convert(scanned("ZZ9"), Signal), NOW)], SENDER)
    (change,) = [one for one in run.changes() if one.case.kind == "unknown_code"]
    assert [*change.effects] == ["opened"]
    assert coded.codes() == []
