"""Standard work: the team that sees to an order in each stage, and the time that it has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import structs

from domain.clock.calendars import BusinessCalendar
from domain.clock.open_hours import after_business_time
from domain.clock.terms import MAX_WEEKS
from domain.errors import Fault
from domain.orders.facts import OrderFacts
from domain.orders.stage import Passages, Span, Stage, StagePassage, find_spans
from domain.policy import document_types as types
from domain.policy.checks import duration_faults, unknown_name

REQUIRED = (Stage.DELIVERY, Stage.RETURN)
"""Without the last stage on the way out and the way back, some open orders would have no owner."""


class StageService(types.Part, frozen=True, kw_only=True):
    """The team that sees to orders in a stage, and the open time of a calendar that it has."""

    owner_team: types.Name
    within: timedelta
    calendar: types.Name


class StandardWork:
    """The stages of a policy, compiled. Without stages nobody is named."""

    def __init__(
        self,
        stages: Mapping[str, StageService] | None,
        calendars: Mapping[str, BusinessCalendar],
        version: str,
    ) -> None:
        self.names_stages = bool(stages)
        self._stages = stages or {}
        self._named = tuple(stage for stage in Stage if not stages or stage in stages)
        self._calendars = calendars
        self._version = version

    def passages(
        self,
        facts: OrderFacts,
        began: datetime,
        recorded: Passages,
        named_at: datetime | None = None,
    ) -> Passages:
        """The stages that the order passed, with team and due time.

        A recorded stage keeps its terms while its begin is the same. `named_at` is when a policy took
        effect that names more stages: their time runs from then, and nobody had those that were over.
        """
        found = {}
        for span in find_spans(facts, began, self._named):
            stage, since, until = span
            known = recorded.get(stage)
            if known is not None and known.since == since:
                same = known.until == until
                found[stage] = known if same else structs.replace(known, until=until)
            else:
                found[stage] = self._passage(span, named_at)
        return found

    def _passage(self, span: Span, named_at: datetime | None) -> StagePassage:
        stage, since, until = span
        service = self._stages.get(stage)
        if service is None or (named_at is not None and until is not None):
            return StagePassage(since=since, until=until)
        calendar, runs_from = self._calendars[service.calendar], max(since, named_at or since)
        return StagePassage(
            since=since,
            until=until,
            team=service.owner_team,
            due_at=_due_at(calendar, runs_from, service.within),
            policy=self._version,
        )


def _due_at(calendar: BusinessCalendar, since: datetime, within: timedelta) -> datetime | None:
    try:
        return after_business_time(calendar, since, within)
    except (ValueError, OverflowError):  # the calendar has no such time, far in the future say
        return None


def compile_stages(
    stages: Mapping[str, StageService] | None,
    calendars: Mapping[str, BusinessCalendar],
    version: str,
    faults: list[Fault],
) -> StandardWork:
    """The standard work of a policy. Adds the faults of its stages to `faults`."""
    if stages is not None:
        missing = [stage for stage in REQUIRED if stage not in stages]
        faults += [Fault("/stages", f"name the stage {stage}, too") for stage in missing]
    for stage, service in (stages or {}).items():
        place, calendar = f"/stages/{stage}", calendars.get(service.calendar)
        if stage not in [*Stage]:
            faults.append(unknown_name(place, "stage", stage, Stage))
        if calendar is None:
            pointer = f"{place}/calendar"
            faults.append(unknown_name(pointer, "calendar", service.calendar, calendars))
        elif not calendar.faults():
            longest = MAX_WEEKS * calendar.weekly_open_time
            faults += duration_faults(f"{place}/within", service.within, longest)
    return StandardWork(stages, calendars, version)
