"""The golden answers match the story of the world: checked without a database."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from tests.audit.test_golden_answers import GOLDEN
from tests.audit.world import EVIDENCE_FILE, PEOPLE


def golden(begins: str) -> Any:
    (file,) = GOLDEN.glob(f"{begins}*.json")
    return json.loads(file.read_text())


def test_1_eligible_approvers_have_the_limit_and_no_other_duty() -> None:
    told = {one["person"]: one for one in golden("01_olga")["people"]}
    assert told.keys() == PEOPLE.keys()
    assert {name for name, one in told.items() if one["could"]} == {"olga", "dana", "fay", "finn"}
    assert [rule["rule"] for rule in told["ana"]["why_not"]] == ["one-duty-per-person"]
    assert [rule["rule"] for rule in told["bo"]["why_not"]] == ["within-limit"]


def test_1_only_one_person_could_have_reconciled() -> None:
    told = {one["person"]: one for one in golden("01_nobody")["people"]}
    assert [name for name, one in told.items() if one["could"]] == ["finn"]
    assert [rule["version"] for rule in told["fay"]["why_not"]] == [10]


def test_2_every_actor_is_named_with_the_persons_of_the_duty() -> None:
    acts = golden("02")["acts"]
    assert [(act["duty"], act["persons"]) for act in acts] == [
        ("review", ["ana"]),
        ("approve", ["olga", "dana"]),
        ("execute", ["fay"]),
        (None, []),
        ("reconcile", ["finn"]),
    ]
    assert (acts[1]["principal"], acts[1]["delegate"]) == ("key:olga", "dana")
    assert acts[3]["principal"] == "system:payer"


def test_3_attempts_have_the_rule_and_the_earlier_act() -> None:
    (ana,), (bo,) = golden("03_ana")["attempts"], golden("03_bo")["attempts"]
    assert (ana["rule"], ana["earlier"], ana["case_version"]) == ("one-duty-per-person", 4, 8)
    assert (bo["rule"], bo["who"]) == ("agents-hold-no-duty", "bo through triage (key:bo)")


def test_4_limit_and_policy_are_those_of_the_decision() -> None:
    told, since = golden("04"), golden("08")
    assert told["policy"]["digest"] == since["policy_before"]["digest"]
    assert told["policy"]["digest"] != since["policy_after"]["digest"]
    assert told["policy"]["recomputed"] == told["policy"]["digest"]
    assert told["policy"]["in_force_then"]
    (approval,) = told["approvals"]
    assert (approval["role"], approval["limit"], approval["agrees"]) == (
        "ops_manager",
        "2500",
        True,
    )
    assert float(told["requirement"]["counted"]) <= float(approval["limit"])


def test_5_the_packet_seen_matches_its_digest() -> None:
    (seen,) = golden("05")["decisions"]
    told = base64.b64decode(seen["packet_base64"])
    assert hashlib.sha256(told).hexdigest() == seen["digest"] == seen["recomputed"]
    assert seen["bound_to"] == seen["bound_recomputed"]
    assert json.loads(told) == seen["packet"]


def test_6_later_facts_were_not_known_and_a_known_note_was_not_shown() -> None:
    decisions = golden("06")["decisions"]
    assert [one["version"] for one in decisions] == [8, 9, 10]
    for one in decisions:
        assert [signal["type"] for signal in one["not_shown"]] == ["warehouse.noted"]
        assert one["not_shown"][0]["recorded_at"] < one["recorded_at"]


def test_7_one_file_matches_its_digest_and_one_is_missing() -> None:
    told = golden("07")
    by = {one["standing"]: one for one in told["pieces"]}
    assert not told["unchanged"]
    assert by["unchanged"]["sha256"] == hashlib.sha256(EVIDENCE_FILE).hexdigest()
    assert by["missing"]["sha256"] is None
    assert by["not_found"]["ref"] == "dhl/pod-1"
    assert by["not_found"]["unknown_when_cited"] == by["not_found"]["cited_by"] == [7, 8]
    # The signal that showed the problem, and the cancellation with which it was gone.
    cited = [one for one in told["pieces"] if one["standing"] == "in_the_log"]
    assert [(one["ref"], one["position"]) for one in cited] == [
        ("test/o-1-unavailable", 17),
        ("test/o-1-cancelled", 45),
    ]


def test_8_only_changes_after_the_approval_are_listed() -> None:
    told = golden("08")
    assert (told["diff"]["before"]["version"], told["diff"]["after"]["version"]) == (9, 14)
    assert [one["type"] for one in told["signals"]] == ["order.cancelled"]
    assert told["policy_after"]["version"] == "stricter"


def test_9_hindsight_adds_events_and_not_acts() -> None:
    then, hindsight = golden("09_it"), golden("09_with")
    assert then["case"] == hindsight["case"]
    assert then["case"]["adjustments"][0]["state"] == "executed"
    (late,) = then["order"]["not_known_yet"]
    assert late["type"] == "order.cancelled"
    assert hindsight["order"]["not_known_yet"] == []
    before, after = (
        {f["fact"]: f["value"] for f in one["order"]["facts"]} for one in (then, hindsight)
    )
    assert {*after} - {*before} == {"milestones.cancelled_at", "line:kettle.cancelled"}
    assert (before["order.cancelled"], after["order.cancelled"]) == (False, True)


def test_10_all_witnessed_events_were_hashed_again() -> None:
    told = golden("10")
    assert (told["unaltered"], told["whole"], told["root_holds"]) == (True, True, True)


def test_11_only_refunds_above_500_are_listed_with_an_exact_sum() -> None:
    told = golden("11")
    # 640.00 + 700.50 + 500.01; 500.00 is not above 500, and store credits are not refunds.
    assert (told["count"], told["sums"], told["verified"]) == (3, {"EUR": "1840.51"}, True)
    assert len(told["positions"]) == 3


def test_12_each_stratum_has_its_share_of_the_sample() -> None:
    told = golden("12")
    assert [(one["population"], one["drawn"]) for one in told["strata"]] == [(4, 2), (2, 1)]
    assert len(told["members"]) == 3


def test_13_no_reperformed_decision_differs() -> None:
    for name in ("13_also", "13_every"):
        told = golden(name)
        assert told["decisions"] > 0
        assert told["differing"] == []


def test_24_earlier_questions_are_listed_with_person_and_account() -> None:
    told = golden("24")["asked"]
    assert [(one["asked"], one["who"], one["account"]) for one in told] == [
        ("export", "aud (key:aud)", None),
        ("question 2", "operator", "ops"),
    ]


def test_19_readers_are_named_and_the_person_who_asks_is_not() -> None:
    told = golden("19")
    assert told["orders"] == [{"order": "o-7", "shop": "default"}]
    assert told["readers"] == {"bo": 1, "fay": 2}
    assert [(read["who"], read["what"].rpartition("/")[2]) for read in told["reads"]] == [
        ("fay", "o-7"),
        ("bo", "timeline"),
        ("fay", "o-7"),
    ]


def test_20_erased_and_held_data_are_counted_without_any_text() -> None:
    gone, held = golden("20_all"), golden("20_what")
    assert [one["order"] for one in gone["orders"]] == ["o-8", "o-9"]
    assert [(one["held"], one["erased"]) for one in gone["texts"]] == [(0, 4)]
    assert (gone["keys_held"], gone["keys_destroyed"]) == (0, 2)
    (hold,), (erasure,) = gone["holds"], gone["erasures"]
    assert hold["released_at"] < erasure["ordered_at"]
    assert (erasure["ordered_by"], erasure["basis"]) == ("gil", "consent_withdrawn")
    assert [(one["held"], one["erased"]) for one in held["texts"]] == [(2, 0)]
    for told in (gone, held):
        assert not [text for text in ("c-7", "c-gone", "Where is it") if text in json.dumps(told)]
