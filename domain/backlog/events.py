"""The events of a queue's recovery plans. Tags are stored for ever: never rename or reuse one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from domain.moments import keep_in_years
from domain.policy.document import Backlog
from domain.policy.document_types import Title
from domain.texts import Owner, lines

Number = Annotated[int, Meta(ge=1)]
PlanNote = Annotated[str, lines(4000)]


class BacklogCause(StrEnum):
    VOLUME = "volume"
    AGE = "age"


class BacklogMeasurement(Struct, frozen=True, kw_only=True, gc=False):
    """The state of a queue at a position of the log. A fold up to `position` gives the same.

    Cases that wait for another party are not counted.
    """

    position: int
    cases: int
    oldest_queued_at: datetime | None = None


class RecoveryOpened(Struct, frozen=True, kw_only=True, gc=False, tag="recovery.opened"):
    """The queue holds more or older work than policy allows: a recovery plan starts."""

    queue: str
    plan: Number
    owner: Owner
    causes: tuple[BacklogCause, ...]
    measured: BacklogMeasurement
    thresholds: Backlog
    """Pinned: a later policy neither ends the plan nor keeps it open."""
    policy: str


class RecoveryOwned(Struct, frozen=True, kw_only=True, gc=False, tag="recovery.owned"):
    """The plan has a new owner from here on."""

    owner: Owner
    note: PlanNote = ""


class RecoveryActionAdded(Struct, frozen=True, kw_only=True, gc=False, tag="recovery.action_added"):
    action: Number
    title: Title
    owner: Owner
    due_at: datetime | None = None

    def __post_init__(self) -> None:
        keep_in_years(self, "due_at")


class RecoveryActionDone(Struct, frozen=True, kw_only=True, gc=False, tag="recovery.action_done"):
    action: Number
    note: PlanNote = ""


class RecoveryClosed(Struct, frozen=True, kw_only=True, gc=False, tag="recovery.closed"):
    """The queue has recovered."""

    plan: Number
    measured: BacklogMeasurement


RecoveryEvent: TypeAlias = (
    RecoveryOpened | RecoveryOwned | RecoveryActionAdded | RecoveryActionDone | RecoveryClosed
)
