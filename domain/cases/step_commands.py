"""What people ask about tasks and holds, as it is decoded from a request."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.cases.step_events import Number, StepNote
from domain.cases.work_commands import Ask
from domain.cases.work_events import SaidNote
from domain.people import PersonName
from domain.policy.parts import Name, Title


class AddTask(Ask, frozen=True, kw_only=True):
    title: Title
    action: NextAction = NextAction.OTHER
    owner: PersonName | Name | None = None
    """A team or a person; left out, the team of the case's queue."""
    due_at: Annotated[datetime, Meta(tz=True)] | None = None


class CompleteTask(Ask, frozen=True, kw_only=True):
    task: Number
    note: StepNote = ""


class DropTask(Ask, frozen=True, kw_only=True):
    task: Number
    note: SaidNote
    """Why it needs not be done."""


class PlaceHold(Ask, frozen=True, kw_only=True):
    what: HoldOn
    reason: HoldReason
    note: StepNote = ""


class ReleaseHold(Ask, frozen=True, kw_only=True):
    hold: Number
    note: SaidNote
