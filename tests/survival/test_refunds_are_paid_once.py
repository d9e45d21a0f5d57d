"""kill -9 of every participant at every step of a payment: the provider's ledger has each refund once."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.event_store.cutting_proxy import Fault
from tests.survival.log_checks import (
    assert_reports_equal_their_folds,
    wait_for_reports,
    whole_log,
)
from tests.survival.paying_service import OrderedPayment, PayingService, arm_fault, assert_paid_once
from tests.survival.programs import Programs

SETTLED_SECONDS = 15
DELAY_SECONDS = 1.2
KILLING_SECONDS = 15
MANY = 24

Step = Callable[[PayingService, OrderedPayment], None]


def the_api_before_the_order_reaches_the_database(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_order(ours, one, Fault.NEVER_SENT, ours.api.kill)


def the_api_before_the_order_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_order(ours, one, Fault.UNCOMMITTED, ours.api.kill)


def the_api_after_the_order_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_order(ours, one, Fault.ANSWER_LOST, ours.api.kill)


def the_database_before_the_order_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_order(ours, one, Fault.UNCOMMITTED, ours.kill_database)


def the_database_after_the_order_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_order(ours, one, Fault.ANSWER_LOST, ours.kill_database)


def the_worker_before_it_has_asked_anything(ours: PayingService, one: OrderedPayment) -> None:
    ours.kill_worker()
    ours.execute(one)
    assert ours.written(one) == []


def the_worker_after_it_has_looked_and_before_the_provider_pays(
    ours: PayingService, one: OrderedPayment
) -> None:
    """What it asked for is still on its way when the next one looks."""
    ours.switch(delay_seconds=DELAY_SECONDS)
    ours.execute(one)
    ours.wait_until_asked()
    ours.kill_worker()
    assert ours.written(one) == []


def the_worker_after_the_provider_has_paid_and_before_it_hears(
    ours: PayingService, one: OrderedPayment
) -> None:
    ours.switch(delay_seconds=DELAY_SECONDS)
    ours.execute(one)
    ours.wait_until_asked()
    ours.workers[0].freeze()
    ours.wait_until_written(one)
    ours.kill_worker()
    assert ours.shown(one)["state"] == "executing"


def the_worker_whose_answer_was_dropped(ours: PayingService, one: OrderedPayment) -> None:
    ours.switch(drop_answer=True)
    ours.execute(one)
    ours.wait_until_written(one)
    ours.kill_worker()


def nobody_but_the_answer_is_dropped(ours: PayingService, one: OrderedPayment) -> None:
    ours.switch(drop_answer=True)
    ours.execute(one)


def the_worker_before_what_it_heard_reaches_the_database(
    ours: PayingService, one: OrderedPayment
) -> None:
    _strike_the_outcome(ours, one, Fault.NEVER_SENT, ours.kill_worker)


def the_worker_before_what_it_heard_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_outcome(ours, one, Fault.UNCOMMITTED, ours.kill_worker)


def the_worker_after_what_it_heard_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_outcome(ours, one, Fault.ANSWER_LOST, ours.kill_worker)


def the_worker_before_a_definite_no_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    ours.switch(fail="refuse")
    _strike_the_outcome(ours, one, Fault.UNCOMMITTED, ours.kill_worker)


def every_connection_of_the_worker(ours: PayingService, one: OrderedPayment) -> None:
    for fault in (Fault.NEVER_SENT, Fault.UNCOMMITTED, Fault.ANSWER_LOST):
        ours.to_worker.arm(fault)
    ours.execute(one)


def the_provider_before_it_has_paid(ours: PayingService, one: OrderedPayment) -> None:
    ours.switch(delay_seconds=DELAY_SECONDS)
    ours.execute(one)
    ours.wait_until_asked()
    ours.provider.kill()
    assert ours.written(one) == []


def the_provider_after_it_has_paid_and_before_it_answers(
    ours: PayingService, one: OrderedPayment
) -> None:
    ours.switch(drop_answer=True)
    ours.execute(one)
    ours.wait_until_written(one)
    ours.provider.kill()


def the_provider_again_while_it_starts(ours: PayingService, one: OrderedPayment) -> None:
    ours.switch(delay_seconds=DELAY_SECONDS)
    ours.execute(one)
    ours.wait_until_asked()
    for pause in (0.4, 0.8):
        ours.provider.kill()
        ours.start_provider()
        time.sleep(pause)
    ours.provider.kill()


def the_provider_and_the_worker_at_once(ours: PayingService, one: OrderedPayment) -> None:
    ours.switch(drop_answer=True)
    ours.execute(one)
    ours.wait_until_written(one)
    ours.kill_worker()
    ours.provider.kill()


def the_database_while_the_provider_is_asked(ours: PayingService, one: OrderedPayment) -> None:
    ours.switch(delay_seconds=DELAY_SECONDS)
    ours.execute(one)
    ours.wait_until_asked()
    ours.kill_database()
    ours.wait_until_written(one)


def the_database_when_the_answer_is_dropped(ours: PayingService, one: OrderedPayment) -> None:
    ours.switch(drop_answer=True, delay_seconds=DELAY_SECONDS / 2)
    ours.execute(one)
    ours.wait_until_asked()
    ours.kill_database()
    ours.wait_until_written(one)


def the_database_before_the_outcome_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_outcome(ours, one, Fault.UNCOMMITTED, ours.kill_database)


def the_database_after_the_outcome_is_committed(ours: PayingService, one: OrderedPayment) -> None:
    _strike_the_outcome(ours, one, Fault.ANSWER_LOST, ours.kill_database)


def _strike_the_order(
    ours: PayingService, one: OrderedPayment, fault: Fault, kill: Callable[[], None]
) -> None:
    struck = arm_fault(ours.to_api, fault, kill)
    asking = ours.executing(one)
    struck()
    ours.ensure_running()
    asking.join()


def _strike_the_outcome(
    ours: PayingService, one: OrderedPayment, fault: Fault, kill: Callable[[], None]
) -> None:
    struck = arm_fault(ours.to_worker, fault, kill)
    asking = ours.executing(one)
    struck()
    ours.ensure_running()  # the order's own answer may have been under way
    asking.join()


STEPS: tuple[Step, ...] = (
    the_api_before_the_order_reaches_the_database,
    the_api_before_the_order_is_committed,
    the_api_after_the_order_is_committed,
    the_database_before_the_order_is_committed,
    the_database_after_the_order_is_committed,
    the_worker_before_it_has_asked_anything,
    the_worker_after_it_has_looked_and_before_the_provider_pays,
    the_worker_after_the_provider_has_paid_and_before_it_hears,
    the_worker_whose_answer_was_dropped,
    nobody_but_the_answer_is_dropped,
    the_worker_before_what_it_heard_reaches_the_database,
    the_worker_before_what_it_heard_is_committed,
    the_worker_after_what_it_heard_is_committed,
    the_worker_before_a_definite_no_is_committed,
    every_connection_of_the_worker,
    the_provider_before_it_has_paid,
    the_provider_after_it_has_paid_and_before_it_answers,
    the_provider_again_while_it_starts,
    the_provider_and_the_worker_at_once,
    the_database_while_the_provider_is_asked,
    the_database_when_the_answer_is_dropped,
    the_database_before_the_outcome_is_committed,
    the_database_after_the_outcome_is_committed,
)
REFUSED = the_worker_before_a_definite_no_is_committed


def test_each_refund_is_paid_once_whoever_is_killed_at_whichever_step(
    server: EmbeddedPostgres, programs: Programs, home: Path
) -> None:
    with PayingService(server, programs, home) as ours:
        to_pay = ours.approved(len(STEPS), "step")
        for step, one in zip(STEPS, to_pay, strict=True):
            step(ours, one)
            ours.ensure_running()
            ours.wait_until_settled(one, within=SETTLED_SECONDS)
            expected = "failed" if step is REFUSED else "executed"
            assert ours.shown(one)["state"] == expected, step.__name__
        _assert_all_is_well(ours, to_pay)


def test_each_refund_is_paid_once_whatever_is_killed_while_two_workers_pay_many(
    server: EmbeddedPostgres, programs: Programs, home: Path
) -> None:
    chance = random.Random(41)
    with PayingService(server, programs, home) as ours:
        to_pay = ours.approved(MANY, "many")
        ours.ensure_running(workers=2)
        until = time.monotonic() + KILLING_SECONDS
        waiting = list(to_pay)

        def order() -> None:
            while waiting:
                ours.execute(waiting.pop())
                time.sleep(chance.uniform(0, 3 * KILLING_SECONDS / MANY))

        clients = [threading.Thread(target=order, daemon=True) for _ in range(3)]
        for client in clients:
            client.start()
        killed = 0
        while time.monotonic() < until:
            ours.switch(**chance.choice(AWRY))
            time.sleep(chance.uniform(0.1, 0.8))
            for victim in chance.sample(VICTIMS, chance.choice((1, 1, 2))):
                victim(ours)
                killed += 1
            time.sleep(chance.uniform(0, 0.3))
            ours.ensure_running(workers=2)
        ours.ensure_running(workers=2)
        for client in clients:
            client.join(SETTLED_SECONDS)
        assert len(ours.answers) == MANY
        ours.wait_until_settled(*to_pay, within=SETTLED_SECONDS)
        assert killed >= 5
        _assert_all_is_well(ours, to_pay)


AWRY: tuple[dict[str, object], ...] = (
    {"drop_answer": True},
    {"delay_seconds": 0.7},
    {"delay_seconds": 0.4, "drop_answer": True},
    {"fail": "error"},
    {},
)
VICTIMS: tuple[Callable[[PayingService], None], ...] = (
    lambda ours: ours.workers[0].kill(),
    lambda ours: ours.workers[1].kill(),
    lambda ours: ours.provider.kill(),
    lambda ours: ours.kill_database(),
    lambda ours: ours.api.kill(),
)


def _assert_all_is_well(ours: PayingService, to_pay: list[OrderedPayment]) -> None:
    wait_for_reports(ours.dsn, within=10)
    ours.assert_answers_are_given_again()
    ours.assert_the_provider_tells_what_its_file_says()
    lines = whole_log(ours.dsn)
    assert_paid_once(lines, ours.in_ledger(), to_pay, ours.answers)
    assert_reports_equal_their_folds(ours.dsn, lines)
