"""A code that no mapping reads is a case for the owner of the source: one at a time for each code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import structs

from api import composition
from application.log.caller import system_caller
from domain.people import Actor
from domain.policy.rulebook import Rulebook
from domain.policy.source_parts import SourceRules
from infrastructure.policies.files import load_policy
from tests.sources.coded import NOW, Coded, scanned
from tests.sources.senders import MAPPING, WIDER, order_number, placed, scan


def test_a_code_opens_a_case_for_the_owner_of_the_source_once(coded: Coded) -> None:
    (first,) = coded.scan("shop", "LOST")
    coded.scan("shop", "LOST", "LOST")
    (case,) = coded.cases("unknown_code")
    assert (case.owner, case.queue, case.state) == ("payments_desk", "payment_hold_review", "open")
    assert case.routed is not None
    assert (case.routed.work_type, case.routed.skill) == ("exception", "payments")
    about = case.about
    assert about is not None
    assert (about.source, about.table, about.code) == ("shop", "states", "LOST")
    facts = coded.facts(case)
    assert facts["code.first_delivery"] == str(first.delivery)
    assert (facts["source.mapping"], facts["code.first_topic"]) == ("little_shop", "scan")
    assert "sources mapping shop" in str(facts["remedy"])
    assert "sources read-again shop" in str(facts["remedy"])


def test_a_code_of_a_built_in_vocabulary_has_the_remedy_for_that(coded: Coded) -> None:
    own = "status: {$code: {of: state, table: states}}"
    coded.choose("shop", MAPPING.replace(own, "mapping: \"'easypost'\""))
    done = coded.scan("shop", "no-such-code")
    (case,) = coded.cases("unknown_code")
    facts = coded.facts(case)
    assert (facts["code.table"], facts["code.code"]) == ("easypost", "no-such-code")
    assert "no table of the mapping" in str(facts["remedy"])
    assert "Add the code to the table" not in str(facts["remedy"])
    # What the remedy says is enough.
    both = MAPPING.replace(own, f"mapping: \"'easypost'\"\n          {own}")
    coded.choose("shop", both.replace("MOVING", "no-such-code: unknown, MOVING"))
    coded.read_again("shop", *done)
    assert coded.codes() == [("no-such-code", "resolved")]


def test_each_code_and_each_source_has_its_own_case(coded: Coded) -> None:
    coded.scan("shop", "LOST", "SUNK", "LOST")
    coded.scan("other", "LOST")
    found = [(one.about.source, one.about.code) for one in coded.cases("unknown_code") if one.about]
    assert found == [("shop", "LOST"), ("shop", "SUNK"), ("other", "LOST")]
    assert coded.cases("unknown_code")[-1].owner == "order_desk"


def test_what_is_read_opens_nothing(coded: Coded) -> None:
    coded.scan("shop", "MOVING", "DONE")
    coded.deliver("shop", ("order", placed(order_number())), ("refund", {}), ("order", {"a": 1}))
    assert coded.codes() == []


def test_reading_again_by_a_mapping_that_lists_the_code_resolves_the_case(coded: Coded) -> None:
    lost, sunk = coded.scan("shop", "LOST", "SUNK")
    coded.choose("shop", WIDER)
    assert coded.codes() == [("LOST", "open"), ("SUNK", "open")]
    coded.read_again("shop", lost, sunk)
    assert coded.codes() == [("LOST", "resolved"), ("SUNK", "open")]
    case = coded.cases("unknown_code")[0]
    assert case.resolution is not None
    assert case.resolution.evidence == (f"packet:{case.packet}",)
    facts = coded.facts(case)
    assert facts["code.read_again_in"] == str(lost.delivery)
    assert facts["source.mapping_digest"] == coded.desks.sources.find("shop").mapping.digest


def test_a_case_that_somebody_works_on_is_left_to_that_person(coded: Coded) -> None:
    (lost,) = coded.scan("shop", "LOST")
    (case,) = coded.cases("unknown_code")
    by = structs.replace(system_caller(Actor("person:ana", person="ana"), NOW, "c"), person="ana")
    coded.desks.cases.claim(case.id, case.version, by)
    coded.choose("shop", WIDER)
    coded.read_again("shop", lost)
    (case,) = coded.cases("unknown_code")
    assert (case.state, case.cleared) == ("claimed", True)


def test_a_code_that_comes_again_after_its_case_is_the_next_occurrence(coded: Coded) -> None:
    for _ in range(3):
        (lost,) = coded.scan("shop", "LOST")
        coded.choose("shop", WIDER)
        coded.read_again("shop", lost)
        coded.choose("shop", MAPPING)
    cases = coded.cases("unknown_code")
    assert [(one.state, one.occurrence) for one in cases] == [("resolved", n) for n in (1, 2, 3)]
    assert [one.recurrence_of for one in cases] == [None, cases[0].id, cases[1].id]


@pytest.mark.parametrize(
    "narrower",
    [
        MAPPING.replace("topics: [scan]", "topics: [parcel]"),  # no rule is for it any more
        MAPPING.replace("event_time: at\n          refs", "event_time: then\n          refs"),
    ],
)
def test_a_mapping_that_does_not_get_as_far_as_the_code_clears_nothing(
    coded: Coded, narrower: str
) -> None:
    (lost,) = coded.scan("shop", "LOST")
    coded.choose("shop", narrower)
    coded.read_again("shop", lost)
    assert coded.codes() == [("LOST", "open")]


def test_a_code_that_another_table_does_not_list_either_stays(coded: Coded) -> None:
    (lost,) = coded.scan("shop", "LOST")
    coded.choose("shop", MAPPING.replace("states", "scan_states"))
    coded.read_again("shop", lost)
    tables = [one.about and one.about.table for one in coded.cases("unknown_code")]
    assert tables == ["states", "scan_states"]
    assert [state for _, state in coded.codes()] == ["open", "open"]


def test_deliveries_at_once_open_one_case_for_a_code(coded: Coded) -> None:
    def once(n: int) -> None:
        coded.scan("shop", "LOST", f"CODE-{n % 2}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(once, range(12)))
    assert sorted(coded.codes(), key=str) == [
        ("CODE-0", "open"),
        ("CODE-1", "open"),
        ("LOST", "open"),
    ]


def test_many_new_codes_at_once_are_all_taken(coded: Coded) -> None:
    with composition.desks(coded.dsn) as working, ThreadPoolExecutor(8) as pool:
        processes = [coded, Coded(working, coded.dsn)]
        list(pool.map(lambda n: processes[n % 2].scan("shop", f"C{n}"), range(40)))
    assert len(coded.codes()) == 40


def test_processes_that_take_one_code_at_once_open_one_case(coded: Coded) -> None:
    with composition.desks(coded.dsn) as working:
        other = Coded(working, coded.dsn)
        for service in (coded, other):  # both know that there is no case yet
            service.scan("shop", "MOVING")

        def once(service: Coded) -> None:
            service.scan("shop", "LOST")

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(once, [coded, other] * 3))
    assert coded.codes() == [("LOST", "open")]


def _limited(most: int) -> Rulebook:
    document = load_policy().document
    return Rulebook(structs.replace(document, version="t", sources=SourceRules(codes_at_most=most)))


def test_a_sender_of_many_codes_opens_no_more_cases_than_policy_allows(dsn: str) -> None:
    with composition.desks(dsn) as working:
        coded = Coded(working, dsn, _limited(5))
        coded.add("shop")
        coded.add("other")
        taken = coded.scan("shop", *(f"C{n}" for n in range(40)))
        assert len(taken) == 40
        for n in range(40, 60):
            coded.scan("shop", f"C{n}")
        cases = coded.cases("unknown_code")
        assert [one.about and one.about.code for one in cases] == [f"C{n}" for n in range(5)]
        limits = [coded.facts(one).get("limit") for one in cases]
        assert [one is not None for one in limits] == [False] * 4 + [True]
        assert "5 such cases are open" in str(limits[-1])
        # Another source has room of its own, and a resolved case makes room.
        coded.scan("other", "C1")
        coded.choose("shop", MAPPING.replace("DONE: delivered", "DONE: delivered, C0: failure"))
        coded.read_again("shop", taken[0])
        coded.scan("shop", "C50", "C51", "C1")
        assert [one.about and one.about.code for one in coded.cases("unknown_code")[5:]] == [
            "C1",
            "C50",
        ]


def test_a_code_of_a_list_opens_a_case_as_well(coded: Coded) -> None:
    number = order_number()
    coded.pull("shop", NOW, ("scan", scan(number, "LOST")), ("scan", scan(number, "DONE")))
    assert coded.codes() == [("LOST", "open")]
    coded.scan("shop", "LOST")
    assert coded.codes() == [("LOST", "open")]


def test_a_paused_source_opens_nothing_until_it_goes_on_and_is_read(coded: Coded) -> None:
    coded.pause("shop", NOW)
    (lost,) = coded.scan("shop", "LOST")
    assert coded.codes() == []
    coded.resume("shop", NOW)
    coded.read_again("shop", lost)
    assert coded.codes() == [("LOST", "open")]


def test_odd_codes_are_codes(coded: Coded) -> None:
    odd = ["", " ", "\x1f", "a\x1fb", "[]", '"', "é", "💥", "x" * 500, "y" * 500, "\n"]
    coded.scan("shop", *odd)
    found = [code for code, _ in coded.codes()]
    # Codes are text of one line: a control character is replaced where the delivery is read.
    assert found == ["a\N{REPLACEMENT CHARACTER}b", "[]", '"', "é", "💥", "x" * 200, "y" * 200]


def test_without_the_kind_nothing_is_opened(dsn: str) -> None:
    document = load_policy().document
    kinds = {name: kind for name, kind in document.kinds.items() if name != "unknown_code"}
    route = document.route[-1:]
    changed = structs.replace(document, version="t", kinds=kinds, route=route)
    with composition.desks(dsn) as working:
        coded = Coded(working, dsn, Rulebook(changed))
        coded.add("shop")
        coded.scan("shop", "LOST")
        coded.signals(scanned("ZZ9"))
        assert coded.codes() == []
