"""Policy commands, as decoded from a request."""

from typing import Any

from domain.moments import CommandRequest, Moment
from domain.policy.document_types import Version
from domain.policy.events import Digest, OptionalNote, Reason


class ProposePolicy(CommandRequest, frozen=True, kw_only=True):
    """Propose `document`: a policy as in its YAML file, as JSON."""

    document: dict[str, Any]
    why: Reason
    revises: Version | None = None
    """The version of the proposal that this one replaces."""


class ApprovePolicy(CommandRequest, frozen=True, kw_only=True):
    note: OptionalNote = ""
    base: Digest | None = None
    """The digest of the policy that you compared it with; if another is in force now, the approval
    is refused."""


class DropPolicy(CommandRequest, frozen=True, kw_only=True):
    """Reject a policy, or withdraw it as an author."""

    reason: Reason


class ActivatePolicy(CommandRequest, frozen=True, kw_only=True):
    effective_from: Moment | None = None
    """By default at once."""
    note: OptionalNote = ""


class RollBack(CommandRequest, frozen=True, kw_only=True):
    reason: Reason
    version: Version | None = None
    """The name of the new version; by default a free one is chosen."""


class EmergencyPolicy(CommandRequest, frozen=True, kw_only=True):
    document: dict[str, Any]
    reason: Reason
    expires_at: Moment | None = None
    """At most three days from now; by default in a day."""


class RatifyPolicy(CommandRequest, frozen=True, kw_only=True):
    note: OptionalNote = ""


class SimulatePolicy(CommandRequest, frozen=True, kw_only=True):
    """Simulate a period by record time; by default the last thirty days."""

    since: Moment | None = None
    until: Moment | None = None
