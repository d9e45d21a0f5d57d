"""Reads a policy from plain data: to a rulebook, or to all faults with their paths."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec

from domain.errors import Fault, Invalid
from domain.people import Role
from domain.policy.access_review_parts import find_access_review_faults
from domain.policy.checks import duration_faults, unknown_name
from domain.policy.comparisons import Scope
from domain.policy.document import Automation, Bucket, Detection, Expectation, Kind, PolicyDocument
from domain.policy.document_types import Condition
from domain.policy.expectations import MAX_DURATION, check_time_fact
from domain.policy.facts import ORDER_FACTS
from domain.policy.look_ups import find_look_up_faults
from domain.policy.readable_parts import read_parts
from domain.policy.rulebook import Rulebook
from domain.validation import escape_pointer_token, faults_of

MAX_DEPTH = 30
MAX_PARTS = 10_000
UNMATCHED_SIGNAL = "unmatched_signal"
"""The kind of case that a signal opens whose references lead to no order for too long."""
UNKNOWN_CODE = "unknown_code"
"""The kind of case that a code opens which no mapping reads."""
SOURCE_SILENT = "source_silent"
"""The kind of case that a source opens which sends less than it should."""
LONGEST_SILENCE = timedelta(days=1)
SHORTEST_SILENCE = timedelta(minutes=10)
"""The worker looks every minute, at what the report had a minute before."""
OPENED_BY_PARTS = {
    UNMATCHED_SIGNAL: "references",
    UNKNOWN_CODE: "sources",
    SOURCE_SILENT: "sources",
}
"""The kinds that parts of the document open, and not rules."""
PEOPLE_ONLY_BUCKETS = (Bucket.FRAUD_RISK, Bucket.ADDRESS_PROBLEM)
"""Buckets whose cases may not resolve themselves."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_policy(raw: object) -> Rulebook:
    """The rulebook of a document in plain data, as from YAML or JSON.

    Raises Invalid with every fault: of form, of unknown names, and of conditions.
    """
    if fault := find_size_fault(raw):
        raise Invalid([fault], "policy")
    if faults := faults_of(raw, PolicyDocument):
        if (rest := read_parts(raw, faults)) is not None:
            try:
                _compile(rest.document)
            except Invalid as invalid:
                faults += rest.about_these(invalid.faults)
        raise Invalid(faults, "policy")
    return _compile(msgspec.convert(raw, PolicyDocument))


def _compile(document: PolicyDocument) -> Rulebook:
    faults = _find_consistency_faults(document)
    try:
        rulebook = Rulebook(document)
    except Invalid as invalid:
        faults += invalid.faults
    if faults:
        raise Invalid(faults, f"policy {document.version}")
    return rulebook


