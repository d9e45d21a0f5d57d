"""Pulls a source: lists what it has, records what is missing, and keeps how far the source is complete."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct, field

from application.log import streams
from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.sources.delivery_pieces import actor_of
from application.sources.listed_deliveries import ListedDeliveries, ListedResult
from application.sources.ports import (
    ListedItem,
    ListedPage,
    Listing,
    PullFailed,
    PullLock,
    PullRequest,
    PullStopped,
    Secrets,
    Wait,
)
from application.sources.source_desk import SourceDesk
from application.sources.source_watch import SourceWatch
from domain.errors import Fault, Invalid, TooContended
from domain.sources.errors import SourceBeingPulled, SourceNotPulled, SourceStateWrong
from domain.sources.list_comparison import ListComparison
from domain.sources.pull_settings import PullChoice, PullSettings
from domain.sources.pulls import MOST_EXAMPLES, PullEnd, SourcePulled, SourcePulls, pulls_stream
from domain.sources.source import Source

ATTEMPTS: Final = 20
TOGETHER: Final = 100
"""Items that are recorded in one transaction."""
LOOK_SECONDS: Final = 5.0
"""How often a pull that waits looks whether its source is still to be pulled."""
_logger = logging.getLogger("casetrail.pulls")


class Progress(Struct):
    """What a pull has found so far."""

    pages: int = 0
    listed: int = 0
    known: int = 0
    recorded: int = 0
    not_understood: int = 0
    otherwise: int = 0
    erased: int = 0
    compared: int = 0
    missing: int = 0
    examples: list[str] = field(default_factory=list)
    until: datetime | None = None
    notice: str = ""

    def add(self, item: ListedItem, result: ListedResult, is_compared: bool) -> None:
        self.listed += 1
        self.known += result.is_known and not result.is_erased
        self.recorded += result.recorded
        self.not_understood += result.is_not_understood
        self.otherwise += result.otherwise
        self.erased += result.is_erased
        self.compared += is_compared
        if is_compared and result.is_missing:
            self.missing += 1
            if item.id is not None and len(self.examples) < MOST_EXAMPLES:
                self.examples.append(item.id)

    @property
    def figures(self) -> dict[str, Any]:
        names = ("pages", "listed", "known", "recorded", "not_understood", "otherwise", "erased")
        return {name: getattr(self, name) for name in names}


Watch = Callable[[Progress], None]


class PullDesk:
    def __init__(
        self,
        log: EventLog,
        sources: SourceDesk,
        deliveries: ListedDeliveries,
        secrets: Secrets,
        listing: Listing,
        lock: PullLock,
        watch: SourceWatch,
        clock: Callable[[], datetime],
    ) -> None:
        self._log = log
        self._sources = sources
        self._deliveries = deliveries
        self._secrets = secrets
        self._listing = listing
        self._lock = lock
        self._watch = watch
        self._clock = clock

    def states(self, names: Collection[str]) -> Mapping[str, SourcePulls]:
        """What the pulls of these sources have come to, by source."""
        ends = self._log.ends([pulls_stream(name) for name in names])
        return {name: _state(ends.get(pulls_stream(name))) for name in names}

    def due(self) -> list[str]:
        """The sources that are to be pulled now, those that wait longest first."""
        now, found = self._clock(), list[tuple[datetime, str]]()
        pulled = [one for one in self._sources.everything() if one.pull and not one.paused_for]
        states = self.states([one.name for one in pulled])
        for source in pulled:
            assert source.pull is not None
            due = states[source.name].next_due(source.pull)
            if due is not None and due <= now:
                found.append((due, source.name))
        return [name for _, name in sorted(found)]

    def pull_if_due(self, name: str, wait: Wait) -> bool:
        """Pull a source whose time has come, unless another process does; whether it was pulled."""
        with self._lock(name) as is_mine:
            # Another process may have pulled it a moment ago.
            if not is_mine or name not in self.due() or wait(0):
                return False
            pulled = self._pull(self._sources.find(name), None, wait, None)
            level = logging.WARNING if pulled.ended.is_failure else logging.INFO
            _logger.log(level, "%s", describe(pulled))
            return True

    def pull(
        self, name: str, since: datetime | None, wait: Wait, watch: Watch | None = None
    ) -> SourcePulled:
        """Pull a source now, since a time or since the last pull.

        Raises SourceNotFound, SourceNotPulled, SourceStateWrong, SourceBeingPulled, Invalid, KeyStoreUnavailable.
        """
        source = self._sources.find(name)
        _settings(source)
        if source.paused_for is not None:
            raise SourceStateWrong(f"{name} is paused ({source.paused_for}); let it go on first")
        with self._lock(name) as is_mine:
            if not is_mine:
                raise SourceBeingPulled(f"{name} is being pulled by another process")
            return self._pull(source, since, wait, watch)

    def _pull(
        self, source: Source, since: datetime | None, wait: Wait, watch: Watch | None
    ) -> SourcePulled:
        settings, now = _settings(source), self._clock()
        state = self.states([source.name])[source.name]
        until = now - timedelta(minutes=settings.grace_minutes)
        if since is not None and since > until:
            detail = f"{since.isoformat()} is not before {until.isoformat(timespec='seconds')}, where this pull ends"
            raise Invalid([Fault("/since", detail)], "the pull")
        since = since or min(state.next_since(settings), until)
        secret = self._secrets.find(settings.secret) if settings.secret is not None else None
        request = PullRequest(settings=settings, secret=secret, since=since, until=until)
        progress, end = Progress(until=until), PullFailed(PullEnd.COMPLETE, "")

        def must_stop(seconds: float) -> bool:
            while not wait(min(seconds, LOOK_SECONDS)):
                self._to_be_pulled(source)
                seconds -= LOOK_SECONDS
                if seconds <= 0:
                    return False
            return True

        try:
            for page in self._listing.pages(request, must_stop):
                self._take(source, state, page, progress, wait)
                if watch is not None:
                    watch(progress)
        except PullFailed as failed:
            end = failed
        except PullStopped:
            end = PullFailed(
                PullEnd.STOPPED, "it was stopped; the next pull begins where this one did"
            )
        assert progress.until is not None
        is_complete = end.end is PullEnd.COMPLETE
        pulled = SourcePulled(
            source=source.name,
            since=since,
            until=progress.until,
            started_at=now,
            ended=end.end,
            detail=end.detail or progress.notice,
            **progress.figures,
            compared=progress.compared if source.scheme is not None else None,
            missing=progress.missing if source.scheme is not None else None,
            examples=tuple(progress.examples),
            document=settings.document.digest,
            complete_until=state.complete_after(settings, since, progress.until)
            if is_complete
            else state.complete_until,
            failures=state.failures + 1 if end.end.is_failure else 0,
            not_before=end.not_before,
        )
        # First: if only this was done, the same is found again.
        self._report(pulled)
        self._record(source, pulled)
        return pulled

    def _take(
        self, begun: Source, state: SourcePulls, page: ListedPage, progress: Progress, wait: Wait
    ) -> None:
        """Raises PullFailed, PullStopped, TooContended."""
        progress.until, progress.notice = page.until, page.notice
        for first in range(0, len(page.items), TOGETHER):
            if wait(0):
                raise PullStopped
            # Its mapping may be another one since the page was asked for.
            source = self._to_be_pulled(begun)
            items = page.items[first : first + TOGETHER]
            results = self._deliveries.take(source, items, self._clock())
            for item, result in zip(items, results, strict=True):
                progress.add(item, result, _is_compared(source, state, item, result))
        progress.pages += page.answers

    def _to_be_pulled(self, begun: Source) -> Source:
        """The source as it is now. Raises PullFailed if it was paused, or is pulled in another way now."""
        source = self._sources.find(begun.name)
        if source.paused_for is not None:
            detail = f"the source was paused ({source.paused_for}); once it goes on, the next pull begins where this one did"
        elif _asked(_settings(source)) != _asked(_settings(begun)):
            detail = "its pull settings were changed; the next pull begins where this one did"
        else:
            return source
        raise PullFailed(PullEnd.STOPPED, detail)

    def _report(self, pulled: SourcePulled) -> None:
        """Tell the owner of the source what had not come by webhook, or that a whole list agrees."""
        if pulled.compared and (pulled.missing or pulled.ended is PullEnd.COMPLETE):
            missing = pulled.missing or 0
            found = ListComparison(
                since=pulled.since,
                until=pulled.until,
                listed=pulled.compared,
                arrived=pulled.compared - missing,
                missing=pulled.examples,
            )
            self._watch.report_missing(pulled.source, found, self._clock())

    def _record(self, source: Source, pulled: SourcePulled) -> None:
        """Raises TooContended."""
        by = system_caller(actor_of(source), self._clock(), f"source:{source.name}")
        write = by.write(pulls_stream(source.name), streams.PULLS, 0, [pulled])
        if self._log.append_last(write, ATTEMPTS) is None:
            raise TooContended(f"the pulls of {source.name}, {ATTEMPTS} attempts")


def describe(pulled: SourcePulled) -> str:
    """A pull in one line."""
    span = f"{pulled.since:%Y-%m-%d %H:%M} to {pulled.until:%Y-%m-%d %H:%M} UTC"
    parts = [
        f"{pulled.listed} listed",
        f"{pulled.known} known",
        f"{pulled.recorded} signals recorded",
    ]
    if pulled.missing:
        parts.append(f"{pulled.missing} had not come by webhook")
    if pulled.not_understood:
        parts.append(f"{pulled.not_understood} not understood")
    if pulled.otherwise:
        parts.append(f"{pulled.otherwise} signals differ from what was recorded")
    if pulled.erased:
        parts.append(f"{pulled.erased} left out: what they tell was erased since")
    detail = f": {pulled.detail}" if pulled.detail else ""
    return f"{pulled.source}, {span}: {pulled.ended}{detail}; {', '.join(parts)}"


def _is_compared(
    source: Source, state: SourcePulls, item: ListedItem, result: ListedResult
) -> bool:
    """Whether a webhook should have brought the item: since the source has one and takes what it brings. What is
    known from before the end of the last pull was compared then."""
    if source.scheme is None or not item.webhook:
        return False
    since = max(source.added_at, source.resumed_at or source.added_at)
    begin = max(since, state.complete_until or since) if result.is_known else since
    return item.at is None or item.at > begin


def _asked(settings: PullSettings) -> tuple[PullChoice, str, str | None]:
    """What is asked for, where, and as whom."""
    return settings.document, settings.address, settings.secret


def _settings(source: Source) -> PullSettings:
    if source.pull is None:
        raise SourceNotPulled(f"{source.name} is not set up to be pulled")
    return source.pull


def _state(line: Any) -> SourcePulls:
    if line is None:
        return SourcePulls()
    return SourcePulls(version=line.version, last=line.event, last_at=line.recorded_at)
