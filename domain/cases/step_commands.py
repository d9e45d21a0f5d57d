"""Commands on tasks and holds, as decoded from a request."""

from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.cases.step_events import Number
from domain.moments import CommandRequest, Moment
from domain.people import PersonName
from domain.policy.document_types import Name, Title
from domain.texts import Note, RequiredNote


class AddTask(CommandRequest, frozen=True, kw_only=True):
    title: Title
    action: NextAction = NextAction.OTHER
    owner: PersonName | Name | None = None
    """A team or a person; left out, the team of the case's queue."""
    due_at: Moment | None = None


class CompleteTask(CommandRequest, frozen=True, kw_only=True):
    task: Number
    note: Note = ""


class DropTask(CommandRequest, frozen=True, kw_only=True):
    task: Number
    note: RequiredNote
    """Why it does not need to be done."""


class PlaceHold(CommandRequest, frozen=True, kw_only=True):
    what: HoldOn
    reason: HoldReason
    note: Note = ""


class ReleaseHold(CommandRequest, frozen=True, kw_only=True):
    hold: Number
    note: RequiredNote
