"""Cases that people open by hand: one problem of an order has one case, by rule or by hand."""

from application.cases.case_commands import CaseCommands, CommandResult
from application.log.caller import Caller
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import ORDER
from application.people.order_duties import BY_HAND
from application.people.scope import can_read_order, require_may_open
from domain.cases.case_parts import WHOLE_ORDER
from domain.cases.errors import CaseChanged, ProblemHasCase
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.opening_by_hand import (
    join_manually,
    open_manually,
    problems_by_hand,
    require_valid_opening,
)
from domain.cases.part_events import PartJoined
from domain.cases.work_commands import OpenCase
from domain.errors import TooContended
from domain.orders.events import ProblemDetected
from domain.orders.order import Order, order_stream
from domain.orders.order_names import describe_order
from domain.permissions import Permission
from domain.policy.rulebook import Rulebook

ATTEMPTS = 20
MOST_OCCURRENCES = 1_000


def open_by_hand(
    ask: OpenCase, by: Caller, commands: CaseCommands, orders: Repository[Order], rulebook: Rulebook
) -> CommandResult:
    """Open a case, or add the parts to the open case of this problem.

    Raises Invalid, OrderNotFound, ProblemHasCase, DutyConflict.
    """
    stream = order_stream(ask.order_key)
    for _ in range(ATTEMPTS):
        order = orders.current([stream]).get(stream)
        if order is not None and not can_read_order(by.authority, order):
            order = None  # out of scope: the same answer as for an order that does not exist
        require_valid_opening(ask, order, rulebook)
        if order is None:
            return _open_without_order(ask, by, commands, rulebook)
        try:
            result, events = _open(ask, order, by, commands, rulebook)
        except (VersionTaken, CaseChanged):
            orders.forget([stream])  # New signals arrived: decide again with them.
            continue
        for event in events:
            order = order.after(event)
        orders.keep(stream, order)
        return result
    raise TooContended(f"order {describe_order(ask.order_key)}, {ATTEMPTS} attempts")


def _open(
    ask: OpenCase, order: Order, by: Caller, commands: CaseCommands, rulebook: Rulebook
) -> tuple[CommandResult, list[ProblemDetected]]:
    """The case, and the events on its order."""
    ref = order.cases.get(ask.kind)
    known = commands.cases.current([ref.case])[ref.case] if ref is not None else None
    if known is not None and not known.is_resolved:
        return _join(ask, known, order, by, commands, rulebook)
    occurrence = ref.occurrence + 1 if ref is not None else 1
    case = ExceptionCase(
        id=case_stream(order.id, ask.kind, occurrence),
        order=order.id,
        kind=ask.kind,
        occurrence=occurrence,
    )
    opening = open_manually(ask, order, rulebook, by.now)(occurrence)
    by = require_may_open(ask, case.id, opening, order, by)
    found = problems_by_hand(case, ask.parts or (WHOLE_ORDER,))
    also = by.write(order_stream(order.id), ORDER, order.version, found, order.id)
    return commands.open(case, opening, by, [also]), found


def _join(
    ask: OpenCase,
    case: ExceptionCase,
    order: Order,
    by: Caller,
    commands: CaseCommands,
    rulebook: Rulebook,
) -> tuple[CommandResult, list[ProblemDetected]]:
    if not by.authority.covers(Permission.READ_CASES, case.queue, case.region, case.id):
        raise ProblemHasCase(
            f"order {describe_order(order.id)} has an open case of kind {case.kind}"
        )
    events = join_manually(ask, case, order, rulebook)
    parts = [event.part for event in events if isinstance(event, PartJoined)]
    found = problems_by_hand(case, parts)
    also = by.write(order_stream(order.id), ORDER, order.version, found, order.id)
    return commands.act(case.id, case.version, by, lambda now: events, [also]), found


def _open_without_order(
    ask: OpenCase, by: Caller, commands: CaseCommands, rulebook: Rulebook
) -> CommandResult:
    """Open a case about an order that no signal has named, or that is out of the caller's scope."""
    opening = open_manually(ask, None, rulebook, by.now)
    for occurrence in range(1, MOST_OCCURRENCES):
        case_id = case_stream(ask.order_key, BY_HAND.format(kind=ask.kind), occurrence)
        by = require_may_open(ask, case_id, opening(occurrence), None, by)
        case = ExceptionCase(id=case_id, order=ask.order_key)
        # An append is also refused if the order just got its first adjustment: then the id is still free.
        while not commands.cases.cached([case_id]):
            try:
                return commands.open(case, opening(occurrence), by)
            except VersionTaken:
                commands.cases.forget([case_id])
    raise CaseChanged(case_id, 0, 1, ())
