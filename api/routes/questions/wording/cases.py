"""Questions 7 to 9 in words: the evidence of a case, its changes, and its state at a time."""

from collections.abc import Sequence

from api.routes.cases import CaseView
from api.routes.questions.cases import (
    AsOfParameters,
    CaseChanges,
    CaseParameters,
    CaseStateView,
    ChangesParameters,
)
from api.routes.questions.question import AnswerSources
from api.routes.questions.wording.context import Subject, describe_adjustment, subject
from api.routes.questions.wording.packets import fact_rows
from api.routes.questions.words import (
    Item,
    Section,
    Words,
    at,
    given_to_customer,
    ids,
    if_any,
    many,
    names,
    plain,
    readable,
    short,
    table_if_any,
)
from application.audit.evidence import EvidenceReport
from application.cases.history import Change
from application.cases.trail import UnshownSignal

MAX_VALUE_LENGTH = 240
_CHECKED = {
    True: "Yes: every piece was read now and is unchanged.",
    False: "No.",
    None: "It cannot be said of all: not every piece could be read and compared.",
}


def on_which_evidence(
    sources: AnswerSources, given: CaseParameters, found: EvidenceReport
) -> Words:
    about = subject(sources, given.case)
    said = (
        _CHECKED[found.unchanged]
        if found.pieces
        else "The case cites no evidence, so nothing was checked."
    )
    return Words(
        says=[f"{said} {found.says}" if found.pieces else said, about.sentence],
        searched=f"every piece of evidence that versions 1 to {len(about.lines)} of the case's "
        "trail cite. "
        "Files were read from the evidence store and signals from the log; each was "
        "hashed and compared "
        "with the digest that was recorded. Records of other systems cannot be read here.",
        next_steps=[
            "`GET /v1/evidence/{digest}` gives a file; `casetrail case trail` the "
            "versions that cite it."
        ],
        sections=if_any(
            "Evidence",
            [
                Item(
                    piece.title or f"{plain(piece.type or 'signal')} {piece.ref}",
                    [
                        *(
                            [f"{plain(piece.type)}: {piece.ref}"]
                            if piece.title and piece.type
                            else []
                        ),
                        piece.says,
                        f"kept in {piece.where}",
                        f"cited by version {names(piece.cited_by)} of the case's trail",
                        *(
                            [f"it named nothing known at version {names(piece.unknown_when_cited)}"]
                            if piece.unknown_when_cited
                            else []
                        ),
                    ],
                )
                for piece in found.pieces
            ],
        ),
    )


def what_changed(sources: AnswerSources, given: ChangesParameters, found: CaseChanges) -> Words:
    about, diff = subject(sources, given.case), found.diff
    before, after = found.policy_before, found.policy_after
    if before == after:
        policy = (
            f"The policy in force is the same: version {after.version}."
            if after
            else "No policy was in force."
        )
    else:
        policy = (
            "The policy in force changed from version "
            f"`{before.version if before else '(none)'}` to version "
            f"`{after.version if after else '(none)'}`."
        )
    return Words(
        says=[
            f"{many(len(diff.case), 'change')} of the case, "
            f"{many(len(diff.packet), 'change')} of the facts in its packet, "
            f"and {many(len(found.signals), 'new signal')} of the order.",
            f"Compared: version {diff.before.version} of the case "
            f"({at(diff.before.recorded_at)}) with version "
            f"{diff.after.version} ({at(diff.after.recorded_at)}).",
            policy,
            about.sentence,
        ],
        searched="the case's trail, the packets in it and the signals of its order between "
        "both points, and the policies in force at both.",
        next_steps=[
            "`casetrail case trail` shows who made each change; --json has every value in full."
        ],
        sections=[
            *if_any("Changes of the case", [_change(one, about) for one in diff.case]),
            *if_any("Changes of the facts", [_change(one, about) for one in diff.packet]),
            *_signals("New signals of the order", found.signals),
        ],
    )


