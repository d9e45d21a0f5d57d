"""What people ask about policies, as it is decoded from a request."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from domain.cases.work_commands import CommandRequest
from domain.policy.events import Digest, OptionalNote, Reason
from domain.texts import PATTERN_END

Version = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,31}" + PATTERN_END)]
Moment = Annotated[datetime, Meta(tz=True)]


class ProposePolicy(CommandRequest, frozen=True, kw_only=True):
    """`document` is a policy as it is written in YAML, as JSON."""

    document: dict[str, Any]
    why: Reason
    revises: Version | None = None
    """The version of a proposal that this one takes the place of."""


class ApprovePolicy(CommandRequest, frozen=True, kw_only=True):
    note: OptionalNote = ""
    base: Digest | None = None
    """The digest of the policy that you held it against; if it is another by now, nothing is
    approved."""


class DropPolicy(CommandRequest, frozen=True, kw_only=True):
    """It is rejected, or withdrawn by an author."""

    reason: Reason


class ActivatePolicy(CommandRequest, frozen=True, kw_only=True):
    effective_from: Moment | None = None
    """Left out: at once."""
    note: OptionalNote = ""


class RollBack(CommandRequest, frozen=True, kw_only=True):
    reason: Reason
    version: Version | None = None
    """What the new version is called; left out, a name is made."""


class EmergencyPolicy(CommandRequest, frozen=True, kw_only=True):
    document: dict[str, Any]
    reason: Reason
    expires_at: Moment | None = None
    """At most three days from now; left out, in a day."""


class RatifyPolicy(CommandRequest, frozen=True, kw_only=True):
    note: OptionalNote = ""


class SimulatePolicy(CommandRequest, frozen=True, kw_only=True):
    """The period by record time; left out, the last thirty days."""

    since: Moment | None = None
    until: Moment | None = None
