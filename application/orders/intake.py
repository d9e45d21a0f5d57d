"""Signal intake: records each signal once, folds it into its order, and decides on it in the same append."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.orders.batches import Arrival, OrderBatch, group_by_order
from application.orders.foreign_references import ForeignReferences
from application.orders.held import HeldSignals
from application.orders.look_ups import EMPTY_RESULT, LookUp, LookUpResult, find_new_orders
from application.orders.order_decisions import OrderOutcome, decide_order
from application.orders.order_finder import OrderFinder
from application.orders.order_locks import NamedLocks, customer_locks
from application.orders.receipts import AffectedCase as AffectedCase
from application.orders.receipts import BesideTaken as BesideTaken
from application.orders.receipts import IntakeResult as IntakeResult
from application.orders.receipts import MakeRow, MakeWrites, add_notices, place_receipts, with_joins
from application.orders.receipts import Receipt as Receipt
from application.orders.receipts import SignalOutcome as SignalOutcome
from application.orders.subject_cases import SubjectCases
from application.orders.suspicions import Suspicions
from application.orders.unmatched import UnmatchedSignals
from application.orders.unread_codes import UnreadCodeCases
from application.orders.waiting_batches import WaitingBatches
from domain.adjustments.identities import names_identity
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import RoleMembers
from domain.errors import CasetrailError, TooContended
from domain.orders.order import Order, order_stream
from domain.orders.payment_signals import RefundIssued
from domain.orders.unread_codes import unread_code_of
from domain.people import Actor
from domain.policy.rulebook import Rulebook

ATTEMPTS = 50
PAUSE_AFTER_ATTEMPTS = 3
"""After so many lost races with other processes, each attempt first waits for a random time."""
CONTENTION_BATCHES = 100
LONGEST_PAUSE_SECONDS = 0.05
FindLedgerWrites = Callable[[Sequence[tuple[Order, Order]], datetime, bool], Iterable[Write]]
"""Writes that follow from orders before and after a batch, at its time, in a first attempt or again."""


class Intake:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        rulebook: Callable[[], Rulebook],
        staff: RoleMembers,
        look_up: LookUp,
        told_refunds: FindLedgerWrites | None = None,
    ) -> None:
        """`told_refunds` makes the writes that enter what an order was given in customers' ledgers."""
        self._told_refunds = told_refunds
        self._staff = staff
        self._log = log
        self._orders = orders
        self._cases = cases
        self._rulebook = rulebook
        self._look_up = look_up
        self._locks = NamedLocks()
        self._finder = OrderFinder(log, orders)
        self.foreign = ForeignReferences(log, orders)
        self.subjects = SubjectCases(cases, rulebook, staff)
        self.codes = UnreadCodeCases(log, self.subjects, rulebook)
        unmatched = UnmatchedSignals(self.subjects)
        self.held = HeldSignals(log, orders, self._held_at_most, self._record_found, unmatched)
        self._waiting = WaitingBatches(self._record)
        self._suspicions = Suspicions(log, orders, self._record_found)
        self._contended = 0
        """How many more batches assume that other processes write to the same orders."""

    def take(
        self,
        arrivals: Sequence[Arrival],
        actor: Actor,
        command: MakeRow | None = None,
        beside: MakeWrites | None = None,
    ) -> IntakeResult:
        """Record a batch, and all that follows from it, in one transaction; batches that wait for each
        other are recorded together.

        A signal is refused by itself if its id was used with other content, or if its source is our own
        name. A signal that names its order by references is held while they lead to none. What look-ups
        find about new orders is recorded with them. `command` makes the row that stores the answer, and
        `beside` further writes; both are asked again at each attempt. Without `beside`, carriers' codes that no
        mapping reads open cases. Raises TooContended, CommandRepeated, BesideTaken, and what these two raise.
        """
        if beside is None and any(unread_code_of(one.signal) for one in arrivals):
            return self.codes.take(self._take, arrivals, actor, command)
        return self._take(arrivals, actor, command, beside)

    def _take(
        self,
        arrivals: Sequence[Arrival],
        actor: Actor,
        command: MakeRow | None,
        beside: MakeWrites | None,
    ) -> IntakeResult:
        if not all(arrival.signal.order for arrival in arrivals):
            return self._take_referring(arrivals, actor, command, beside)
        if command is None and beside is None:
            result = self._waiting.record(arrivals, actor)
        else:
            result = self._record(arrivals, actor, command, beside=beside)
        return IntakeResult(result.position, self._look_again(arrivals, result.receipts))

    def _take_referring(
        self,
        arrivals: Sequence[Arrival],
        actor: Actor,
        command: MakeRow | None,
        beside: MakeWrites | None,
    ) -> IntakeResult:
        """The same for a batch with signals that name their order by references."""
        for _ in range(ATTEMPTS):
            assigned = self._finder.assign(arrivals)
            holding = self.held.hold(arrivals, assigned, actor)
            place = partial(place_receipts, arrivals, assigned, holding)
            try:
                result = self._record(
                    assigned.arrivals,
                    actor,
                    (lambda found, place=place: command(place(found))) if command else None,  # type: ignore[misc]
                    holding.writes,
                    (lambda found, place=place: beside(place(found))) if beside else None,  # type: ignore[misc]
                )
            except VersionTaken:
                continue
            receipts = self._look_again(assigned.arrivals, result.receipts)
            now = max(arrival.received_at for arrival in arrivals)
            # Another process may have told their orders since.
            waiting = [held.signal for held in holding.held.values() if not held.joined]
            self.held.look_again(waiting, now)
            return IntakeResult(result.position, place(receipts))
        raise TooContended(f"{len(arrivals)} signals, {ATTEMPTS} attempts")

    def _look_again(
        self, arrivals: Sequence[Arrival], receipts: Sequence[Receipt]
    ) -> Sequence[Receipt]:
        """Record what these new signals show about others: where those belong that came without their
        order, and which orders are no duplicates. Returns the receipts with what joined because of each."""
        recorded = [
            arrival
            for arrival, receipt in zip(arrivals, receipts, strict=True)
            if receipt.outcome is SignalOutcome.RECORDED
        ]
        if recorded:
            now = max(arrival.received_at for arrival in recorded)
            self._suspicions.look_again(recorded, now)
            if self.held.any() and (joins := self.held.join_taught(recorded, now)):
                return with_joins(arrivals, receipts, joins)
        return receipts

    def _record_found(
        self, arrivals: Sequence[Arrival], actor: Actor, extra: Sequence[Write]
    ) -> list[CasetrailError | None]:
        return [r.problem for r in self._record(arrivals, actor, None, extra).receipts]

    def _held_at_most(self) -> timedelta | None:
        references = self._rulebook().document.references
        return references.held_at_most if references is not None else None

    def _record(
        self,
        arrivals: Sequence[Arrival],
        actor: Actor,
        command: MakeRow | None = None,
        extra: Sequence[Write] = (),
        beside: MakeWrites | None = None,
    ) -> IntakeResult:
        """Record signals that name their orders. Raises VersionTaken if an `extra` write conflicts, and BesideTaken
        if one of those beside does."""
        units = group_by_order(arrivals)
        foreign = self.foreign.of_arrivals(arrivals)
        self._contended = max(self._contended - 1, 0)
        # Without locks, of several batches about one order or customer only the first append succeeds,
        # and the others are computed again.
        with self._locks.of(
            [
                *(unit.order for unit in units),
                *customer_locks(units, self._rulebook().document.look_ups),
            ]
        ):
            for attempt in range(ATTEMPTS):
                if attempt > PAUSE_AFTER_ATTEMPTS:
                    time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
                receipts: list[Receipt] = [Receipt(SignalOutcome.DUPLICATE)] * len(arrivals)
                orders, looked_up = self._look_up_new(units)
                responses = self._respond(units, orders, looked_up, receipts, actor)
                add_notices(receipts, foreign)
                besides = beside(receipts) if beside else ()
                writes = [write for r in responses for write in r.writes]
                writes += [
                    *looked_up.writes,
                    *extra,
                    *self._ledger_writes(units, orders, responses, attempt > 0),
                    *besides,
                ]
                row = command(receipts) if command else None
                if not writes and row is None:
                    return IntakeResult(0, receipts)
                try:
                    appended = self._log.append(writes, row)
                except VersionTaken:
                    if extra and not self._are_current(extra):
                        raise
                    if besides and not self._are_current(besides):
                        raise BesideTaken from None
                    # Other processes write to these orders. For a while, read their new lines first:
                    # that is cheaper than to compute a batch twice.
                    self._contended = CONTENTION_BATCHES
                    if attempt >= PAUSE_AFTER_ATTEMPTS:
                        self._forget(units, responses)
                        self._look_up.forget(looked_up)
                    continue
                self._keep(responses)
                self._look_up.keep(looked_up)
                return IntakeResult(appended.position, receipts)
        raise TooContended(f"{len(units)} orders, {ATTEMPTS} attempts")

    def _ledger_writes(
        self,
        units: Sequence[OrderBatch],
        orders: Mapping[UUID, Order],
        outcomes: Sequence[OrderOutcome],
        again: bool,
    ) -> Iterable[Write]:
        if self._told_refunds is None:
            return ()
        changed = [
            (orders.get(outcome.stream) or Order(id=unit.order), outcome.order)
            for unit, outcome in zip(units, outcomes, strict=True)
            if any(
                isinstance(a.signal, RefundIssued) or names_identity(a.signal)
                for a in unit.arrivals
            )
        ]
        if not changed:
            return ()
        return self._told_refunds(changed, units[0].arrivals[0].received_at, again)

    def _are_current(self, writes: Sequence[Write]) -> bool:
        """Whether these streams are still at the versions that the writes were decided on."""
        tails = self._log.tails({write.stream: write.expected for write in writes})
        return not any(tails.values())

    def _look_up_new(
        self, units: Sequence[OrderBatch]
    ) -> tuple[Mapping[UUID, Order], LookUpResult]:
        """The orders, and what look-ups find about the new ones."""
        load = self._orders.refreshed if self._contended else self._orders.cached
        orders = load([order_stream(unit.order) for unit in units])
        wanted = self._rulebook().document.look_ups
        placed = find_new_orders(units, orders) if wanted is not None else []
        if wanted is None or not placed:
            return orders, EMPTY_RESULT
        found = self._look_up.of(placed, wanted, contended=self._contended > 0)
        arrivals = (arrival for unit in units for arrival in unit.arrivals)
        return orders, self._suspicions.rule_out(found, placed, arrivals, orders.values())

    def _respond(
        self,
        units: Sequence[OrderBatch],
        orders: Mapping[UUID, Order],
        looked_up: LookUpResult,
        receipts: list[Receipt],
        actor: Actor,
    ) -> list[OrderOutcome]:
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        load = self._cases.refreshed if self._contended else self._cases.cached
        cases = load(refs) if refs else {}
        rulebook = self._rulebook()
        outcomes = []
        for unit in units:
            order = orders.get(order_stream(unit.order)) or Order(id=unit.order)
            outcomes.append(
                decide_order(unit, order, cases, looked_up, rulebook, receipts, actor, self._staff)
            )
        return outcomes

    def _keep(self, outcomes: Sequence[OrderOutcome]) -> None:
        for outcome in outcomes:
            self._orders.keep(outcome.stream, outcome.order)
            for case_id in outcome.changed:
                self._cases.keep(case_id, outcome.cases[case_id])

    def _forget(self, units: Sequence[OrderBatch], outcomes: Sequence[OrderOutcome]) -> None:
        self._orders.forget(order_stream(unit.order) for unit in units)
        self._cases.forget(case for outcome in outcomes for case in outcome.cases)
