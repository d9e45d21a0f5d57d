"""The policy in force, and the commands of policy governance.

A policy document is recorded whole in the log before the first decision cites it.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, structs

from application.log.caller import Caller, system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import POLICY as POLICY_KIND
from application.log.streams import governance_after
from application.policy.policy_persons import NobodyOnRecord, PeopleOnRecord, PolicyPersons
from application.policy.recheck_timers import recheck_timers
from domain.adjustments.decisions import require_matrix
from domain.errors import TooContended
from domain.people import OPERATOR_ACTOR, TIMEKEEPER_ACTOR
from domain.permissions import Permission
from domain.policy import governance_decisions as decisions
from domain.policy.approvals import ApprovalMatrix
from domain.policy.errors import PolicyInForce
from domain.policy.events import POLICY_STREAM, GovernanceEvent, PolicyActivated, PolicySimulated
from domain.policy.governance import Governance
from domain.policy.rulebook import Rulebook
from domain.policy.versions import Policy

ATTEMPTS = 10


class PolicyResult(Struct, frozen=True):
    """The policy after the command, the state of governance, and the log's position."""

    policy: Policy
    governance: Governance
    now: datetime
    position: int


class _ActivePolicy(Struct, frozen=True):
    """The policy in force, and until when, as far as the log has been read."""

    rulebook: Rulebook
    until: datetime | None