def _change(one: Change, about: Subject) -> Item:
    said = readable(one.how)
    for adjustment in about.case.adjustments.items:
        if one.place == f"/adjustments/{adjustment.id}" and one.before is None:
            return Item(
                f"new adjustment: {describe_adjustment(adjustment)}", [ids(None, adjustment.id)]
            )
        said = said.replace(f"adjustments, {adjustment.id}", describe_adjustment(adjustment))
    if len(said) > MAX_VALUE_LENGTH:
        said = f"{said[:MAX_VALUE_LENGTH]}… (--json shows all)"
    return Item(said)


def _signals(title: str, signals: Sequence[UnshownSignal]) -> list[Section]:
    return if_any(
        title,
        [
            Item(
                f"{one.type} ({one.signal})",
                [f"happened {at(one.event_time)}, recorded {at(one.recorded_at)}"],
            )
            for one in signals
        ],
    )


def how_it_stood(sources: AnswerSources, given: AsOfParameters, found: CaseStateView) -> Words:
    about, case = subject(sources, given.case), found.case
    happened = at(given.as_of) or "now"
    known = at(given.known_at) or "now"
    return Words(
        says=[
            f"{_time_of_state(given)}, the case was {plain(case.state)}, owned by {case.owner or 'nobody'}, in "
            f"the queue {case.queue or 'none'} "
            f"(version {found.version} of {found.of}).",
            f"What had happened by {happened}, from what was recorded by {known}: "
            f"{many(len(found.order.facts), 'fact')} about the order. "
            f"{many(len(found.order.not_known_yet), 'signal')} had happened and "
            f"{'was' if len(found.order.not_known_yet) == 1 else 'were'} recorded later; "
            f"{many(len(found.order.not_happened_yet), 'recorded signal')} happened later.",
            about.sentence,
        ],
        searched=f"versions 1 to {found.of} of the case's trail, and every signal of its order.",
        next_steps=["Question 8 compares two times; `casetrail case show` shows the case alone."],
        sections=[
            Section(title="The case", columns=("what", "value"), rows=_case_rows(case)),
            *if_any(
                "Adjustments",
                [
                    Item(
                        f"{given_to_customer(x.kind, x.amount.amount, x.amount.currency)}, "
                        f"{plain(x.state)}",
                        [
                            f"proposed by {names(x.proposed_by, 'policy')} at "
                            f"{at(x.proposed_at)} for the reason {plain(x.reason)}",
                            f"approved by {names([p for a in x.approvals for p in a.persons])}",
                            f"--adjustment {x.id}",
                        ],
                    )
                    for x in case.adjustments
                ],
            ),
            *_signals("Happened, but recorded later", found.order.not_known_yet),
            *_signals("Recorded, but happened later", found.order.not_happened_yet),
            *table_if_any(
                f"Facts about the order that had happened by {happened}, as recorded by {known} (digest {short(found.order.digest)})",
                ("fact", "value", "event time of its latest source"),
                fact_rows(found.order.facts),
            ),
        ],
    )


def _time_of_state(given: AsOfParameters) -> str:
    """The earlier of the two times: the case is as it was then."""
    times = [one for one in (given.as_of, given.known_at) if one is not None]
    return f"At {at(min(times))}" if times else "Now"


def _case_rows(case: CaseView) -> list[tuple[str, str]]:
    found = {
        "kind": case.kind,
        "severity": str(case.severity),
        "state": plain(case.state),
        "owner": case.owner or "",
        "owner since": at(case.owned_since),
        "queue": case.queue or "",
        "detected at": at(case.detected_at),
        "deadline of the detection": at(case.deadline),
        "the problem is gone": "yes" if case.cleared else "no",
        "resolved at": at(case.resolved_at),
        "evidence": f"{len(case.evidence)}" if case.evidence else "",
        "open tasks": names([t.title for t in case.tasks if str(t.state) == "open"], ""),
        "escalations": str(case.escalations) if case.escalations else "",
        "duties": ", ".join(f"{name}: {held.duty}" for name, held in case.duties.items()),
    }
    return [(name, value) for name, value in found.items() if value]
