"""Counts refused requests in memory, and records the counts: no matter how often and in which way somebody asks, at most
one event in a window for each principal."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.log.streams import ACCESS
from domain.access_refusals import AccessRefused, CheckedGrant, RefusedRequests, access_stream
from domain.builds import SERVICE_ACTOR
from domain.errors import TooContended
from domain.people import Actor
from domain.person import Grant
from domain.principals import UNRESTRICTED_KEY, KeyScope
from domain.struct_fields import fill

FIRST_SECONDS: Final = 2.0
"""The first refusal of a principal is recorded so soon."""
WINDOW_SECONDS: Final = 60.0
"""The next ones are recorded together."""
MOST_PRINCIPALS: Final = 1_000
MOST_KINDS: Final = 500
"""More than there are routes, so that nobody can hide one kind of request behind others."""
ATTEMPTS: Final = 10
_Whose = tuple[Actor, tuple[str, ...]]


class RequestKind(NamedTuple):
    """What was asked for, as `RefusedRequests` has it."""

    method: str
    route: str
    permission: str
    problem: str


class _Counted:
    """The refused requests of one principal with the same grants, until they are recorded at `due`."""

    def __init__(self, by: Actor, grants: Sequence[Grant], key: KeyScope, due: float) -> None:
        self.by, self.grants, self.key, self.due = by, grants, key, due
        self.kinds: dict[RequestKind, tuple[int, datetime, datetime]] = {}
        self.others = 0

    def add(self, kind: RequestKind, count: int, first: datetime, last: datetime) -> None:
        known = self.kinds.get(kind)
        if known is not None:
            self.kinds[kind] = (known[0] + count, min(known[1], first), max(known[2], last))
        elif len(self.kinds) < MOST_KINDS:
            self.kinds[kind] = (count, first, last)
        else:
            self.others += count

    def add_all(self, of: "_Counted") -> None:
        for kind, (count, first, last) in of.kinds.items():
            self.add(kind, count, first, last)
        self.others += of.others

    @property
    def count(self) -> int:
        return sum(count for count, _, _ in self.kinds.values()) + self.others

    def event(self) -> AccessRefused:
        permissions = self.key.permissions
        return AccessRefused(
            by=self.by,
            grants=tuple(fill(CheckedGrant, grant) for grant in self.grants),
            key_permissions=None if permissions is None else tuple(sorted(permissions)),
            key_queues=self.key.queues,
            key_regions=self.key.regions,
            refused=tuple(
                RefusedRequests(**kind._asdict(), count=count, first_at=first, last_at=last)
                for kind, (count, first, last) in self.kinds.items()
            ),
            others=self.others,
        )


class AccessRefusals:
    """The refused requests of this process that are not recorded yet. Memory is bounded."""

    def __init__(
        self,
        log: EventLog,
        clock: Callable[[], datetime],
        elapsed: Callable[[], float] = time.monotonic,
        most_principals: int = MOST_PRINCIPALS,
    ) -> None:
        self._log, self._clock, self._elapsed = log, clock, elapsed
        self._most_principals = most_principals
        self._lock = threading.Lock()
        self._counted: dict[_Whose, _Counted] = {}

    def note(self, by: Actor, grants: Sequence[Grant], key: KeyScope, kind: RequestKind) -> None:
        """Count a refused request; it waits for nothing but a short lock."""
        now = self._clock()
        with self._lock:
            whose = (by, tuple(grant.grant for grant in grants))
            if whose not in self._counted and len(self._counted) >= self._most_principals:
                by, grants, key, whose = SERVICE_ACTOR, (), UNRESTRICTED_KEY, (SERVICE_ACTOR, ())
            self._of(whose, by, grants, key, FIRST_SECONDS).add(kind, 1, now, now)

    def record(self, *, everything: bool = False) -> int:
        """Record what is due, or everything; return how many events that were.

        What cannot be recorded stays counted, and is due again after the window. Raises what an append raises,
        TooContended.
        """
        recorded = 0
        due = self._take_due(everything)
        for number, (_, counted) in enumerate(due):
            try:
                self._append(counted)
            except BaseException:
                self._keep(dict(due[number:]))
                raise
            recorded += 1
        return recorded

    @property
    def waiting(self) -> int:
        """How many refused requests are not recorded yet."""
        with self._lock:
            return sum(counted.count for counted in self._counted.values())

    def _take_due(self, everything: bool) -> list[tuple[_Whose, _Counted]]:
        """Those to record. Each is replaced by an empty one, which keeps the principal's window until it ends."""
        taken = []
        with self._lock:
            now = self._elapsed()
            for whose, counted in [*self._counted.items()]:
                if everything or counted.due <= now:
                    del self._counted[whose]
                    if counted.count:
                        self._of(whose, counted.by, counted.grants, counted.key, WINDOW_SECONDS)
                        taken.append((whose, counted))
        return taken

    def _keep(self, unrecorded: Mapping[_Whose, _Counted]) -> None:
        with self._lock:
            for whose, counted in unrecorded.items():
                self._of(whose, counted.by, counted.grants, counted.key, WINDOW_SECONDS).add_all(
                    counted
                )

    def _of(
        self, whose: _Whose, by: Actor, grants: Sequence[Grant], key: KeyScope, seconds: float
    ) -> _Counted:
        found = self._counted.get(whose)
        if found is None:
            found = self._counted[whose] = _Counted(by, grants, key, self._elapsed() + seconds)
        return found

    def _append(self, counted: _Counted) -> None:
        now = self._clock()
        by = system_caller(SERVICE_ACTOR, now, "command:access")
        stream = access_stream(counted.by.principal, now)
        if self._log.append_last(by.write(stream, ACCESS, 0, [counted.event()]), ATTEMPTS) is None:
            raise TooContended(f"others recorded refusals at the same moment; {ATTEMPTS} attempts")