class PolicyDesk:
    """Holds the rulebook in force. Commands decide by `current`: it follows the log with each call of
    `refresh`, and changes by itself at the times that the log names. Without `people`, each name is a
    person who may do everything."""

    def __init__(
        self, log: EventLog, clock: Callable[[], datetime], people: PeopleOnRecord | None = None
    ) -> None:
        self._log = log
        self._clock = clock
        self._persons = PolicyPersons(log, people or NobodyOnRecord())
        self._governance = Governance()
        self._rulebooks: dict[str, Rulebook] = {}
        self._deciding: _ActivePolicy | None = None
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
        """The state of governance when the log was last read."""
        return self._governance

    def load(self) -> Rulebook | None:
        """Read the log, and decide by the policy that is active there, if there is one."""
        self.refresh()
        return self._deciding.rulebook if self._deciding is not None else None

    def refresh(self) -> Governance:
        """Read what other processes have written. Policies that come into force later are compiled now."""
        version = self._governance.version
        lines = self._log.tails({POLICY_STREAM: version}).get(POLICY_STREAM, ())
        if lines or self._deciding is None:
            with self._lock:
                governance = self._governance
                for line in lines:
                    if line.version > governance.version:
                        governance = governance_after(governance, line)
                self._adopt(governance)
        return self._governance

    def rulebook(self, policy: Policy) -> Rulebook:
        """The compiled policy; each is compiled once."""
        found = self._rulebooks.get(policy.digest)
        if found is None:
            found = self._rulebooks[policy.digest] = Rulebook(policy.document)
        return found

    def cited(self, version: str, at: datetime) -> list[Rulebook]:
        """The policies with this version; first the one that was in force at that time."""
        governance = self._governance
        if governance.named(version) is None:
            governance = self.refresh()
        deciding = governance.in_force(at)
        named = [policy for policy in governance.policies.values() if policy.version == version]
        named.sort(key=lambda policy: deciding is None or policy.digest != deciding.digest)
        return [self.rulebook(policy) for policy in named]

    def matrix(self, digest: str) -> ApprovalMatrix:
        """The approval matrix of the policy with this digest. Raises NothingMayBeGiven."""
        return require_matrix(self.rulebook(self.refresh().policies[digest]))

    def _adopt(self, governance: Governance) -> None:
        now = self._clock()
        for change in governance.policy_changes():
            if change.at > now:
                self.rulebook(governance.policies[change.digest])
        self._governance = governance
        self._at(now)

    def _at(self, now: datetime) -> _ActivePolicy | None:
        governance = self._governance
        policy = governance.in_force(now)
        if policy is None:
            return None
        until = min(
            (change.at for change in governance.policy_changes() if change.at > now), default=None
        )
        self._deciding = _ActivePolicy(self.rulebook(policy), until)
        return self._deciding

    # Before governance begins

    def activate_if_none(self, default: Rulebook, now: datetime) -> None:
        """Decide by the active policy of the log; if there is none, activate this one."""
        for _ in range(ATTEMPTS):
            if self.load() is not None:
                return
            if self._governance.version:  # the clock runs behind: that allows no other policy
                raise PolicyInForce("the log has a policy, from a later time than this clock shows")
            with suppress(VersionTaken):  # another process activated a policy: use that one
                event = PolicyActivated(document=default.document, digest=default.digest)
                by = system_caller(OPERATOR_ACTOR, now, "command:policy")
                self._append(self._governance, [event], by)
                return
        raise TooContended(f"{ATTEMPTS} attempts")

    def bootstrap(self, rulebook: Rulebook, now: datetime) -> None:
        """Activate the first policy. Raises PolicyInForce if another one is in force."""
        self.activate_if_none(rulebook, now)
        if self.current.digest != rulebook.digest:
            raise PolicyInForce(
                f"version {self.current.version} is in force: propose a new version"
            )

    # Commands of people

    def propose(
        self, rulebook: Rulebook, why: str, revises: str | None, by: Caller
    ) -> PolicyResult:
        document = rulebook.document
        return self._act(by, lambda g: decisions.propose(g, document, why, revises, by.now))

    def approve(self, name: str, note: str, base: str | None, by: Caller) -> PolicyResult:
        self._persons.require_permission(by, Permission.APPROVE_POLICIES)

        def decide(governance: Governance, policy: Policy) -> GovernanceEvent:
            # At each attempt: two names may have become one person since the one before.
            names = self._persons.names_behind(by)
            return decisions.approve(governance, policy, note, base, by.actor, by.now, names)

        return self._about(name, by, decide)

    def reject(self, name: str, reason: str, by: Caller) -> PolicyResult:
        return self._about(name, by, lambda g, p: decisions.reject(g, p, reason, by.actor, by.now))

    def withdraw(self, name: str, reason: str, by: Caller) -> PolicyResult:
        return self._about(
            name, by, lambda g, p: decisions.withdraw(g, p, reason, by.actor, by.now)
        )

    def activate(
        self, name: str, effective_from: datetime | None, note: str, by: Caller
    ) -> PolicyResult:
        self._persons.require_permission(by, Permission.ACTIVATE_POLICIES)
        names, had = self._persons.names_of, self._persons.had_role
        return self._about(
            name,
            by,
            lambda g, p: decisions.activate(
                g, p, effective_from, note, by.actor, by.now, names, had
            ),
        )

    def roll_back(self, to: str, version: str | None, reason: str, by: Caller) -> PolicyResult:
        self._persons.require_permission(by, Permission.ACTIVATE_POLICIES)
        queues = self._persons.queues_of(by)
        return self._about(
            to,
            by,
            lambda g, p: decisions.roll_back(g, p, version, reason, by.actor, by.now, queues),
        )

    def emergency(
        self, rulebook: Rulebook, reason: str, expires_at: datetime | None, by: Caller
    ) -> PolicyResult:
        self._persons.require_permission(by, Permission.ACTIVATE_POLICIES)
        document, queues = rulebook.document, self._persons.queues_of(by)
        return self._act(
            by,
            lambda g: decisions.activate_emergency(
                g, document, reason, expires_at, by.actor, by.now, queues, self._persons.names_of
            ),
        )

    def ratify(self, name: str, note: str, by: Caller) -> PolicyResult:
        self._persons.require_permission(by, Permission.APPROVE_POLICIES)
        had = self._persons.had_role

        def decide(governance: Governance, policy: Policy) -> GovernanceEvent:
            names = self._persons.names_behind(by)
            return decisions.ratify(governance, policy, note, by.actor, by.now, names, had)

        return self._about(name, by, decide)

    def record_simulation(self, event: PolicySimulated, by: Caller) -> PolicyResult:
        """Record the result of a simulation."""
        return self._act(by, lambda _: event)

    def tick(self, stream: UUID, now: datetime) -> None:
        """Record the governance events that are due."""
        for _ in range(ATTEMPTS):
            governance = self.refresh()
            with suppress(VersionTaken):
                due = governance.find_due_events(now)
                by = system_caller(TIMEKEEPER_ACTOR, now, f"due:{now.isoformat()}")
                self._append(governance, due, by)
                return
        raise TooContended(f"{ATTEMPTS} attempts")

    def _about(
        self, name: str, by: Caller, decide: Callable[[Governance, Policy], GovernanceEvent]
    ) -> PolicyResult:
        """Raises PolicyNotFound."""
        return self._act(
            by,
            lambda g: decide(g, decisions.require_policy(g, name)),
            lambda g: self._persons.guards(decisions.require_policy(g, name), by),
        )

    def _act(
        self,
        by: Caller,
        decide: Callable[[Governance], GovernanceEvent],
        guards: Callable[[Governance], Sequence[Write]] = lambda _: (),
    ) -> PolicyResult:
        for _ in range(ATTEMPTS):
            governance = self.refresh()
            unchanged = guards(governance)
            event = decide(governance)
            # Somebody else was faster, or one of the people has changed: decide again.
            with suppress(VersionTaken):
                return self._append(governance, [event], by, unchanged)
        raise TooContended(f"{ATTEMPTS} attempts")

    def _append(
        self,
        before: Governance,
        events: Sequence[GovernanceEvent],
        by: Caller,
        guards: Sequence[Write] = (),
    ) -> PolicyResult:
        after = before
        for event in events:
            after = after.after(event, by.actor, by.now)
        due = after.next_due()
        # A tick without events still sets the timer, or the stream would be due again at once.
        next_due = due if due != before.next_due() or not events else UNSET
        write = by.write(POLICY_STREAM, POLICY_KIND, before.version, events, next_due=next_due)
        policy = after.policies[events[-1].digest] if events else after.in_force(by.now)
        assert policy is not None
        result = PolicyResult(policy, after, by.now, 0)
        writes = [write, *recheck_timers(before, after, by.now), *guards]
        appended = self._log.append(writes, by.row_of(result))
        with self._lock:
            if after.version > self._governance.version:
                self._adopt(after)
        return structs.replace(result, position=appended.position)
