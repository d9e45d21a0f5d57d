"""The policy that decides: recorded whole in the log before the first decision cites it, and changed
only as governance allows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct

from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import POLICY as POLICY_KIND
from application.log.streams import RECHECK, governance_after
from domain.adjustments.decisions import matrix_of
from domain.errors import TooContended
from domain.people import OPERATOR, TIMEKEEPER, Actor
from domain.policy import governance_decisions
from domain.policy.approvals import ApprovalMatrix
from domain.policy.errors import PolicyInForce
from domain.policy.events import (
    POLICY_STREAM,
    GovernanceEvent,
    PolicyActivated,
    PolicySimulated,
    recheck_stream,
)
from domain.policy.governance import Governance, Policy
from domain.policy.rulebook import Rulebook

ATTEMPTS = 10
SETTLED = timedelta(seconds=3)
"""After so long, no process decides by the policy before any more: everything open is looked at."""


class Governed(Struct, frozen=True):
    """The policy after the command, how all stand, and the log's position."""

    policy: Policy
    governance: Governance
    now: datetime
    position: int


class _Deciding(Struct, frozen=True):
    """What decides until when, as far as the log has been read."""

    rulebook: Rulebook
    until: datetime | None


class PolicyDesk:
    """Holds the active rulebook. `current` is what the commands decide by: it follows the log as
    often as somebody calls `refresh`, and the moments that the log names by itself."""

    def __init__(self, log: EventLog, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._clock = clock
        self._governance = Governance()
        self._rulebooks: dict[str, Rulebook] = {}
        self._deciding: _Deciding | None = None
        self._lock = threading.Lock()

    @property
    def current(self) -> Rulebook:
        deciding = self._deciding
        if deciding is not None and deciding.until is not None:
            now = self._clock()
            if now >= deciding.until:
                deciding = self._at(now)
        if deciding is None:
            raise LookupError("no policy is active: activate one before the first signal")
        return deciding.rulebook

    @property
    def governance(self) -> Governance:
        """As the log had it when it was last read."""
        return self._governance

    def load(self) -> Rulebook | None:
        """The policy that the log has as active, if any; from here on it decides."""
        self.refresh()
        return self._deciding.rulebook if self._deciding is not None else None

    def refresh(self) -> Governance:
        """Take up what others have written since. What is to decide later is compiled now."""
        version = self._governance.version
        lines = self._log.tails({POLICY_STREAM: version}).get(POLICY_STREAM, ())
        if lines or self._deciding is None:
            with self._lock:
                governance = self._governance
                for line in lines:
                    if line.version > governance.version:
                        governance = governance_after(governance, line)
                self._take_up(governance)
        return self._governance

    def rulebook(self, policy: Policy) -> Rulebook:
        """Compiled once."""
        found = self._rulebooks.get(policy.digest)
        if found is None:
            found = self._rulebooks[policy.digest] = Rulebook(policy.document)
        return found

    def cited(self, version: str, at: datetime) -> list[Rulebook]:
        """The policies of this version, the one that decided at that time first."""
        governance = self._governance
        if governance.named(version) is None:
            governance = self.refresh()
        deciding = governance.in_force(at)
        named = [one for one in governance.policies.values() if one.version == version]
        named.sort(key=lambda one: deciding is None or one.digest != deciding.digest)
        return [self.rulebook(one) for one in named]

    def matrix(self, digest: str) -> ApprovalMatrix:
        """The approval matrix of the policy with this digest. Raises NothingMayBeGiven."""
        return matrix_of(self.rulebook(self.refresh().policies[digest]))

    def _take_up(self, governance: Governance) -> None:
        now = self._clock()
        for turn in governance.turns():
            if turn.at > now:
                self.rulebook(governance.policies[turn.digest])
        self._governance = governance
        self._at(now)

    def _at(self, now: datetime) -> _Deciding | None:
        governance = self._governance
        policy = governance.in_force(now)
        if policy is None:
            return None
        until = min((turn.at for turn in governance.turns() if turn.at > now), default=None)
        self._deciding = _Deciding(self.rulebook(policy), until)
        return self._deciding

    # Before anybody governs

    def ensure(self, default: Rulebook, now: datetime) -> None:
        """Decide by the policy that the log has as active; if it has none, activate this one."""
        for _ in range(ATTEMPTS):
            if self.load() is not None:
                return
            with suppress(VersionTaken):  # by whatever somebody else has activated, then
                event = PolicyActivated(document=default.document, digest=default.digest)
                self._append(self._governance, [event], OPERATOR, now, "command:policy")
                return
        raise TooContended(f"{ATTEMPTS} attempts")

    def bootstrap(self, rulebook: Rulebook, now: datetime) -> None:
        """Decide by this document, where none has decided yet. Raises PolicyInForce."""
        self.ensure(rulebook, now)
        if self.current.digest != rulebook.digest:
            raise PolicyInForce(f"version {self.current.version} decides here")

    # What people do

    def propose(self, rulebook: Rulebook, why: str, revises: str | None, by: Caller) -> Governed:
        document = rulebook.document
        return self._act(
            by, lambda g: governance_decisions.propose(g, document, why, revises, by.now)
        )

    def approve(self, name: str, note: str, base: str | None, by: Caller) -> Governed:
        return self._about(
            name,
            by,
            lambda g, p: governance_decisions.approve(g, p, note, base, by.actor, by.now, by.names),
        )

    def reject(self, name: str, reason: str, by: Caller) -> Governed:
        return self._about(
            name, by, lambda g, p: governance_decisions.reject(g, p, reason, by.actor, by.now)
        )

    def withdraw(self, name: str, reason: str, by: Caller) -> Governed:
        return self._about(
            name, by, lambda g, p: governance_decisions.withdraw(g, p, reason, by.actor, by.now)
        )

    def activate(
        self, name: str, effective_from: datetime | None, note: str, by: Caller
    ) -> Governed:
        return self._about(
            name,
            by,
            lambda g, p: governance_decisions.activate(
                g, p, effective_from, note, by.actor, by.now
            ),
        )

    def roll_back(self, to: str, version: str | None, reason: str, by: Caller) -> Governed:
        return self._about(
            to,
            by,
            lambda g, p: governance_decisions.roll_back(g, p, version, reason, by.actor, by.now),
        )

    def emergency(
        self, rulebook: Rulebook, reason: str, expires_at: datetime | None, by: Caller
    ) -> Governed:
        document = rulebook.document
        return self._act(
            by,
            lambda g: governance_decisions.emergency(
                g, document, reason, expires_at, by.actor, by.now
            ),
        )

    def ratify(self, name: str, note: str, by: Caller) -> Governed:
        return self._about(
            name,
            by,
            lambda g, p: governance_decisions.ratify(g, p, note, by.actor, by.now, by.names),
        )

    def simulated(self, event: PolicySimulated, by: Caller) -> Governed:
        """Keep what a simulation has found."""
        return self._act(by, lambda _: event)

    def tick(self, stream: UUID, now: datetime) -> None:
        """Tell what has come to pass with nobody doing anything."""
        for _ in range(ATTEMPTS):
            governance = self.refresh()
            with suppress(VersionTaken):
                told = governance.came_to_pass(now)
                self._append(governance, told, TIMEKEEPER, now, f"due:{now.isoformat()}")
                return
        raise TooContended(f"{ATTEMPTS} attempts")

    def _about(
        self, name: str, by: Caller, decide: Callable[[Governance, Policy], GovernanceEvent]
    ) -> Governed:
        """Raises PolicyNotFound."""
        return self._act(by, lambda g: decide(g, governance_decisions.policy_named(g, name)))

    def _act(self, by: Caller, decide: Callable[[Governance], GovernanceEvent]) -> Governed:
        for _ in range(ATTEMPTS):
            governance = self.refresh()
            event = decide(governance)
            with suppress(VersionTaken):  # on what somebody else has just done, then
                return self._append(governance, [event], by.actor, by.now, by.cause, by.row)
        raise TooContended(f"{ATTEMPTS} attempts")

    def _append(
        self,
        before: Governance,
        events: Sequence[GovernanceEvent],
        actor: Actor,
        now: datetime,
        cause: str,
        row: Callable[[Any], Any] | None = None,
    ) -> Governed:
        after = before
        for event in events:
            after = after.after(event, actor, now)
        due = after.next_due()
        writes = [
            Write(
                stream=POLICY_STREAM,
                kind=POLICY_KIND,
                expected=before.version,
                events=[(actor, event) for event in events],
                recorded_at=now,
                cause=cause,
                # Asked by its timer, it sets it anew: it must not come up again.
                next_due=due if due != before.next_due() or not events else UNSET,
            ),
            *_rechecks(before, after, now),
        ]
        policy = after.policies[events[-1].digest] if events else after.in_force(now)
        assert policy is not None
        governed = Governed(policy, after, now, 0)
        appended = self._log.append(writes, row(governed) if row is not None else None)
        with self._lock:
            if after.version > self._governance.version:
                self._take_up(after)
        return Governed(policy, after, now, appended.position)


def _rechecks(before: Governance, after: Governance, now: datetime) -> list[Write]:
    """Timers, for a look at everything open soon after each moment at which another document than
    before begins to decide."""
    known = {turn.at for turn in before.turns()}
    return [
        Write(
            stream=recheck_stream(turn.digest, turn.at),
            kind=RECHECK,
            expected=0,
            events=[],
            recorded_at=now,
            next_due=turn.at + SETTLED,
        )
        for turn in after.turns()
        if turn.at not in known and turn.at >= now and turn.before is not None
    ]
