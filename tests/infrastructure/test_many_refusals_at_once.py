"""Whoever floods a case with refused attempts hides none, neither of their own nor of others."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import UUID, uuid4

from api.composition import Desks, desks
from application.log.caller import system_caller
from application.people.refusals import record_refusal
from domain.adjustments.errors import DutyConflict
from domain.adjustments.refusals import refusals_stream
from domain.cases.exception_case import ExceptionCase
from domain.people import Actor

EACH = 15


def refuse(working: Desks, case: UUID, who: str) -> None:
    refused = DutyConflict("You have reviewed it.", duty="approve", rule="one_duty")
    by = system_caller(Actor(principal=who), working.clock(), "command:test")
    for _ in range(EACH):
        record_refusal(working.log, ExceptionCase(id=case, order="o-1"), refused, by)


def test_each_refusal_of_a_flood_is_recorded(dsn: str) -> None:
    """Eight threads of fay and one of omar in each of two processes."""
    case = uuid4()
    with ExitStack() as stack:
        processes = [stack.enter_context(desks(dsn)) for _ in range(2)]
        with ThreadPoolExecutor(20) as pool:
            acts = [
                pool.submit(refuse, working, case, who)
                for working in processes
                for who in [*["fay"] * 8, "omar"]
            ]
            for act in acts:
                act.result()
        lines = processes[0].log.trail(refusals_stream(case))
    assert Counter(line.actor.principal for line in lines) == {"fay": 240, "omar": 30}
    assert [line.version for line in lines] == [*range(1, 271)]
