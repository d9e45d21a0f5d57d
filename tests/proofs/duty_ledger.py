"""A ledger of who did what, built from the bytes of the log alone. It shares no code with the rules
that it checks.

It knows four duties, all names of each human, and the allowed order of events. Its findings are
sentences; a log with separate duties and money paid once has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

REVIEW, APPROVE, EXECUTE, RECONCILE = "review", "approve", "execute", "reconcile"
DUTY_OF: Final = {
    **dict.fromkeys(
        (
            "case.opened",
            "case.claimed",
            "case.released",
            "case.handed_off",
            "case.wait_started",
            "case.wait_ended",
            "case.note_added",
            "case.evidence_attached",
            "case.task_created",
            "case.task_done",
            "case.task_dropped",
            "case.held",
            "case.hold_released",
            "case.linked",
            "case.error_declared",
            "case.resolved",
            "case.adjustment_proposed",
            "case.adjustment_withdrawn",
        ),
        REVIEW,
    ),
    "case.adjustment_approved": APPROVE,
    "case.adjustment_rejected": APPROVE,
    "case.adjustment_execution_started": EXECUTE,
    "case.adjustment_executed": EXECUTE,
    "case.adjustment_reconciled": RECONCILE,
}
"""By the written tag of the event."""
NOT_FOR_AGENTS: Final = (APPROVE, EXECUTE, RECONCILE)
OPEN: Final = ("proposed", "approved")

Line = Mapping[str, Any]
"""An envelope as JSON has it."""


@dataclass(frozen=True)
class LedgerAdjustment:
    """An adjustment in the ledger."""

    digest: str
    amount: Decimal
    wanted: int
    state: str = "proposed"
    approvers: tuple[frozenset[str], ...] = ()
    ordered: int = 0
    paid: int = 0


@dataclass(frozen=True)
class CasePage:
    """The ledger's page of one case."""

    duties: frozenset[tuple[str, str]] = frozenset()
    given: tuple[tuple[str, LedgerAdjustment], ...] = ()
    findings: tuple[str, ...] = ()


