"""Reading a policy: from plain data to a rulebook, or every fault with its path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec

from domain.errors import Fault, Invalid
from domain.policy.document import Automation, Bucket, Detection, Expectation, PolicyDocument
from domain.policy.expectations import LONGEST
from domain.policy.look_ups import faults_of_look_ups
from domain.policy.parts import Condition
from domain.policy.rulebook import Rulebook
from domain.validation import escape, faults_of

DEEPEST = 30
MOST_PARTS = 10_000
FOR_PEOPLE = (Bucket.FRAUD_RISK, Bucket.ADDRESS_PROBLEM)
"""Buckets of which nothing may resolve itself."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_policy(raw: object) -> Rulebook:
    """The rulebook of a document given as plain data (as from YAML or JSON).

    Raises Invalid with every fault: of form, of names that lead nowhere, and of conditions.
    """
    if too_much := excess(raw):
        raise Invalid([too_much], "policy")
    faults = faults_of(raw, PolicyDocument)
    if faults:
        raise Invalid(faults, "policy")
    document = msgspec.convert(raw, PolicyDocument)
    faults = _loose_ends(document)
    try:
        rulebook = Rulebook(document)
    except Invalid as unsound:
        raise Invalid([*faults, *unsound.faults], f"policy {document.version}") from None
    if faults:
        raise Invalid(faults, f"policy {document.version}")
    return rulebook


def _loose_ends(document: PolicyDocument) -> list[Fault]:
    """Names that name nothing, rules told twice, kinds that nothing opens, cases with no way out."""
    found = []
    kinds = ", ".join(sorted(document.kinds))
    opened = set()
    parts: dict[str, tuple[Detection | Expectation, ...]] = {
        "detect": document.detect,
        "expect": document.expect,
    }
    for part, rules in parts.items():
        for n, rule in enumerate(rules):
            opened.add(rule.kind)
            if rule.kind not in document.kinds:
                found.append(Fault(f"/{part}/{n}/kind", f"no kind {rule.kind}; known are: {kinds}"))
    for name, kind in document.kinds.items():
        if name not in opened:
            found.append(Fault(f"/kinds/{escape(name)}", "no rule or expectation opens this kind"))
        if kind.automation is Automation.AUTOMATIC and kind.bucket in FOR_PEOPLE:
            detail = f"a person decides on all that is {kind.bucket}: say review or blocked"
            found.append(Fault(f"/kinds/{escape(name)}/automation", detail))
    queues = ", ".join(sorted(document.queues))
    for n, route in enumerate(document.route):
        if route.queue not in document.queues:
            found.append(Fault(f"/route/{n}/queue", f"no queue {route.queue}; known are: {queues}"))
        if route.when is None and n + 1 < len(document.route):
            found.append(
                Fault(f"/route/{n}", "fits every case: the routes after it are never reached")
            )
    if document.route[-1].when is not None:
        found.append(Fault("/route", "the last route must fit every case: it may have no `when`"))
    work_types = {route.work_type for route in document.route}
    for n, service in enumerate(document.services):
        if service.work_type is not None and service.work_type not in work_types:
            known = ", ".join(sorted(work_types))
            detail = f"no route makes work of type {service.work_type}; known are: {known}"
            found.append(Fault(f"/services/{n}/work_type", detail))
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
            found.append(Fault(pointer, f"{name} is also {first[name]}: decisions cite the name"))
    for name, kind in document.kinds.items():
        if not timedelta() <= kind.reopen_within <= LONGEST:
            place = f"/kinds/{escape(name)}/reopen_within"
            found.append(Fault(place, f"must be from nothing to {LONGEST.days} days"))
    if document.look_ups is not None:
        found += faults_of_look_ups(document.look_ups)
    names = {"case.kind": set(document.kinds), "case.rule": opening}
    for n, route in enumerate(document.route):
        if route.when is not None:
            found += _unknown_names(route.when, names, f"/route/{n}/when")
    return found


def _unknown_names(
    condition: Condition, names: Mapping[str, set[str]], pointer: str
) -> Iterator[Fault]:
    """Tests of a route that can never be true: they compare with a name that nothing has."""
    for name, parts in (("all", condition.all), ("any", condition.any)):
        for n, part in enumerate(parts or ()):
            yield from _unknown_names(part, names, f"{pointer}/{name}/{n}")
    if condition.not_ is not None:
        yield from _unknown_names(condition.not_, names, f"{pointer}/not")
    known = names.get(condition.fact or "")
    if known is None:
        return
    compared = [("is", condition.is_)] if condition.is_ is not None else []
    compared += [(f"one_of/{n}", value) for n, value in enumerate(condition.one_of or ())]
    for place, value in compared:
        if isinstance(value, str) and value not in known:
            known_names = ", ".join(sorted(known))
            yield Fault(f"{pointer}/{place}", f"there is no {value}; known are: {known_names}")


def excess(raw: object) -> Fault | None:
    """What is beyond all reason in plain data: without recursion, and without walking the mountain
    that a few aliases of YAML can be."""
    seen = 0
    waiting: list[tuple[object, str, int]] = [(raw, "", 1)]
    while waiting:
        one, pointer, depth = waiting.pop()
        seen += 1
        if depth > DEEPEST:
            return Fault(pointer, f"nested more than {DEEPEST} deep")
        if seen > MOST_PARTS:
            return Fault("", f"more than {MOST_PARTS} parts")
        members: list[tuple[object, object]] = []
        if isinstance(one, dict):
            members = [*one.items()]
        elif isinstance(one, list | tuple):
            members = [*enumerate(one)]
        for text in (one, *(name for name, _ in members)):
            if isinstance(text, str) and _SURROGATE.search(text):
                return Fault(pointer, f"{text!r} holds half of a character (a lone surrogate)")
        waiting += [(part, f"{pointer}/{escape(str(name))}", depth + 1) for name, part in members]
    return None
