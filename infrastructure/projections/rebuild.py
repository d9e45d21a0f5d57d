"""Rebuilds one report: the running worker folds it, or this process if no worker does."""

import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
from msgspec import Struct

from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import PROJECTOR, dsn_for_role
from infrastructure.projections.generations import (
    Overtaken,
    ReportGeneration,
    begin_rebuild,
    discard_building,
)
from infrastructure.projections.lock_owners import Watch, not_rebuilt, owner_of_reports, patiently
from infrastructure.projections.runner import ProjectionRunner, end_if_frozen
from infrastructure.projections.tables import row_digest
from projections.projection import AnyProjection

TAKE_UP_SECONDS: Final = 5.0
"""If a worker makes no progress for this long, the command folds the report itself."""
LOOK_SECONDS: Final = 0.1
_STATE: Final = (
    "SELECT p.live, p.position, head.position, other.generation, other.version, other.row_digest, "
    "other.position FROM log_head AS head "
    "LEFT JOIN projections AS p ON p.name = %(name)s AND p.generation = %(generation)s "
    "LEFT JOIN projections AS other ON other.name = %(name)s AND other.live"
)


class Rebuilt(Struct, frozen=True):
    """How a rebuild ended."""

    report: str
    generation: int
    live: bool
    events: int
    """Events of the log folded into the new generation."""
    seconds: float
    folded_by: str
    """`worker` or `command`."""
    note: str | None = None
    """What the operator has to do next."""


class _State(Struct, frozen=True):
    live: bool | None
    position: int | None
    head: int
    live_generation: int | None
    live_version: int | None
    live_digest: str | None
    live_position: int | None


class _OneGeneration(ProjectionRunner):
    """Folds one generation of one report while the worker keeps the others."""

    def __init__(self, dsn: str, projection: AnyProjection, generation: int) -> None:
        super().__init__(dsn, [projection])
        self._generation = generation

    def fold(self, connection: psycopg.Connection[Any], *, switch: bool) -> bool:
        """Fold one batch. At the head of the log, switch to this generation and return False.

        Raises Overtaken.
        """
        targets = self._current_targets(connection)
        try:
            if targets and self._advance(connection, targets, targets):
                return True
        except BaseException:
            self._targets = None  # their state in memory was not stored
            raise
        if targets and switch and not targets[0].live:
            self._switch_if_caught_up(connection, targets[0])
        return False

    def _current_targets(self, connection: psycopg.Connection[Any]) -> list[ReportGeneration]:
        targets = super()._current_targets(connection)
        return [target for target in targets if target.table.generation == self._generation]


class Rebuild:
    """One rebuild of a report, from the new generation to the switch."""

    def __init__(
        self,
        dsn: str,
        projection: AnyProjection,
        wait: float,
        watch: Watch,
        say: Callable[[str], None],
    ) -> None:
        self._dsn = dsn_for_role(dsn, PROJECTOR)
        self._login = dsn
        self._projection = projection
        self._wait = wait
        self._watch = watch
        self._say = say
        self._live_before: int | None = None

    def describe_live(self) -> str:
        """Says whether the live generation changed since the rebuild began: it may have been switched just
        before the rebuild was stopped."""
        name = self._projection.name
        try:
            with connect(self._dsn) as connection:
                live = self._state(connection, 0).live_generation
        except psycopg.Error:
            return f"See which generation of {name} is live: `casetrail projections list`."
        if live == self._live_before:
            return f"The live report {name} is unchanged."
        return f"Generation {live} of {name} is live now."

    def run(self, progress: Callable[[int, int], None]) -> Rebuilt:
        """Rebuild the report. On an error or Ctrl-C, drop the new generation, unless it is live already.

        Raises ReportNotRebuilt after `wait` seconds without progress.
        """
        # The server shows a session's state only to the login that opened it.
        with connect(self._login) as looking, connect(self._dsn) as connection:
            end_if_frozen(connection)
            self._live_before = self._state(connection, 0).live_generation
            generation = patiently(
                self._wait, self._watch, lambda: begin_rebuild(connection, self._projection)
            )
            try:
                return self._follow(connection, looking, generation, progress)
            except BaseException:
                self._discard(generation, generation)
                raise

    def _follow(
        self,
        connection: psycopg.Connection[Any],
        looking: psycopg.Connection[Any],
        generation: int,
        progress: Callable[[int, int], None],
    ) -> Rebuilt:
        name, started = self._projection.name, time.monotonic()
        alone = _OneGeneration(self._dsn, self._projection, generation)
        ours = (self._projection.version, row_digest(self._projection))
        moved = nearer = started
        last, is_ours = 0, False

        def done(live: bool, events: int, note: str | None = None) -> Rebuilt:
            seconds = round(time.monotonic() - started, 3)
            by = "command" if is_ours else "worker"
            return Rebuilt(name, generation, live, events, seconds, by, note)

        if (owner := owner_of_reports(looking)) is not None:
            self._say(f"Waiting for the worker to fold {name}: {owner}.")
        while True:
            state = self._state(connection, generation)
            if state.position is None:
                other = f"generation {state.live_generation} of {name} is live instead"
                return done(False, last, f"Another rebuild was faster: {other}.")
            progress(state.position, state.head)
            owner = owner_of_reports(looking)
            if state.live:
                return done(True, state.position, self._stale(owner, is_ours))
            now = time.monotonic()
            if state.position != last:
                last, moved = state.position, now
                if state.position < (state.live_position or 0):
                    nearer = now
            if is_ours or owner is None or now - moved > TAKE_UP_SECONDS:
                if owner is not None and not is_ours:
                    self._watch.say_once(
                        "alone", f"The worker does not fold {name}: this command folds it itself."
                    )
                # A running service of another version reads its own rows until it is restarted.
                switch = owner is None or ours == (state.live_version, state.live_digest)
                try:
                    is_moving = alone.fold(connection, switch=switch)
                    is_ours = True
                except Overtaken:
                    is_ours, is_moving = False, True
                except psycopg.errors.LockNotAvailable:
                    is_moving = False  # the watch reports who holds it
                if is_moving:
                    nearer = time.monotonic()
                    continue
                if not switch and owner is not None:
                    self._discard(1, generation - 1)
                    return done(
                        False,
                        state.position,
                        f"Version {ours[0]} is ready. The worker, {owner.process}, still serves version "
                        f"{state.live_version}. Restart the service: it then switches at once.",
                    )
            if now - nearer > self._wait:
                raise not_rebuilt(self._wait, self._watch.last)
            time.sleep(LOOK_SECONDS)

    def _discard(self, first: int, last: int) -> None:
        with connect(self._dsn) as cleaning:
            patiently(
                self._wait,
                self._watch,
                lambda: discard_building(cleaning, self._projection, first=first, last=last),
            )

    @staticmethod
    def _stale(owner: object, is_ours: bool) -> str | None:
        if owner is None:
            return "No worker runs, so the report is not updated until `serve` or `worker` runs."
        if is_ours:
            return (
                "The running worker did not fold it. If it started before the report was added, restart "
                "the service to keep the report up to date."
            )
        return None

    def _state(self, connection: psycopg.Connection[Any], generation: int) -> _State:
        row = connection.execute(
            _STATE.encode(), {"name": self._projection.name, "generation": generation}
        ).fetchone()
        assert row is not None
        return _State(*row)