@dataclass
class DutyLedger:
    """The ledger. `humans` maps each further name of a human to the name that the ledger uses."""

    humans: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Whose stream it is."""

    def add_same_person(self, line: Line) -> None:
        """Record that two names are one human."""
        event = line["event"]
        if event["type"] == "person.added":
            self.names[line["stream"]] = event["name"]
        elif event["type"] == "person.same_as":
            one, other = self.human(self.names[line["stream"]]), self.human(event["other"])
            if one != other:
                self.humans[max(one, other)] = min(one, other)

    def human(self, name: str) -> str:
        while name in self.humans:
            name = self.humans[name]
        return name

    def behind(self, line: Line) -> frozenset[str]:
        """Every human behind an act; nobody for acts of the service itself."""
        actor = line["actor"]
        accounts = (actor.get("person"), actor.get("delegate"))
        return frozenset(self.human(name) for name in accounts if name is not None)

    def apply(self, page: CasePage, line: Line) -> CasePage:
        """The page after one more line of its case."""
        event = line["event"]
        tag = event["type"]
        found = list(self._duty(page, line, tag))
        duty = DUTY_OF.get(tag)
        if duty is not None:
            taken = {(human, duty) for human in self.behind(line)}
            page = replace(page, duties=page.duties | taken)
        if tag.startswith("case.adjustment_"):
            page = self._money(page, line, tag, found)
        return replace(page, findings=(*page.findings, *found)) if found else page

    def _duty(self, page: CasePage, line: Line, tag: str) -> Iterator[str]:
        duty = DUTY_OF.get(tag)
        if duty is None:
            return
        for human in sorted(self.behind(line)):
            for other in sorted(held for who, held in page.duties if who == human):
                if other != duty:
                    yield f"{human} has the duty to {other} and takes the one to {duty}"
        if duty in NOT_FOR_AGENTS and line["actor"].get("via"):
            yield f"an agent takes the duty to {duty}"
        if duty in NOT_FOR_AGENTS and not self.behind(line) and tag != "case.adjustment_executed":
            yield f"nobody takes the duty to {duty}"

    def _money(self, page: CasePage, line: Line, tag: str, found: list[str]) -> CasePage:
        event = line["event"]
        given = dict(page.given)
        name = event["adjustment"]
        if tag == "case.adjustment_proposed":
            if name in given:
                found.append(f"{name} is proposed twice")
            given[name] = LedgerAdjustment(
                event["digest"],
                Decimal(event["amount"]["amount"]),
                event["requirement"]["approvers"],
            )
        elif name not in given:
            found.append(f"{tag} of an adjustment that nobody proposed")
        else:
            given[name] = self._moved(given[name], line, tag, found)
        return replace(page, given=tuple(sorted(given.items())))

    def _moved(
        self, one: LedgerAdjustment, line: Line, tag: str, found: list[str]
    ) -> LedgerAdjustment:
        event = line["event"]
        match tag.removeprefix("case.adjustment_"):
            case "approved":
                if one.state != "proposed":
                    found.append(f"what is {one.state} is approved")
                if event["digest"] != one.digest:
                    found.append("something else is approved than was proposed")
                humans = self.behind(line)
                if any(humans & others for others in one.approvers):
                    found.append(f"{', '.join(sorted(humans))} approves twice")
                approvers = (*one.approvers, humans)
                enough = len(approvers) >= one.wanted
                if event["complete"] != enough:
                    found.append(f"{len(approvers)} of {one.wanted} approvals are called enough")
                state = "approved" if event["complete"] else one.state
                return replace(one, approvers=approvers, state=state)
            case "system_approved":
                if one.wanted or one.state != "proposed":
                    found.append(f"policy approves what {one.wanted} people have to")
                return replace(one, state="approved")
            case "rejected" | "withdrawn" | "lapsed" as ended:
                if one.state not in OPEN:
                    found.append(f"what is {one.state} is {ended}")
                return replace(one, state=ended)
            case "execution_started":
                if one.state != "approved":
                    found.append(f"what is {one.state} is ordered to be paid")
                if one.ordered:
                    found.append("it is ordered to be paid twice")
                return replace(one, state="executing", ordered=one.ordered + 1)
            case "executed":
                if one.state != "executing":
                    found.append(f"what is {one.state} is paid")
                if one.paid:
                    found.append("it is paid twice")
                if Decimal(event["amount"]["amount"]) > one.amount:
                    found.append("more is paid than was approved")
                return replace(one, state="executed", paid=one.paid + 1)
            case "execution_failed":
                return replace(one, state="failed")
            case "reconciled":
                if one.state != "executed":
                    found.append(f"what is {one.state} is reconciled")
                return replace(one, state="reconciled")
        return one


def read(states: Iterable[bytes]) -> dict[str, CasePage]:
    """Read a whole log, case by case. Names that are linked late count for all earlier acts."""
    lines = [json.loads(state) for state in states]
    book = DutyLedger()
    for line in lines:
        book.add_same_person(line)
    pages: dict[str, CasePage] = {}
    for line in lines:
        if line["event"]["type"].startswith("case."):
            pages[line["stream"]] = book.apply(pages.get(line["stream"], CasePage()), line)
    return pages


def read_orders(states: Iterable[bytes]) -> dict[str, frozenset[tuple[str, str]]]:
    """The duties of each human over all cases of an order, by the order's name."""
    lines = [json.loads(state) for state in states]
    book = DutyLedger()
    for line in lines:
        book.add_same_person(line)
    found: dict[str, frozenset[tuple[str, str]]] = {}
    for line in lines:
        duty = DUTY_OF.get(line["event"]["type"])
        if duty is not None:
            taken = frozenset((human, duty) for human in book.behind(line))
            found[line["order"]] = found.get(line["order"], frozenset()) | taken
    return found


def find_several_duties(orders: Mapping[str, frozenset[tuple[str, str]]]) -> list[str]:
    """The humans with several duties over an order."""
    return [
        f"{human} has several duties over order {order}"
        for order, duties in orders.items()
        for human in sorted({human for human, _ in duties})
        if len([duty for one, duty in duties if one == human]) > 1
    ]


def findings(states: Iterable[bytes]) -> list[str]:
    return [
        f"{case}: {finding}" for case, page in read(states).items() for finding in page.findings
    ]
