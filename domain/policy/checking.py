"""Reading a policy: from plain data to a rulebook, or every fault with its path."""

from __future__ import annotations

from collections import Counter

import msgspec

from domain.errors import Fault, Invalid
from domain.faults import escape, faults_of
from domain.policy.document import Detection, Expectation, PolicyDocument
from domain.policy.rulebook import Rulebook


def read_policy(raw: object) -> Rulebook:
    """The rulebook of a document given as plain data (as from YAML or JSON).

    Raises Invalid with every fault: of form, of names that lead nowhere, and of conditions.
    """
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
    for name in document.kinds:
        if name not in opened:
            found.append(Fault(f"/kinds/{escape(name)}", "no rule or expectation opens this kind"))
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
    named = [d.rule for d in document.detect]
    named += [e.rule for e in document.expect] + [r.rule for r in document.route]
    for name, times in Counter(named).items():
        if times > 1:
            found.append(
                Fault("", f"the rule name {name} is used {times} times: decisions cite it")
            )
    return found
