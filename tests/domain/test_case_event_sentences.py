"""The readable trail: each event of a case is one sentence."""

from __future__ import annotations

import typing

import pytest
from msgspec import structs

from domain.adjustments.refusals import AttemptRefused
from domain.cases.event_descriptions import describe_event
from domain.cases.events import CaseEvent, SignalJoined
from domain.cases.work_events import Breached, Claimed, ErrorDeclared, Escalated
from domain.recorded_event import Event
from tests.event_store.sample_lines import EVENTS

KINDS = (*typing.get_args(CaseEvent), AttemptRefused)
OF_CASES: list[Event] = [event for event in EVENTS if isinstance(event, KINDS)]


def test_every_case_event_is_covered() -> None:
    assert {type(event) for event in OF_CASES} == {*KINDS}


@pytest.mark.parametrize("event", OF_CASES, ids=lambda event: str(event.__struct_config__.tag))
def test_each_case_event_has_a_sentence(event: CaseEvent) -> None:
    sentence = describe_event(event)
    first, *_ = sentence.split()
    assert first
    assert "_" not in first
    for code in ("None", "datetime", "UUID(", type(event).__name__ + "("):
        assert code not in sentence, sentence
    assert not sentence.endswith((" ", ",", ".."))


def test_no_two_events_have_the_same_sentence() -> None:
    types_by_sentence: dict[str, set[type]] = {}
    for event in OF_CASES:
        types_by_sentence.setdefault(describe_event(event), set()).add(type(event))  # type: ignore[arg-type]
    assert [kinds for kinds in types_by_sentence.values() if len(kinds) > 1] == []


def first(kind: type) -> typing.Any:
    return next(event for event in OF_CASES if isinstance(event, kind))


def test_sentences_contain_the_values_of_the_event() -> None:
    assert (
        describe_event(structs.replace(first(Claimed), person="ana", lease=None))
        == "Claimed by ana."
    )
    joined = [describe_event(event) for event in OF_CASES if isinstance(event, SignalJoined)]
    assert any(sentence.endswith("the problem is gone.") for sentence in joined)
    assert any("leaves it to a person" in sentence for sentence in joined)
    breached = structs.replace(first(Breached), spent={"queue": 93_784, "wait:carrier/dhl": 60})
    assert "queue 1 d 2 h 3 min 4 s, wait:carrier/dhl 1 min" in describe_event(breached)
    wrong = structs.replace(first(ErrorDeclared), about=7, note="Another order.")
    assert describe_event(wrong).startswith("Version 7 was declared wrong (")
    nobody = structs.replace(first(Escalated), to=None, people=(), note="", skipped=())
    assert describe_event(nobody).endswith("): nobody is there to notify.")
    nobody = structs.replace(nobody, skipped=("ops_manager", "executive_sponsor"))
    assert describe_event(nobody).endswith(
        "): nobody has the role ops_manager or executive_sponsor."
    )