def _find_consistency_faults(document: PolicyDocument) -> list[Fault]:
    """Unknown names, rules given twice, kinds that no rule opens, and cases without a route."""
    found = []
    opened = set()
    parts: dict[str, tuple[Detection | Expectation, ...]] = {
        "detect": document.detect,
        "expect": document.expect,
    }
    for part, rules in parts.items():
        for n, rule in enumerate(rules):
            opened.add(rule.kind)
            if rule.kind not in document.kinds:
                pointer = f"/{part}/{n}/kind"
                found.append(unknown_name(pointer, "kind", rule.kind, document.kinds))
    for name, kind in document.kinds.items():
        opening_part = OPENED_BY_PARTS.get(name)
        if name not in opened and not (opening_part and getattr(document, opening_part)):
            add = f"`{opening_part}`, which opens it" if opening_part else "one"
            detail = f"no rule or expectation opens this kind: add {add}, or remove the kind"
            found.append(Fault(f"/kinds/{name}", detail))
        if kind.automation is Automation.AUTOMATIC and kind.bucket in PEOPLE_ONLY_BUCKETS:
            detail = f"a person decides on each case of {kind.bucket}: use review or blocked"
            found.append(Fault(f"/kinds/{name}/automation", detail))
    for n, route in enumerate(document.route):
        if route.queue not in document.queues:
            found.append(unknown_name(f"/route/{n}/queue", "queue", route.queue, document.queues))
        if route.when is None and n + 1 < len(document.route):
            detail = "fits every case, so the routes after it are never reached: make it the last"
            found.append(Fault(f"/route/{n}", detail))
    if document.route[-1].when is not None:
        found.append(Fault("/route", "the last route must fit every case: remove its `when`"))
    work_types = {route.work_type for route in document.route}
    for n, service in enumerate(document.services):
        if service.work_type is not None and service.work_type not in work_types:
            pointer = f"/services/{n}/work_type"
            found.append(unknown_name(pointer, "work type", service.work_type, work_types))
    places = [(f"/detect/{n}/rule", d.rule) for n, d in enumerate(document.detect)]
    places += [(f"/expect/{n}/rule", e.rule) for n, e in enumerate(document.expect)]
    opening = {rule for _, rule in places}
    places += [(f"/route/{n}/rule", r.rule) for n, r in enumerate(document.route)]
    places += [(f"/services/{n}/rule", s.rule) for n, s in enumerate(document.services)]
    if document.approvals is not None:
        bands = enumerate(document.approvals.bands)
        places += [(f"/approvals/bands/{n}/rule", band.rule) for n, band in bands]
    first: dict[str, str] = {}
    for pointer, name in places:
        if first.setdefault(name, pointer) != pointer:
            found.append(
                Fault(
                    pointer,
                    f"{name} is also {first[name]}: use another name, since decisions cite it",
                )
            )
    for name, kind in document.kinds.items():
        place = f"/kinds/{name}/reopen_within"
        found += duration_faults(place, kind.reopen_within, MAX_DURATION, timedelta())
        found += _find_due_faults(kind, f"/kinds/{name}")
    if document.look_ups is not None:
        found += find_look_up_faults(document.look_ups)
    if document.sources is not None:
        pointer = "/sources/silence/window"
        window = document.sources.silence.window
        found += duration_faults(pointer, window, LONGEST_SILENCE, SHORTEST_SILENCE)
    owners = {queue.owner_team for queue in document.queues.values()} | {str(role) for role in Role}
    found += find_access_review_faults(document.access_reviews, owners)
    names = {"case.kind": set(document.kinds), "case.rule": opening}
    for n, route in enumerate(document.route):
        if route.when is not None:
            found += _find_unknown_names(route.when, names, f"/route/{n}/when")
    return found


def _find_due_faults(kind: Kind, pointer: str) -> Iterator[Fault]:
    if kind.due_at is None:
        if kind.critical_within is not None:
            yield Fault(
                f"{pointer}/critical_within", "needs the time that it counts from: add due_at"
            )
        return
    found: list[Fault] = []
    check_time_fact(kind.due_at, Scope(ORDER_FACTS, None), f"{pointer}/due_at", found)
    yield from found
    yield from duration_faults(f"{pointer}/critical_within", kind.critical_within, MAX_DURATION)


def _find_unknown_names(
    condition: Condition, names: Mapping[str, set[str]], pointer: str
) -> Iterator[Fault]:
    """Tests of a route that can never be true: they compare with an unknown name."""
    for name, parts in (("all", condition.all), ("any", condition.any)):
        for n, part in enumerate(parts if isinstance(parts, tuple) else ()):
            yield from _find_unknown_names(part, names, f"{pointer}/{name}/{n}")
    if condition.not_ is not None:
        yield from _find_unknown_names(condition.not_, names, f"{pointer}/not")
    known = names.get(condition.fact or "")
    if known is None:
        return
    compared = [("is", condition.is_)] if condition.is_ is not None else []
    compared += [(f"one_of/{n}", value) for n, value in enumerate(condition.one_of or ())]
    for place, value in compared:
        if isinstance(value, str) and value not in known:
            what = (condition.fact or "").removeprefix("case.")
            yield unknown_name(f"{pointer}/{place}", what, value, known)


def find_size_fault(raw: object) -> Fault | None:
    """A fault if plain data is too deep, too large or holds a lone surrogate.

    It does not recurse, and stops at the limit: a few YAML aliases can expand to a huge document.
    """
    seen = 0
    waiting: list[tuple[object, str, int]] = [(raw, "", 1)]
    while waiting:
        part, pointer, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH:
            return Fault(pointer, f"is nested more than {MAX_DEPTH} levels deep: flatten it")
        if seen > MAX_PARTS:
            return Fault("", f"has more than {MAX_PARTS} parts: make it smaller")
        members: list[tuple[object, object]] = []
        if isinstance(part, dict):
            members = [*part.items()]
        elif isinstance(part, list | tuple):
            members = [*enumerate(part)]
        for text in (part, *(name for name, _ in members)):
            if isinstance(text, str) and _SURROGATE.search(text):
                return Fault(
                    pointer,
                    f"{text!r} holds a lone surrogate, which is half of a character: remove it",
                )
        waiting += [
            (member, f"{pointer}/{escape_pointer_token(str(name))}", depth + 1)
            for name, member in members
        ]
    return None
