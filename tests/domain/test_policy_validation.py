"""Every fault of a policy is listed with its path; a valid policy has none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from domain.errors import Fault, Invalid
from domain.policy.document import Automation
from domain.policy.facts import ORDER_FACTS
from domain.policy.reader import read_policy
from domain.policy.rulebook import Rulebook
from tests.domain.policies import SHIPPED, shipped
from tests.domain.signals import BOUNDED_SETTINGS


def faults_with(change: dict[str, Any]) -> list[Fault]:
    """The faults of the shipped policy after these places (`a/0/b`) are replaced."""
    document = shipped()
    for path, value in change.items():
        *way, last = (int(step) if step.isdigit() else step for step in path.split("/"))
        place: Any = document
        for step in way:
            place = place[step]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return faults_of_policy(document)


def faults_of_policy(document: object) -> list[Fault]:
    """Empty if the policy is valid; any other error of `read_policy` is a bug."""
    try:
        read_policy(document)
    except Invalid as refused:
        return list(refused.faults)
    return []


GONE = object()
DETECT = "detect/2/when"
BACKLOG = "queues/refund_validation/backlog"
LAST_ROUTE = f"route/{len(shipped()['route']) - 1}/when"
CLEARED = "kinds/refund_due/cleared_when"
FITS: dict[str, Any] = {"fact": "order.unavailable", "is": True}


def test_the_shipped_policy_has_no_faults() -> None:
    assert faults_with({}) == []


@pytest.mark.parametrize(
    ("path", "value", "pointer", "says"),
    [
        # of form
        ("surprise", 1, "/surprise", "unknown field"),
        ("version", 1, "/version", "must be text, not 1"),
        ("version", "not a version", "/version", "is not a version of letters"),
        ("priorities", GONE, "/priorities", "missing"),
        ("queues", {}, "/queues", "at least 1 item"),
        ("route", [], "/route", "at least 1 item"),
        ("kinds/refund_due/bucket", "other", "/kinds/refund_due/bucket", "other"),
        ("kinds/refund_due/automation", True, "/kinds/refund_due/automation", "true is not one of: auto"),
        ("kinds/refund_due/titel", "x", "/kinds/refund_due/titel", "unknown field"),
        ("route/0/priority", 1.5, "/route/0/priority", "a whole number, not 1.5"),
        ("route/0/priority", True, "/route/0/priority", "a whole number, not true"),
        ("detect/0/when", None, "/detect/0/when", "null"),
        ("detect/0/when", GONE, "/detect/0/when", "missing"),
        ("detect", {}, "/detect", "must be a list"),
        # durations
        ("expect/6/due/within", "72h", "/expect/6/due/within", "duration"),
        ("expect/6/due/within", 72, "/expect/6/due/within", "duration"),
        ("expect/6/due/within", "P1M", "/expect/6/due/within", "units"),
        ("expect/6/due/within", "PT0S", "/expect/6/due/within", "more than 0"),
        ("expect/6/due/within", "-PT1H", "/expect/6/due/within", "not minus 1 hour"),
        ("expect/6/due/within", "P9999999999D", "/expect/6/due/within", "is too large"),
        ("expect/6/due/within", "P999999999D", "/expect/6/due/within", ""),
        ("expect/6/due/within", GONE, "/expect/6/due", "give both `after` and `within`"),
        ("expect/6/due/after", GONE, "/expect/6/due", "exactly one"),
        ("expect/6/due/at", "promise.ship_by", "/expect/6/due", "exactly one"),
        ("kinds/refund_due/reopen_within", "-P1D", "/kinds/refund_due/reopen_within", ""),
        # clocks and ladders
        ("services/1/rule", "vip-at-any-hour", "/services/1/rule", "also /services/0/rule"),
        ("services/0/rule", "late-parcels", "/services/0/rule", "also /route/2/rule"),
        ("services/1/calendar", "moon", "/services/1/calendar", "known are: around_the_clock, desk"),
        ("services/1/work_type", "refnud", "/services/1/work_type", "exception, refund, release, shipment, standard_work"),
        ("services/1/resolution", "PT0S", "/services/1/resolution", "more than 0"),
        ("services/1/at_risk_percent", 100, "/services/1/at_risk_percent", "at most 99"),
        ("services/1/by_cut_off/resolution", "lunch", "/services/1/by_cut_off/resolution", "known are: carrier_pickup, finance, warehouse"),
        ("services/0/by_cut_off", {"first_action": "finance"}, "/services/0/by_cut_off/first_action", "known are: none"),
        ("services/1/by_cut_off", {"closing": "finance"}, "/services/1/by_cut_off/closing", "closing"),
        ("services/1/by_cut_off", {"resolution": "Three o'clock"}, "/services/1/by_cut_off/resolution", "a name of a-z"),
        ("services/1/pauses_on/0", "nobody", "/services/1/pauses_on/0", "nobody"),
        ("calendars/desk/time_zone", "Mars/Olympus", "/calendars/desk/time_zone", ""),
        ("calendars/desk/week/mon/0/opens", "8:00", "/calendars/desk/week/mon/0/opens", ""),
        ("calendars/desk/week/mon/0/closes", "07:00", "/calendars/desk/week/mon/0/closes", "not after"),
        ("calendars/desk/week/monday", [], "/calendars/desk/week/monday", "did you mean mon?"),
        ("queues/refund_validation/ladder", "none", "/queues/refund_validation/ladder", "desk"),
        ("queues/refund_validation/claim_lease", "PT0S", "/queues/refund_validation/claim_lease", ""),
        ("ladders/desk/review_after", "PT1S", "/ladders/desk/review_after", "at least 1 minute"),
        ("ladders/desk/rungs/1/after", "PT0S", "/ladders/desk/rungs/1/after", "at least 1 minute"),
        ("ladders/desk/rungs", [], "/ladders/desk/rungs", "at least 1 item"),
        # next steps
        ("kinds/fraud_review/next_steps/0/within", "PT0S", "/kinds/fraud_review/next_steps/0/within", "hours"),
        ("kinds/fraud_review/next_steps/0/within", "P91D", "/kinds/fraud_review/next_steps/0/within", "hours"),
        ("kinds/fraud_review/next_steps/0/action", "pray", "/kinds/fraud_review/next_steps/0/action", "ask_customer"),
        ("kinds/fraud_review/holds/0/what", "all", "/kinds/fraud_review/holds/0/what", "fulfilment"),
        ("priorities/value/0/at_least", "-1", "/priorities/value/0/at_least", ""),
        ("priorities/value/0/at_least", "much", "/priorities/value/0/at_least", ""),
        ("priorities/clock/late", 1, "/priorities/clock/late", "at_risk, breached"),
        # backlogs
        (BACKLOG, {}, f"/{BACKLOG}", "at least one of volume, age"),
        (BACKLOG, {"volume": 9}, f"/{BACKLOG}", "recovered_volume"),
        (BACKLOG, {"volume": 9, "recovered_volume": 10}, f"/{BACKLOG}/recovered_volume", "at most"),
        (BACKLOG, {"volume": 0, "recovered_volume": 0}, f"/{BACKLOG}/volume", "at least 1"),
        (BACKLOG, {"age": "P1D"}, f"/{BACKLOG}", "recovered_age"),
        (BACKLOG, {"age": "PT1S", "recovered_age": "PT1S"}, f"/{BACKLOG}/age", "at least 1 minute"),
        (BACKLOG, {"age": "P1D", "recovered_age": "P2D"}, f"/{BACKLOG}/recovered_age", "at most"),
        # what needs a person
        ("kinds/fraud_review/automation", "automatic", "/kinds/fraud_review/automation", "a person decides"),
        ("kinds/address_disagreement/automation", "automatic", "/kinds/address_disagreement/automation", "address_problem"),
        ("kinds/ship_by_missed/bucket", "fraud_risk", "/kinds/ship_by_missed/automation", "review or blocked"),
        ("automation_pauses_when", {"fact": "order.nothing", "is": True}, "/automation_pauses_when/fact", "no fact"),
        ("automation_pauses_when", {"fact": "case.kind", "is": "lost"}, "/automation_pauses_when/fact", "no fact"),
        ("automation_pauses_when", {"any": []}, "/automation_pauses_when/any", "empty"),
        ("automation_pauses_when/any/0/at_least", 500, "/automation_pauses_when/any/0/at_least", "amount"),
        ("automation_pauses_when", [], "/automation_pauses_when", ""),
        # look-ups
        ("look_ups/addresses", "yes", "/look_ups/addresses", "true or false"),
        ("look_ups/customers", {}, "/look_ups/customers", "unknown field"),
        ("look_ups/duplicates", {}, "/look_ups/duplicates/within", "missing"),
        ("look_ups/duplicates/within", "24h", "/look_ups/duplicates/within", "duration"),
        ("look_ups/duplicates/within", "PT0S", "/look_ups/duplicates/within", "more than 0"),
        ("look_ups/duplicates/within", "P32D", "/look_ups/duplicates/within", "at most 31 days"),
        ("look_ups/prices/least_history", GONE, "/look_ups/prices/least_history", "missing"),
        ("look_ups/prices/least_history", "PT0S", "/look_ups/prices/least_history", "more than 0"),
        ("look_ups/prices/least_history", "P91D", "/look_ups/prices/least_history", "`over`"),
        ("look_ups/prices/over", "PT23H", "/look_ups/prices/over", "at least 1 day"),
        ("look_ups/prices/over", "P367D", "/look_ups/prices/over", "at most 366 days, not 367 days"),
        # sources
        ("sources", GONE, "/kinds/unknown_code", "add `sources`, which opens it"),
        ("sources", GONE, "/kinds/source_silent", "or remove the kind"),
        ("references", GONE, "/kinds/unmatched_signal", "add `references`, which opens it"),
        ("sources/codes_at_most", 0, "/sources/codes_at_most", "at least 1"),
        ("sources/codes_at_most", 1001, "/sources/codes_at_most", "at most 1000"),
        ("sources/silence/window", "PT9M", "/sources/silence/window", "at least 10 minutes"),
        ("sources/silence/window", "P2D", "/sources/silence/window", "at most 1 day"),
        ("sources/silence/below_percent", 0, "/sources/silence/below_percent", "at least 1"),
        ("sources/silence/below_percent", 101, "/sources/silence/below_percent", "at most 100"),
        ("sources/silence/weeks", 0, "/sources/silence/weeks", "at least 1"),
        ("sources/silence/least_usual", "many", "/sources/silence/least_usual", "whole number"),
        ("sources/silent", {}, "/sources/silent", "did you mean silence?"),
        # names that do not exist
        ("detect/0/kind", "nothing", "/detect/0/kind", "no kind nothing"),
        ("expect/0/kind", "nothing", "/expect/0/kind", "no kind nothing"),
        ("route/0/queue", "nowhere", "/route/0/queue", "no queue nowhere"),
        ("kinds/idle", {**shipped()["kinds"]["refund_due"]}, "/kinds/idle", "no rule"),
        ("expect/0/met_by", "order.placed", "/expect/0/met_by", "not a time"),
        ("expect/0/met_by", "order.nothing", "/expect/0/met_by", "no fact"),
        ("expect/0/void_by", ["milestones.nothing"], "/expect/0/void_by/0", "no fact"),
        ("expect/0/due", {"at": "promise.delivery_date"}, "/expect/0/due/at", "not a time"),
        ("expect/0/met_by", GONE, "/expect/0", "exactly one of met_by, met_when"),
        ("expect/0/met_when", FITS, "/expect/0", "exactly one of met_by, met_when"),
        # routes
        ("route/3/when", GONE, "/route/3", "never reached"),
        (LAST_ROUTE, {"fact": "case.kind", "is": "refund_due"}, "/route", "every case"),
        # conditions
        (DETECT, {}, "/detect/2/when", "exactly one"),
        (DETECT, {"all": []}, "/detect/2/when/all", "empty"),
        (DETECT, {"any": []}, "/detect/2/when/any", "empty"),
        (DETECT, {"all": [{"any": []}]}, "/detect/2/when/all/0/any", "empty"),
        (CLEARED, {"not": {}}, "/kinds/refund_due/cleared_when/not", "exactly one"),
        (CLEARED, {"fact": "customer.tier", "one_of": []}, f"/{CLEARED}/one_of", "empty"),
        (DETECT, {**FITS, "all": [FITS]}, "/detect/2/when", "all and fact"),
        (DETECT, {**FITS, "known": True}, "/detect/2/when", "is, known"),
        (DETECT, {"fact": "order.unavailable"}, "/detect/2/when", "given: none"),
        (DETECT, {"all": [FITS], "above": "1"}, "/detect/2/when/above", "`fact`"),
        (DETECT, {"fact": "order.nothing", "is": True}, "/detect/2/when/fact", "no fact"),
        (DETECT, {"fact": "placed", "is": True}, "/detect/2/when/fact", "a fact such as"),
        (DETECT, {"all": [FITS, {"fact": "x.y", "is": 1}]}, "/detect/2/when/all/1/fact", "no fact"),
        (DETECT, {"fact": "case.kind", "is": "refund_due"}, "/detect/2/when/fact", "no fact"),
        # types
        (CLEARED, {"fact": "payment.difference", "at_most": 1}, f"/{CLEARED}/at_most", "amount"),
        (CLEARED, {"fact": "payment.difference", "at_most": 0.1}, f"/{CLEARED}/at_most", 'not 0.1: write it in quotes, as "0.1"'),
        (CLEARED, {"fact": "payment.difference", "at_most": "x"}, f"/{CLEARED}/at_most", "amount"),
        (CLEARED, {"fact": "payment.difference", "at_most": "NaN"}, f"/{CLEARED}/at_most", ""),
        (CLEARED, {"fact": "payment.difference", "at_most": "Infinity"}, f"/{CLEARED}/at_most", ""),
        (CLEARED, {"fact": "payment.difference", "at_most": ["1"]}, f"/{CLEARED}/at_most", "not a list"),
        (CLEARED, {"fact": "payment.received", "is": "yes"}, f"/{CLEARED}/is", "true or false"),
        (CLEARED, {"fact": "payment.received", "is": 1}, f"/{CLEARED}/is", "true or false"),
        (CLEARED, {"fact": "payment.received", "above": True}, f"/{CLEARED}/above", "no order"),
        (CLEARED, {"fact": "customer.tier", "above": "gold"}, f"/{CLEARED}/above", "no order"),
        (CLEARED, {"fact": "customer.tier", "one_of": "gold"}, f"/{CLEARED}/one_of", "must be a list"),
        (CLEARED, {"fact": "customer.tier", "one_of": ["a", 1]}, f"/{CLEARED}/one_of/1", "text"),
        (CLEARED, {"fact": "promise.ship_by", "below": "2018-01-01T00:00:00"}, f"/{CLEARED}/below", "offset"),
        (CLEARED, {"fact": "promise.ship_by", "below": "soon"}, f"/{CLEARED}/below", "time"),
        (CLEARED, {"fact": "promise.delivery_date", "below": "1.1.2018"}, f"/{CLEARED}/below", "date"),
        (CLEARED, {"fact": "promise.delivery_date", "known": "yes"}, f"/{CLEARED}/known", "must be true or false"),
        ("route/0/when", {"fact": "case.severity", "is": "dire"}, "/route/0/when/is", "critical"),
        # names that a route compares with
        ("route/0/when", {"fact": "case.kind", "is": "nothing"}, "/route/0/when/is", ""),
        ("route/0/when", {"fact": "case.kind", "one_of": ["refund_due", "x"]}, "/route/0/when/one_of/1", ""),
        ("route/3/when", {"fact": "case.bucket", "is": "nothing"}, "/route/3/when/is", "payment"),
        ("route/0/when", {"fact": "case.rule", "is": "nothing"}, "/route/0/when/is", ""),
        # numbers and texts that cannot be stored or computed with
        ("route/0/priority", 10**30, "/route/0/priority", ""),
        ("priorities/severity/low", -(10**30), "/priorities/severity/low", ""),
        ("kinds/refund_due/title", "half a \ud83d", "/kinds/refund_due/title", ""),
        ("kinds/refund_due/title", "nothing\0", "/kinds/refund_due/title", ""),
        ("queues/refund_validation/owner_team", "desk\n", "/queues/refund_validation/owner_team", ""),
    ],
)  # fmt: skip
def test_a_fault_has_the_pointer_of_its_place(path, value, pointer, says) -> None:
    found = faults_with({path: value})
    assert [f for f in found if f.pointer == pointer and says in f.detail], found


@pytest.mark.parametrize(
    "look_ups",
    [
        GONE,
        None,
        {},
        {"addresses": False},
        {"duplicates": {"within": "P31D"}},
        {"prices": {"over": "P366D", "least_history": "P366D"}},
        {"prices": {"over": "P1D", "least_history": "PT1S"}, "addresses": True},
    ],
)
def test_look_ups_are_optional_and_accept_their_limits(look_ups) -> None:
    assert faults_with({"look_ups": look_ups}) == []


def test_the_part_about_sources_has_defaults() -> None:
    assert faults_with({"sources": {}}) == []


@pytest.mark.parametrize("path", sorted(ORDER_FACTS))
def test_a_detection_may_test_any_fact(path) -> None:
    assert faults_with({DETECT: {"fact": path, "known": True}}) == []


@pytest.mark.parametrize(
    "test",
    [
        {"not": FITS},
        {"fact": "order.unavailable", "is": False},
        {"fact": "order.unavailable", "known": True},
        {"fact": "payment.overpaid", "below": "5"},
        {"fact": "payment.overpaid", "is": "5"},
        {"fact": "payment.overpaid", "known": False},
        {"fact": "milestones.paid_at", "known": False},
        {"fact": "milestones.paid_at", "below": "2018-01-01T00:00:00Z"},
        {"all": [FITS, {"not": FITS}]},
        {"any": [FITS, {"not": {"not": FITS}}]},
    ],
)
def test_a_detection_may_test_in_either_direction(test) -> None:
    assert faults_with({DETECT: test}) == []


@pytest.mark.parametrize(
    ("path", "pointer"), [("detect/1/rule", "/detect/1/rule"), ("expect/1/rule", "/expect/1/rule")]
)
def test_a_repeated_rule_name_is_a_fault_at_the_second_place(path, pointer) -> None:
    name = shipped()["detect"][0]["rule"]
    (fault,) = faults_with({path: name})
    assert name in fault.detail
    assert fault.pointer == pointer


def test_all_faults_are_listed_at_once() -> None:
    form = {"version": 1, "kinds/refund_due/bucket": "x", "route/0/priority": "high", "more": 1}
    assert {f.pointer for f in faults_with(form)} == {
        "/version",
        "/kinds/refund_due/bucket",
        "/route/0/priority",
        "/more",
    }
    meaning = {
        "detect/0/kind": "nothing",
        "route/0/queue": "nowhere",
        DETECT: {"all": [{"fact": "x.y", "is": 1}, {"fact": "payment.overpaid", "above": 1}]},
        "expect/6/due/within": "PT0S",
        LAST_ROUTE: {"fact": "case.kind", "is": "refund_due"},
    }
    assert {f.pointer for f in faults_with(meaning)} >= {
        "/detect/0/kind",
        "/route/0/queue",
        "/detect/2/when/all/0/fact",
        "/detect/2/when/all/1/above",
        "/expect/6/due/within",
        "/route",
    }


MISSPELT = {"fact": "order.unavailble", "is": True}


@pytest.mark.parametrize(
    ("form", "pointers"),
    [
        ({"version": 1}, {"/version"}),
        ({"more": 1}, {"/more"}),
        ({"detect/2/more": 1}, {"/detect/2/more"}),
        ({"detect/1/kind": 5, "detect/0/more": 1}, {"/detect/1/kind", "/detect/0/more"}),
        ({"detect/1": "x", "route/0/priority": "high"}, {"/detect/1", "/route/0/priority"}),
        ({"kinds/refund_due/bucket": "x"}, {"/kinds/refund_due/bucket"}),
        ({"queues/refund_validation/title": GONE}, {"/queues/refund_validation/title"}),
        ({"approvals/bands/0/rule": 1}, {"/approvals/bands/0/rule"}),
        ({"services/0/rule": GONE}, {"/services/0/rule"}),
    ],
)
def test_faults_of_form_hide_no_others_and_cause_none(form, pointers) -> None:
    meaning = {DETECT: MISSPELT, "expect/6/due/within": "PT0S", LAST_ROUTE: MISSPELT}
    found = {f.pointer for f in faults_with({**meaning, **form})}
    others = {"/detect/2/when/fact", "/expect/6/due/within", f"/{LAST_ROUTE}/fact"}
    assert found - {"/route"} == pointers | others
    assert {f.pointer for f in faults_with(form)} == pointers


def test_a_misspelt_field_and_a_misspelt_fact_in_one_condition_are_both_listed() -> None:
    wrong = {"all": [{**MISSPELT, "abov": 3}, {"fact": "payment.overpad", "above": "1.00"}]}
    assert [f.pointer for f in faults_with({DETECT: wrong})] == [
        "/detect/2/when/all/0/abov",
        "/detect/2/when/all/0/fact",
        "/detect/2/when/all/1/fact",
    ]


def test_what_an_unreadable_part_is_needed_for_is_no_fault() -> None:
    document = shipped()
    kind = document["detect"][0]["kind"]
    assert [f.pointer for f in faults_with({f"kinds/{kind}/severity": "hihg"})] == [
        f"/kinds/{kind}/severity"
    ]
    only = next(
        n
        for n, rule in enumerate(document["detect"])
        if [one["kind"] for one in (*document["detect"], *document["expect"])].count(rule["kind"])
        == 1
    )
    assert [f.pointer for f in faults_with({f"detect/{only}/each": "parcle"})] == [
        f"/detect/{only}/each"
    ]


@pytest.mark.parametrize(
    "raw", [None, [], "policy", 1, True, {}, {1: 2}, {None: {}}, {("a", 1): 2}]
)
def test_a_document_that_is_not_a_policy_is_refused(raw) -> None:
    with pytest.raises(Invalid):
        read_policy(raw)


@pytest.mark.parametrize("deep", [400, 3000])
@pytest.mark.parametrize("form", ["all", "not"])
def test_a_condition_that_is_nested_too_deep_is_refused(deep, form) -> None:
    nested: Any = {"fact": "order.placed", "is": True}
    for _ in range(deep):
        nested = {"all": [nested]} if form == "all" else {"not": nested}
    assert faults_with({CLEARED: nested}) != []


WORDS = st.sampled_from(
    [
        *("", "x", "all", "any", "not", "fact", "is", "order.placed", "payment.overpaid", "0.01"),
        *("refund_due", "new_order_review", "case.kind", "\0", "é", "2018-01-01T00:00:00Z"),
        *("PT1H", "P999999999D"),
    ]
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated_policies(draw: st.DrawFn) -> Any:
    """The shipped policy with any value at any place."""
    document: Any = shipped()
    place = document
    while True:
        here = st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        step = draw(here)
        if not isinstance(place[step], dict | list) or not place[step] or draw(st.booleans()):
            place[step] = draw(ANYTHING)
            return document
        place = place[step]


@settings(BOUNDED_SETTINGS, max_examples=100)
@given(document=mutated_policies())
def test_any_document_is_accepted_or_refused_with_pointers_that_exist(document) -> None:
    faults = faults_of_policy(document)
    for fault in faults:
        assert fault.detail
        assert pointer_exists(document, fault.pointer), fault


def pointer_exists(document: Any, pointer: str) -> bool:
    """Whether the pointer names a place of the document or a missing member of a mapping."""
    place = document
    steps = [s.replace("~1", "/").replace("~0", "~") for s in pointer.split("/")[1:]]
    for n, step in enumerate(steps):
        if isinstance(place, dict):
            if step not in place:
                return n + 1 == len(steps)
            place = place[step]
        elif isinstance(place, list):
            if not step.isdigit() or int(step) >= len(place):
                return False
            place = place[int(step)]
        else:
            return False
    return True


def test_the_rulebook_cites_the_version_and_the_digest_of_its_document() -> None:
    again = read_policy(shipped())
    assert (again.version, again.digest) == (SHIPPED.version, SHIPPED.digest)
    changed = shipped()
    changed["summary"] = "another"
    assert read_policy(changed).digest != again.digest


def test_an_older_policy_with_automatic_fraud_resolution_can_still_be_read_from_the_log() -> None:
    """A proposal of it is refused, but the log may hold it as the active policy."""
    kind = structs.replace(SHIPPED.kind("fraud_review"), automation=Automation.AUTOMATIC)
    kinds = {**SHIPPED.document.kinds, "fraud_review": kind}
    assert Rulebook(structs.replace(SHIPPED.document, kinds=kinds)).kind("fraud_review") == kind


def test_a_calendar_may_have_days_with_special_hours() -> None:
    document = shipped()
    hours = [{"opens": "09:00", "closes": "12:00"}]
    document["calendars"]["desk"]["special"] = {"2026-12-24": hours, "2026-12-31": hours}
    rulebook = read_policy(document)
    assert rulebook.digest != SHIPPED.digest
    days = dict(reversed(document["calendars"]["desk"]["special"].items()))
    document["calendars"]["desk"]["special"] = days
    assert read_policy(document).digest == rulebook.digest
