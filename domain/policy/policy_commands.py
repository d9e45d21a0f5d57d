"""What people ask about policies, as it is decoded from a request."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from domain.cases.work_commands import Ask
from domain.policy.events import Digest, Reason, Remark
from domain.texts import END

Version = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,31}" + END)]
Moment = Annotated[datetime, Meta(tz=True)]


class ProposePolicy(Ask, frozen=True, kw_only=True):
    """`document` is a policy as it is written in YAML, as JSON."""

    document: dict[str, Any]
    why: Reason
    revises: Version | None = None
    """The version of a proposal that this one takes the place of."""


class ApprovePolicy(Ask, frozen=True, kw_only=True):
    note: Remark = ""
    base: Digest | None = None
    """The digest of the policy that you held it against; if it is another by now, nothing is
    approved."""


class DropPolicy(Ask, frozen=True, kw_only=True):
    """It is rejected, or withdrawn by an author."""

    reason: Reason


class ActivatePolicy(Ask, frozen=True, kw_only=True):
    effective_from: Moment | None = None
    """Left out: at once."""
    note: Remark = ""


class RollBack(Ask, frozen=True, kw_only=True):
    reason: Reason
    version: Version | None = None
    """What the new version is called; left out, a name is made."""


class EmergencyPolicy(Ask, frozen=True, kw_only=True):
    document: dict[str, Any]
    reason: Reason
    expires_at: Moment | None = None
    """At most three days from now; left out, in a day."""


class RatifyPolicy(Ask, frozen=True, kw_only=True):
    note: Remark = ""


class SimulatePolicy(Ask, frozen=True, kw_only=True):
    """The period by record time; left out, the last thirty days."""

    since: Moment | None = None
    until: Moment | None = None
