"""looking-back: a case of 100 events as of any version, compared with the same case as of now.

Both are read from the log and shown as the API shows them. The difference between two versions is
measured too, with the packets of both.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from uuid import UUID

from api.composition import Desks, desks, prepare_database
from api.routes.case import case_diff_of
from api.routes.cases import view_of
from application.cases.history import case_of, lines_until
from application.log.caller import Caller
from tests.benchmarks.figures import Bench, Figure, measure_in_turn, ratio_at_most
from tests.benchmarks.real_events import ANA, one_case
from tests.benchmarks.servers import scratch_log

EVENTS = 100
VERSION = f"looking-back, a case of {EVENTS} events as of any version"
TIME = "looking-back, as of any time"
DIFF = "looking-back, what changed between any two"

TARGETS = {VERSION: ratio_at_most(3.0, "as of now"), TIME: ratio_at_most(3.0, "as of now")}


def run(bench: Bench) -> list[Figure]:
    with scratch_log(bench.dsn) as dsn, desks(dsn) as working:
        prepare_database(dsn)
        working.ensure_policy()
        case = _case_of_many(working)
        lines = working.cases.trail(case)
        versions = random.Random(1)

        def as_of_now() -> None:
            view_of(working.cases.case(case))

        def as_of_version() -> None:
            view_of(case_of(lines_until(working.cases.trail(case), versions.randint(1, EVENTS))))

        def as_of_time() -> None:
            at = lines[versions.randrange(EVENTS)].recorded_at
            view_of(case_of(lines_until(working.cases.trail(case), at)))

        def diff() -> None:
            one, other = versions.randint(1, EVENTS), versions.randint(1, EVENTS)
            trail = working.cases.trail(case)
            case_diff_of(lines_until(trail, one), lines_until(trail, other))

        pieces = {"now": as_of_now, "version": as_of_version, "time": as_of_time, "diff": diff}
        timed = {name: _timed(act, bench.seconds) for name, act in pieces.items()}
        rounds = measure_in_turn(bench, timed)
    return [
        Figure(
            name=figure,
            value=rounds.value(name),
            unit="ms",
            ratio=rounds.ratio(name, "now"),
            against=rounds.against("the case as of now", "now", "ms"),
        )
        for name, figure in (("version", VERSION), ("time", TIME), ("diff", DIFF))
    ]


def _case_of_many(working: Desks) -> UUID:
    write = one_case(0, working.clock())
    working.log.append([write])
    version = len(write.events)
    while version < EVENTS:
        by = Caller(ANA, "ana", working.clock(), "command:bench")
        version = working.cases.note(write.stream, version, f"Note {version}.", by).case.version
    return write.stream


def _timed(act: Callable[[], None], seconds: float) -> Callable[[], float]:
    """The milliseconds of each call."""

    def measure() -> float:
        done, started = 0, time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            act()
            done += 1
        return elapsed / done * 1_000

    return measure
