"""An office of people who propose, approve and activate policies, hour by hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from domain.people import Actor
from domain.policy import governance_decisions
from domain.policy.document import PolicyDocument, digest_of
from domain.policy.events import GovernanceEvent, PolicyActivated
from domain.policy.governance import Governance
from domain.policy.versions import Policy, PolicyState
from tests.domain.policies import shipped, with_version
from tests.domain.signals import after
from tests.domain.simulations import simulated

ANA = Actor("key:ana", "ana")
BO = Actor("key:bo", "bo")
CY = Actor("key:cy", "cy")
SYSTEM = Actor("system:operator")
ANAS_AGENT = Actor("key:helper", "ana", via=("helper",))
BOS_AGENT = Actor("key:helper", "bo", via=("helper",))
BO_FOR_ANA = Actor("key:bo", "ana", delegate="bo")
ANA_FOR_BO = Actor("key:ana", "bo", delegate="ana")

_LOW = shipped()["priorities"]


def policy_with_low_weight(version: str, low: int = 1) -> PolicyDocument:
    """This version of the shipped policy with this weight for the lowest severity."""
    severity = {**_LOW["severity"], "low": low}
    return with_version(version, priorities={**_LOW, "severity": severity}).document


class PolicyOffice:
    """Policies under governance, with one method for each act."""

    def __init__(self, first: PolicyDocument | None = None) -> None:
        self.governed = Governance()
        self.events: list[GovernanceEvent] = []
        self.first = first or policy_with_low_weight("1")
        activated = PolicyActivated(document=self.first, digest=digest_of(self.first))
        self.tell(activated, SYSTEM, 0)

    def tell(self, event: GovernanceEvent, by: Actor, hour: float) -> None:
        self.governed = self.governed.after(event, by, after(hour))
        self.events.append(event)

    def propose(
        self, document: PolicyDocument, by: Actor, hour: float, revises: str | None = None
    ) -> None:
        """Propose it, and simulate it."""
        event = governance_decisions.propose(
            self.governed, document, "Better.", revises, after(hour)
        )
        self.tell(event, by, hour)
        self.tell(simulated(event.digest, event.base, after(hour)), by, hour)

    def approve(self, version: str, by: Actor, hour: float, base: str | None = None) -> None:
        self._do(
            version,
            by,
            hour,
            lambda p: governance_decisions.approve(self.governed, p, "", base, by, after(hour)),
        )

    def reject(self, version: str, by: Actor, hour: float) -> None:
        self._do(
            version,
            by,
            hour,
            lambda p: governance_decisions.reject(self.governed, p, "No.", by, after(hour)),
        )

    def withdraw(self, version: str, by: Actor, hour: float) -> None:
        self._do(
            version,
            by,
            hour,
            lambda p: governance_decisions.withdraw(self.governed, p, "No.", by, after(hour)),
        )

    def activate(
        self, version: str, by: Actor, hour: float, effective_from: datetime | None = None
    ) -> None:
        self._do(
            version,
            by,
            hour,
            lambda p: governance_decisions.activate(
                self.governed, p, effective_from, "", by, after(hour)
            ),
        )

    def roll_back(self, to: str, by: Actor, hour: float, version: str | None = None) -> None:
        self._do(
            to,
            by,
            hour,
            lambda p: governance_decisions.roll_back(
                self.governed, p, version, "Broken.", by, after(hour)
            ),
        )

    def emergency(
        self, document: PolicyDocument, by: Actor, hour: float, until: float | None = None
    ) -> None:
        expires_at = after(until) if until is not None else None
        event = governance_decisions.activate_emergency(
            self.governed, document, "It burns.", expires_at, by, after(hour)
        )
        self.tell(event, by, hour)

    def ratify(self, version: str, by: Actor, hour: float) -> None:
        self._do(
            version,
            by,
            hour,
            lambda p: governance_decisions.ratify(self.governed, p, "", by, after(hour)),
        )

    def change(self, document: PolicyDocument, hour: float) -> None:
        """Propose, approve and activate it within the hour."""
        self.propose(document, ANA, hour)
        self.approve(document.version, BO, hour)
        self.activate(document.version, BO, hour)

    def in_force(self, hour: float) -> str:
        found = self.governed.in_force(after(hour))
        assert found is not None
        return found.version

    def state(self, version: str, hour: float) -> PolicyState:
        return self.governed.state(
            governance_decisions.require_policy(self.governed, version), after(hour)
        )

    def _do(
        self, version: str, by: Actor, hour: float, decide: Callable[[Policy], GovernanceEvent]
    ) -> None:
        self.tell(decide(governance_decisions.require_policy(self.governed, version)), by, hour)
