"""A judge of one order: who acted on its cases and its break-glasses, read from the bytes of the log alone. It
shares no code with the rules that it checks.

Names count as one human from the line that links them. Two duties that turn out to be one human's later are no
finding by themselves: a payment that is ordered afterwards is. The same holds for a role that two people gave and
that turns out to be given by one, or by its receiver.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from tests.proofs.duty_ledger import DUTY_OF

ENDED: Final = ("rejected", "withdrawn", "lapsed", "execution_failed")
WORKERS: Final = frozenset({"handler", "exception_specialist", "team_lead", "ops_manager"})
ROLES_FOR: Final = {
    "review": WORKERS,
    "approve": frozenset({"team_lead", "ops_manager", "finance_approver"}),
    "execute": frozenset({"finance_approver"}),
}
"""The roles that allow each part of a payment."""
MANAGERS: Final = ("ops_manager", "governance_owner")
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Glass:
    """A break-glass: who asked and opened, for which case if for one, and the duties over the order then."""

    asker: str
    case: str | None
    involved: frozenset[str]
    """The names with a duty over the order when it was asked for."""
    opener: str | None = None
    is_used: bool = False


@dataclass(frozen=True)
class Given:
    """A role: who received it, and the names of its giver and its confirmer. The operator gives without a name."""

    role: str
    receiver: str
    givers: frozenset[str]
    confirmers: frozenset[str] = frozenset()
    relies_on: tuple[tuple[str, tuple[Given, ...]], ...] = ()
    """The roles by which each of them managed people then."""

    @property
    def is_active(self) -> bool:
        return bool(self.confirmers) or not self.givers


@dataclass(frozen=True)
class Act:
    """A part of a payment: the names behind it, and the roles that it relies on."""

    duty: str
    who: frozenset[str]
    person: str
    roles: tuple[Given, ...]
    is_under_glass: bool


@dataclass(frozen=True)
class Payment:
    """An adjustment of the order: its amount, and the acts that lead to it."""

    amount: Decimal
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Judge:
    """What was read so far. `worth` is what the order costs."""

    worth: Decimal
    streams: tuple[tuple[str, str], ...] = ()
    """The name of each person's stream."""
    humans: frozenset[frozenset[str]] = frozenset()
    """Names that are one human."""
    duties: frozenset[tuple[str, str]] = frozenset()
    """By name, over all cases of the order."""
    roles: tuple[tuple[tuple[str, str], Given], ...] = ()
    """By the receiver's stream and the grant."""
    payments: tuple[tuple[str, Payment], ...] = ()
    glasses: tuple[tuple[str, Glass], ...] = ()
    findings: tuple[str, ...] = ()

    def names(self, *names: str) -> frozenset[str]:
        """All names of the humans behind these names."""
        return frozenset(names).union(*(group for group in self.humans if group & {*names}))

    def after(self, line: Line) -> Judge:
        """The judge after one more line."""
        event = line["event"]
        kind, _, what = event["type"].partition(".")
        if event["type"] == "person.added":
            judge = replace(self, streams=(*self.streams, (line["stream"], event["name"])))
            for n, role in enumerate(event["roles"], start=1):
                judge = judge._give(line, f"g{n}", role)
            return judge
        if what in ("granted", "grant_proposed"):
            return self._give(line, event["grant"], event["role"])
        if what == "grant_confirmed":
            at, roles = (line["stream"], event["grant"]), dict(self.roles)
            confirmers = _persons(line)
            relies_on = (*roles[at].relies_on, *self._managing(confirmers))
            roles[at] = replace(roles[at], confirmers=confirmers, relies_on=relies_on)
            return replace(self, roles=tuple(roles.items()))._confirmed(roles[at])
        if event["type"] == "person.same_as":
            one = self.names(dict(self.streams)[line["stream"]], event["other"])
            rest = {group for group in self.humans if not group & one}
            return replace(self, humans=frozenset({*rest, one}))
        if kind == "break_glass":
            return self._glass(line, what)
        if kind == "case":
            return self._case(line, event)
        return self

    def _give(self, line: Line, grant: str, role: str) -> Judge:
        receiver, givers = dict(self.streams)[line["stream"]], _persons(line)
        given = Given(role, receiver, givers, relies_on=self._managing(givers))
        return replace(self, roles=(*self.roles, ((line["stream"], grant), given)))

    def _confirmed(self, one: Given) -> Judge:
        judge, what = self, f"a role of {one.receiver} is confirmed"
        if not self._is_by_two(one):
            judge = judge._found(f"{what}, and no two people gave it to a third")
        others = [
            name
            for name, roles in self._managing(one.givers | one.confirmers)
            if not any(map(self._is_valid, roles))
        ]
        return judge._found(*(f"{what}, and {name} may not manage people" for name in others))

    def _managing(self, names: frozenset[str]) -> tuple[tuple[str, tuple[Given, ...]], ...]:
        """The roles by which each of them manages people now."""
        active = [by for _, by in self.roles if by.role in MANAGERS and by.is_active]
        return tuple(
            (name, tuple(by for by in active if by.receiver == name)) for name in sorted(names)
        )

    def _is_by_two(self, one: Given) -> bool:
        """Whether two humans gave it to a third, or the operator gave it."""
        parts = [self.names(*names) for names in ({one.receiver}, one.givers, one.confirmers)]
        return not one.givers or sum(map(len, parts)) == len(frozenset().union(*parts))

    def _is_valid(self, one: Given) -> bool:
        """Whether two humans gave it to a third, each by a role that is valid itself."""
        return not one.givers or (
            self._is_by_two(one)
            and all(any(map(self._is_valid, roles)) for _, roles in one.relies_on)
        )

    def _found(self, *findings: str) -> Judge:
        return replace(self, findings=(*self.findings, *findings))

    def _involved(self, names: Iterable[str]) -> bool:
        return bool({name for name, _ in self.duties} & self.names(*names))

    def _glass(self, line: Line, what: str) -> Judge:
        who, glasses = line["actor"].get("person"), dict(self.glasses)
        judge, one = self, glasses.get(line["stream"])
        if what == "asked":
            case = line["event"].get("case")
            one = Glass(who, case, frozenset(name for name, _ in self.duties))
        elif one is not None and what == "opened":
            one = replace(one, opener=who)
        assert one is not None
        if what in ("asked", "opened", "reviewed") and one.case and self._involved([who]):
            judge = judge._found(
                f"{who} has a part in the case, and a break-glass for it is {what}"
            )
        if what == "reviewed" and self.names(who) & {one.asker, one.opener}:
            judge = judge._found(f"{who} reviews a break-glass of their own")
        if what == "opened" and one.opener in self.names(one.asker):
            judge = judge._found(f"{who} opens a break-glass that they asked for")
        return replace(judge, glasses=tuple({**glasses, line["stream"]: one}.items()))

    def _case(self, line: Line, event: Line) -> Judge:
        judge, duty = self, DUTY_OF.get(event["type"])
        who = _persons(line)
        if under := line["actor"].get("under"):
            judge = judge._use(under.partition(":")[2])
        if duty is not None and who:
            everyone = self.names(*who)
            for name, held in sorted(self.duties):
                if name in everyone and held != duty:
                    judge = judge._found(
                        f"{name} has the duty to {held} over the order, then to {duty}"
                    )
            for one in dict(judge.glasses).values():
                if one.is_used and one.opener in everyone:
                    judge = judge._found(f"{one.opener} opened a break-glass and takes a duty")
            judge = replace(judge, duties=judge.duties | {(name, duty) for name in who})
        if event["type"].startswith("case.adjustment_"):
            act = judge._act(line, duty, who) if duty is not None and who else None
            judge = judge._money(event, event["type"].removeprefix("case.adjustment_"), act)
        return judge

    def _act(self, line: Line, duty: str, who: frozenset[str]) -> Act:
        person = line["actor"]["person"]
        roles = [
            one
            for _, one in self.roles
            if one.receiver == person and one.is_active and one.role in ROLES_FOR.get(duty, ())
        ]
        return Act(duty, who, person, tuple(roles), "under" in line["actor"])

    def _use(self, stream: str) -> Judge:
        glasses = dict(self.glasses)
        one = replace(glasses[stream], is_used=True)
        judge = replace(self, glasses=tuple({**glasses, stream: one}.items()))
        return judge._found(*judge._faults_of(one))

    def _faults_of(self, one: Glass) -> list[str]:
        """What is wrong with a break-glass that was used, by the names that are linked by now."""
        found = []
        if self._involved([one.opener or ""]):
            found.append(
                f"{one.opener} opened the break-glass that was used, and has a part in the order"
            )
        if one.involved & self.names(one.asker):
            found.append(
                f"{one.asker} asked for the break-glass that was used, and had a part in the order"
            )
        if one.opener in self.names(one.asker):
            found.append(f"{one.asker} asked for and opened the break-glass that was used")
        return found

    def _money(self, event: Line, what: str, act: Act | None) -> Judge:
        judge, payments = self, dict(self.payments)
        known = payments.get(event["adjustment"])
        if what == "proposed" and act is not None:
            known = Payment(Decimal(event["amount"]["amount"]), (act,))
        elif known is not None and what in ENDED:
            del payments[event["adjustment"]]
            return replace(self, payments=tuple(payments.items()))
        elif known is not None and act is not None and what in ("approved", "execution_started"):
            known = replace(known, acts=(*known.acts, act))
        if known is None:
            return self._found(f"{what} of what nobody proposed")
        payments[event["adjustment"]] = known
        judge = replace(self, payments=tuple(payments.items()))
        if sum(one.amount for one in payments.values()) > self.worth:
            judge = judge._found("more is given for the order than it is worth")
        if what == "execution_started":
            judge = judge._found(*judge._payment_faults(known))
        return judge

    def _payment_faults(self, one: Payment) -> list[str]:
        """What is wrong when a payment is ordered, by the names that are linked by now."""
        found = []
        for n, act in enumerate(one.acts):
            names = self.names(*act.who)
            for other in one.acts[:n]:
                if names & self.names(*other.who):
                    found.append(f"paid, though one human has to {other.duty} and to {act.duty}")
            if {held for name, held in self.duties if name in names} != {act.duty}:
                found.append(f"paid, though who has to {act.duty} has another duty over the order")
            if not act.is_under_glass and not any(map(self._is_valid, act.roles)):
                found.append(f"paid, though no two people gave {act.person} a role to {act.duty}")
        for _, glass in self.glasses:
            if glass.is_used:
                found += [f"paid, though {fault}" for fault in self._faults_of(glass)]
        return found


def _persons(line: Line) -> frozenset[str]:
    """The names behind the line; none if it is the operator's."""
    actor = line["actor"]
    return frozenset(name for name in (actor.get("person"), actor.get("delegate")) if name)


def judge_of(states: Iterable[bytes], worth: str) -> Judge:
    """The judge after a whole log of one order."""
    judge = Judge(Decimal(worth))
    for state in states:
        judge = judge.after(json.loads(state))
    return judge
