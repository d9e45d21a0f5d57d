"""Opens a case by hand, and adds parts to an open one: one problem of an order has one case."""

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import UNSET, structs

from domain.cases.case_parts import MANUAL_RULE, WHOLE_ORDER
from domain.cases.errors import ProblemHasCase
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.opening import OpeningEventsBuilder, create_enriched, create_routed
from domain.cases.part_events import PartJoined
from domain.cases.steps import Steps, create_policy_steps
from domain.cases.work_commands import OpenCase
from domain.cases.work_events import NoteAdded, Opened
from domain.errors import Fault, Invalid, OrderNotFound
from domain.fault_texts import no_such
from domain.orders.events import ProblemDetected
from domain.orders.order import Order
from domain.orders.order_names import describe_missing, describe_order
from domain.policy.decision import Decision
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Rulebook

MOST_NAMED = 20
"""So many known parts are listed in an error."""


def open_manually(
    request: OpenCase, order: Order | None, rulebook: Rulebook, now: datetime
) -> OpeningEventsBuilder:
    """Open a case for a problem that a person found, which `require_valid_opening` accepted.

    Policy routes it, unless the request names the queue.
    """
    kinds, queues = rulebook.document.kinds, rulebook.document.queues
    name, queue = request.kind, request.queue
    kind = kinds[name]
    was_clear = tuple(
        part
        for part in request.parts or (WHOLE_ORDER,)
        if order is not None and holds_clear(name, part, order, rulebook)
    )
    facts = CaseFacts(kind=name, bucket=kind.bucket, severity=kind.severity, rule=MANUAL_RULE)
    routing = rulebook.route(facts, order.facts if order is not None else Order(id="").facts)
    if queue is not None:
        routing = structs.replace(
            routing,
            queue=queue,
            owner_team=queues[queue].owner_team,
            decision=Decision(policy=rulebook.version, rule=MANUAL_RULE, verdicts=()),
        )
    routed = create_routed(routing, name, kind, rulebook, order, now)
    rest: tuple[CaseEvent, ...] = (
        create_enriched(order),
        routed,
        *create_policy_steps(kind, Steps(), routed.owner_team, routed.terms, rulebook.version, now),
    )
    return lambda occurrence: [
        Opened(
            kind=name,
            bucket=kind.bucket,
            severity=kind.severity,
            automation=kind.automation,
            occurrence=occurrence,
            note=request.note,
            parts=request.parts or UNSET,
            clear_at_opening=was_clear or UNSET,
        ),
        *rest,
    ]


def require_valid_opening(request: OpenCase, order: Order | None, rulebook: Rulebook) -> None:
    """Raises Invalid for a kind, a queue or parts that do not exist, OrderNotFound."""
    kinds, queues = rulebook.document.kinds, rulebook.document.queues
    name, queue = request.kind, request.queue
    faults = []
    if name not in kinds:
        faults.append(Fault("/kind", no_such("kind", name, kinds)))
    if queue is not None and queue not in queues:
        faults.append(Fault("/queue", no_such("queue", queue, queues)))
    parts = order.facts.parts.keys() if order is not None else []
    faults += find_part_faults(request.parts, parts, "/parts/{}", "the order")
    if faults:
        raise Invalid(faults, "the case")
    if order is None and queue is None:
        raise OrderNotFound(
            f"{describe_missing(request.order_key)}: correct `order` or `shop`, or name a `queue` to "
            "open a case without an order"
        )


def find_part_faults(
    named: Sequence[str], known: Collection[str], pointer: str, owner: str
) -> list[Fault]:
    """A fault for each part that is unknown or named twice."""
    names = ", ".join(sorted(known)[:MOST_NAMED]) + (" …" if len(known) > MOST_NAMED else "")
    faults = []
    for n, part in enumerate(named):
        if part not in known:
            detail = f"{owner} has no part {part}; its parts are: {names or 'none'}"
            faults.append(Fault(pointer.format(n), detail))
        elif part in named[:n]:
            faults.append(Fault(pointer.format(n), f"{part} is named twice"))
    return faults


def holds_clear(kind: str, part: str, order: Order, rulebook: Rulebook) -> bool:
    """Whether policy says that a part does not have the problem, before any rule found it."""
    return rulebook.cleared(kind, MANUAL_RULE, order.facts, part) is not None


def join_manually(
    request: OpenCase, case: ExceptionCase, order: Order, rulebook: Rulebook
) -> list[CaseEvent]:
    """Add the parts that a person named to the open case of their problem, with the person's note.

    Raises ProblemHasCase if it has all of them already.
    """
    known = case.parts
    new = [part for part in request.parts if part not in known or known[part].is_cleared]
    if not new:
        raise ProblemHasCase(
            f"order {describe_order(order.id)} has an open case of kind {case.kind}: {case.id}",
            case=str(case.id),
            state=case.state.value,
        )
    decision = Decision(policy=rulebook.version, rule=MANUAL_RULE, verdicts=())
    joined = [
        PartJoined(
            part=part,
            decision=decision,
            clear_at_opening=True if holds_clear(case.kind, part, order, rulebook) else UNSET,
        )
        for part in new
    ]
    return [*joined, NoteAdded(note=request.note)]


def problems_by_hand(case: ExceptionCase, parts: Sequence[str]) -> list[ProblemDetected]:
    """The events on the order for the parts of a case that a person named."""
    return [
        ProblemDetected(
            kind=case.kind,
            case=case.id,
            occurrence=case.occurrence,
            rule=MANUAL_RULE,
            part=part or UNSET,
        )
        for part in parts
    ]
