"""The governance of policies: which one is in force at any time, and the state of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from msgspec import UNSET, Struct, structs

from domain.people import Actor
from domain.policy import events
from domain.policy.versions import Policy, PolicyAction, PolicyActivation, PolicyChange, PolicyState


class Governance(Struct, frozen=True, kw_only=True):
    version: int = 0
    policies: Mapping[str, Policy] = {}
    """By digest, in the order of their first events."""
    reigns: tuple[PolicyActivation, ...] = ()
    """The activations, by start."""

    def in_force(self, at: datetime) -> Policy | None:
        """The policy in force at this time; None before the first."""
        active = self.activation_at(at)
        return self.policies[active.digest] if active is not None else None

    def activation_at(self, at: datetime) -> PolicyActivation | None:
        """The activation that started last, of those that have started and not expired."""
        return next((active for active in reversed(self.reigns) if active.holds(at)), None)

    def approved_at(self, at: datetime) -> Policy | None:
        """The policy in force, without emergency changes that nobody has ratified."""
        begun = [a for a in self.reigns if a.starts_at <= at and not a.is_by_one_person]
        return self.policies[begun[-1].digest] if begun else None

    def scheduled(self, now: datetime) -> PolicyActivation | None:
        return next((active for active in self.reigns if active.starts_at > now), None)

    def policy_changes(self) -> tuple[PolicyChange, ...]:
        """Every time, past and future, at which another document comes into force."""
        moments = {active.starts_at for active in self.reigns}
        moments |= {active.expires_at for active in self.reigns if active.expires_at is not None}
        found: list[PolicyChange] = []
        before: str | None = None
        for moment in sorted(moments):
            active = self.activation_at(moment)
            if active is not None and active.digest != before:
                found.append(PolicyChange(moment, active.digest, before))
                before = active.digest
        return tuple(found)

    def named(self, name: str) -> Policy | None:
        """The policy with this version or digest; None if there is none."""
        if (found := self.policies.get(name)) is not None:
            return found
        return next((p for p in self.policies.values() if p.version == name), None)

    def state(self, policy: Policy, now: datetime) -> PolicyState:
        active = self.activation_at(now)
        if active is not None and active.digest == policy.digest:
            return PolicyState.IN_FORCE
        own = [active for active in self.reigns if active.digest == policy.digest]
        if not own or policy.is_pending:
            return policy.standing
        if own[-1].starts_at > now:
            return PolicyState.SCHEDULED
        expires_at = own[-1].expires_at
        if expires_at is not None and expires_at <= now:
            return PolicyState.EXPIRED
        return PolicyState.RETIRED

    def next_due(self) -> datetime | None:
        """When the next scheduled policy starts or emergency change expires."""
        return min(
            (a.expires_at or a.starts_at for a in self.reigns if not a.is_told), default=None
        )

    def find_due_events(self, now: datetime) -> list[events.GovernanceEvent]:
        """The events of starts and expiries up to now that the log does not have yet, by time."""
        found: list[tuple[datetime, events.GovernanceEvent]] = []
        for active in self.reigns:
            at = active.expires_at or active.starts_at
            if active.is_told or at > now:
                continue
            if active.expires_at is None:
                found.append((at, events.PolicyTookEffect(digest=active.digest, effective_from=at)))
            elif (again := self.in_force(at)) is not None:
                expired = events.PolicyEmergencyExpired(
                    digest=active.digest, expires_at=at, again=again.digest
                )
                found.append((at, expired))
        return [event for _, event in sorted(found, key=lambda pair: pair[0])]

    def after(self, event: events.GovernanceEvent, by: Actor, at: datetime) -> Governance:
        now = structs.replace(self, version=self.version + 1)
        match event:
            case events.PolicyProposed():
                return now._proposed(event, by, at)
            case events.PolicySimulated(digest=digest):
                known = (*self.policies[digest].simulations, event)
                return now._act(event, by, at, simulations=known)
            case events.PolicyApproved(note=note):
                return now._act(event, by, at, note, standing=PolicyState.APPROVED)
            case events.PolicyRejected(digest=digest, reason=reason):
                now = now._cancel_scheduled(digest, at)
                return now._act(event, by, at, reason, standing=PolicyState.REJECTED)
            case events.PolicyWithdrawn(digest=digest, reason=reason):
                now = now._cancel_scheduled(digest, at)
                return now._act(event, by, at, reason, standing=PolicyState.WITHDRAWN)
            case events.PolicyActivated(effective_from=effective_from, note=note):
                later = effective_from is not UNSET and effective_from > at
                starts_at = effective_from if effective_from is not UNSET and later else at
                active = PolicyActivation(
                    digest=event.digest, starts_at=starts_at, by=by, is_told=not later
                )
                return now._activate(event, active, at, note or "")
            case events.PolicyRolledBack(reason=reason):
                active = PolicyActivation(
                    digest=event.digest, starts_at=at, by=by, is_rollback=True
                )
                return now._activate(event, active, at, reason)
            case events.PolicyEmergencyActivated(reason=reason, expires_at=expires_at):
                active = PolicyActivation(
                    digest=event.digest,
                    starts_at=at,
                    by=by,
                    expires_at=expires_at,
                    is_emergency=True,
                    is_told=False,
                )
                return now._activate(event, active, at, reason)
            case events.PolicyRatified(note=note):
                now = now._mark_told(event.digest, expires_at=None)
                return now._act(event, by, at, note)
            case events.PolicyTookEffect() | events.PolicyEmergencyExpired():
                return now._mark_told(event.digest)._act(event, by, at)
            case _:
                assert_never(event)

    def _proposed(self, event: events.PolicyProposed, by: Actor, at: datetime) -> Governance:
        authors = frozenset(by.persons)
        now = self
        if event.revises is not UNSET and event.revises != event.digest:
            revised = self.policies[event.revises]
            authors |= revised.authors
            replaced = structs.replace(revised, standing=PolicyState.REVISED)
            now = structs.replace(self, policies={**self.policies, revised.digest: replaced})
        known = self.policies.get(event.digest)
        return now._with(
            Policy(
                document=event.document,
                digest=event.digest,
                standing=PolicyState.PROPOSED,
                is_pending=True,
                base=event.base,
                authors=authors | (known.authors if known else frozenset()),
                acts=(*(known.acts if known else ()), now._action(event, by, at, event.why)),
                simulations=known.simulations if known else (),
            )
        )

    def _activate(
        self,
        event: events.PolicyActivated | events.PolicyRolledBack | events.PolicyEmergencyActivated,
        active: PolicyActivation,
        at: datetime,
        note: str,
    ) -> Governance:
        """Add an activation. Scheduled ones lapse, unless the event keeps them: they were approved to
        replace another policy."""
        by, keeps = active.by, getattr(event, "keeps_scheduled", False) is True
        kept = (a for a in self.reigns if keeps or a.starts_at <= at)
        reigns = sorted((*kept, active), key=lambda one: one.starts_at)
        known = self.policies.get(event.digest) or Policy(
            document=event.document,
            digest=event.digest,
            standing=PolicyState.APPROVED,
            base=event.base if isinstance(event, events.PolicyEmergencyActivated) else None,
            authors=frozenset(by.persons),
        )
        policy = structs.replace(
            known,
            standing=PolicyState.APPROVED,
            is_pending=False,
            authors=known.authors | frozenset(by.persons if active.is_emergency else ()),
            acts=(*known.acts, self._action(event, by, at, note)),
        )
        return structs.replace(self._with(policy), reigns=tuple(reigns))

    def _cancel_scheduled(self, digest: str, now: datetime) -> Governance:
        kept = tuple(a for a in self.reigns if a.digest != digest or a.starts_at <= now)
        policy = structs.replace(self.policies[digest], is_pending=True)
        return structs.replace(self._with(policy), reigns=kept)

    def _mark_told(self, digest: str, **change: None) -> Governance:
        """Mark the newest activation of this document whose start or expiry is not in the log yet."""
        activations = list(self.reigns)
        for n, active in reversed([*enumerate(activations)]):
            if active.digest == digest and not active.is_told:
                activations[n] = structs.replace(active, is_told=True, **change)
                break
        return structs.replace(self, reigns=tuple(activations))

    def _act(
        self,
        event: events.GovernanceEvent,
        by: Actor,
        at: datetime,
        note: str = "",
        **change: object,
    ) -> Governance:
        policy = self.policies[event.digest]
        acts = (*policy.acts, self._action(event, by, at, note))
        return self._with(structs.replace(policy, acts=acts, **change))

    def _with(self, policy: Policy) -> Governance:
        return structs.replace(self, policies={**self.policies, policy.digest: policy})

    def _action(
        self, event: events.GovernanceEvent, by: Actor, at: datetime, note: str
    ) -> PolicyAction:
        """The act of the event that this state already counts."""
        return PolicyAction(str(event.__struct_config__.tag), by, at, note, self.version)
