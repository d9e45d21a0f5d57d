"""The results of signals, as they are answered."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from api.http.problem_statuses import STATUS
from api.http.problems import problem_of
from api.http.signal_bodies import Item, name_items
from api.routes.held import HeldView, held_view
from application.orders.dry_run import CaseChange, CaseEffect, PolicyTest
from application.orders.receipts import Receipt, SignalNotice, SignalOutcome
from domain.cases.exception_case import CaseState
from domain.errors import CasetrailError
from domain.orders.order_names import OrderName, order_name, order_names
from domain.policy.document import Severity
from domain.struct_fields import fill


class AffectedCaseView(Struct, frozen=True):
    """A case that the signal opened, joined or reopened; `event` is its newest event."""

    case: UUID
    kind: str
    event: str


class JoinedSignal(Struct, frozen=True):
    """A signal that was held and has joined its orders."""

    signal: str
    """Its source and id."""
    orders: Sequence[OrderName]


class ClearedProblemView(Struct, frozen=True):
    """Why a problem would be gone: the signal that shows it, and the rule of the policy with its tests."""

    signal: str
    policy: str
    rule: str
    tests: Sequence[PolicyTest]
    part: str | UnsetType = UNSET
    """The part of the order that had the problem; left out for the whole order."""


class CaseChangeView(Struct, frozen=True, kw_only=True):
    """A case as it would be after a dry run, and what would have become of it."""

    case: UUID
    kind: str
    effects: Sequence[CaseEffect]
    state: CaseState
    queue: str
    severity: Severity
    priority: int
    order: str | UnsetType = UNSET
    """Left out for a case about a reference that leads to no order."""
    shop: str | UnsetType = UNSET
    cleared: Sequence[ClearedProblemView] | UnsetType = UNSET


class SignalResult(Struct, frozen=True):
    """The result for one signal; `problem` (RFC 9457) says why it was refused."""

    outcome: SignalOutcome
    order: str | UnsetType = UNSET
    shop: str | UnsetType = UNSET
    signal: str | UnsetType = UNSET
    orders: Sequence[OrderName] | UnsetType = UNSET
    """The orders of a signal that several orders share; `order` is the first of them."""
    held: HeldView | UnsetType = UNSET
    cases: Sequence[AffectedCaseView] | UnsetType = UNSET
    notices: Sequence[SignalNotice] | UnsetType = UNSET
    """What is odd about the signal; it was recorded nevertheless."""
    joined: Sequence[JoinedSignal] | UnsetType = UNSET
    """The held signals that joined their orders because of this one. Left out with an `Idempotency-Key`:
    that answer is stored before they join."""
    problem: dict[str, Any] | UnsetType = UNSET
    index: int | UnsetType = UNSET
    """The place in its batch of a signal that was refused, from 0."""
    line: int | UnsetType = UNSET
    """Its line in a body of NDJSON, from 1."""
    dry_run: bool | UnsetType = UNSET
    """True if nothing was recorded: the result is what would be."""
    changes: Sequence[CaseChangeView] | UnsetType = UNSET
    """Of a dry run: the cases that would change."""


class SignalResults(Struct, frozen=True):
    """One result for each signal, in the order of the request."""

    recorded: int
    duplicate: int
    refused: int
    held: int
    items: Sequence[SignalResult]
    dry_run: bool | UnsetType = UNSET
    """True if nothing was recorded: the result is what would be."""
    changes: Sequence[CaseChangeView] | UnsetType = UNSET
    """Of a dry run: the cases that would change."""


def results_of(items: Sequence[Item], receipts: Sequence[Receipt]) -> list[SignalResult]:
    waiting = iter(receipts)
    return [
        _refused_result(item)
        if isinstance(item, CasetrailError)
        else _signal_result(item, next(waiting))
        for item in items
    ]


def with_names(
    results: Sequence[SignalResult], body: bytes, content_type: str
) -> Sequence[SignalResult]:
    """The results, each refusal with what helps the sender to find its signal."""
    refused = [n for n, one in enumerate(results) if one.outcome is SignalOutcome.REFUSED]
    if not refused:
        return results
    named = [*results]
    for n, name in name_items(body, content_type, refused).items():
        named[n] = structs.replace(
            results[n],
            index=n,
            line=name.line or UNSET,
            signal=name.signal or UNSET,
            order=name.order or UNSET,
        )
    return named


def batch_results(results: Sequence[SignalResult]) -> SignalResults:
    """The results of a batch, with their counts."""
    counts = dict.fromkeys(SignalOutcome, 0)
    for result in results:
        counts[result.outcome] += 1
    return SignalResults(
        recorded=counts[SignalOutcome.RECORDED],
        duplicate=counts[SignalOutcome.DUPLICATE],
        refused=counts[SignalOutcome.REFUSED],
        held=counts[SignalOutcome.HELD],
        items=results,
    )


def _signal_result(signal: Item, receipt: Receipt) -> SignalResult:
    assert not isinstance(signal, CasetrailError)
    if receipt.problem is not None:
        return _refused_result(receipt.problem, signal.order or UNSET, signal.key)
    named = order_names(receipt.orders)
    if not named and signal.order:
        named = [OrderName(signal.order, signal.shop_name)]
    held = receipt.held if receipt.outcome is SignalOutcome.HELD else None
    return SignalResult(
        outcome=receipt.outcome,
        order=named[0].order if named else UNSET,
        shop=named[0].shop if named else UNSET,
        signal=signal.key,
        orders=named if len(named) > 1 else UNSET,
        held=held_view(held) if held is not None else UNSET,
        cases=[AffectedCaseView(case.case, case.kind, case.event) for case in receipt.cases],
        notices=receipt.notices or UNSET,
        joined=[JoinedSignal(one.held.signal.key, order_names(one.orders)) for one in receipt.joins]
        or UNSET,
    )


def _refused_result(
    error: CasetrailError, order: str | UnsetType = UNSET, signal: str | UnsetType = UNSET
) -> SignalResult:
    if type(error) not in STATUS:
        raise error
    return SignalResult(
        outcome=SignalOutcome.REFUSED, order=order, signal=signal, problem=problem_of(error)
    )


def change_view(change: CaseChange) -> CaseChangeView:
    case = change.case
    assert case.routed is not None
    named = order_name(case.order)
    return CaseChangeView(
        case=case.id,
        kind=case.kind,
        effects=change.effects,
        state=case.state,
        queue=case.queue,
        severity=case.routed.severity,
        priority=case.routed.priority,
        order=named.order or UNSET,
        shop=named.shop if named.order else UNSET,
        cleared=[fill(ClearedProblemView, one, part=one.part or UNSET) for one in change.cleared]
        or UNSET,
    )
