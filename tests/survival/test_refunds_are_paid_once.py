"""kill -9 of every process at every step of a payment: the provider's ledger has each refund once."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.event_store.cutting_proxy import Fault
from tests.survival.log_checks import assert_reports_equal_their_folds, wait_for_reports, whole_log
from tests.survival.paying_service import OrderedPayment, PayingService, arm_fault, assert_paid_once
from tests.survival.programs import Programs

SETTLED_SECONDS = 15
DELAY_SECONDS = 1.2
KILLING_SECONDS = 15
FEWEST_KILLS = 5
MANY = 24

Step = Callable[[PayingService, OrderedPayment], None]


def the_api_before_the_order_reaches_the_database(
    service: PayingService, one: OrderedPayment
) -> None:
    _kill_at_the_order(service, one, Fault.NEVER_SENT, service.api.kill)


def the_api_before_the_order_is_committed(service: PayingService, one: OrderedPayment) -> None:
    _kill_at_the_order(service, one, Fault.UNCOMMITTED, service.api.kill)


def the_api_after_the_order_is_committed(service: PayingService, one: OrderedPayment) -> None:
    _kill_at_the_order(service, one, Fault.ANSWER_LOST, service.api.kill)


def the_database_before_the_order_is_committed(service: PayingService, one: OrderedPayment) -> None:
    _kill_at_the_order(service, one, Fault.UNCOMMITTED, service.kill_database)


def the_database_after_the_order_is_committed(service: PayingService, one: OrderedPayment) -> None:
    _kill_at_the_order(service, one, Fault.ANSWER_LOST, service.kill_database)


def the_worker_before_it_asks_the_provider(service: PayingService, one: OrderedPayment) -> None:
    service.kill_worker()
    service.execute(one)
    assert service.written(one) == []


def the_worker_after_its_request_and_before_the_provider_pays(
    service: PayingService, one: OrderedPayment
) -> None:
    """The first request is still on its way when the next worker starts."""
    service.switch(delay_seconds=DELAY_SECONDS)
    service.execute(one)
    service.wait_until_asked()
    service.kill_worker()
    assert service.written(one) == []


def the_worker_after_the_provider_has_paid_and_before_the_answer(
    service: PayingService, one: OrderedPayment
) -> None:
    service.switch(delay_seconds=DELAY_SECONDS)
    service.execute(one)
    service.wait_until_asked()
    service.workers[0].freeze()
    service.wait_until_written(one)
    service.kill_worker()
    assert service.shown(one)["state"] == "executing"


def the_worker_whose_answer_was_dropped(service: PayingService, one: OrderedPayment) -> None:
    service.switch(drop_answer=True)
    service.execute(one)
    service.wait_until_written(one)
    service.kill_worker()


def no_process_but_the_answer_is_dropped(service: PayingService, one: OrderedPayment) -> None:
    service.switch(drop_answer=True)
    service.execute(one)


def the_worker_before_the_outcome_reaches_the_database(
    service: PayingService, one: OrderedPayment
) -> None:
    _kill_at_the_outcome(service, one, Fault.NEVER_SENT, service.kill_worker)


def the_worker_before_the_outcome_is_committed(service: PayingService, one: OrderedPayment) -> None:
    _kill_at_the_outcome(service, one, Fault.UNCOMMITTED, service.kill_worker)


def the_worker_after_the_outcome_is_committed(service: PayingService, one: OrderedPayment) -> None:
    _kill_at_the_outcome(service, one, Fault.ANSWER_LOST, service.kill_worker)


def the_worker_before_a_refusal_is_committed(service: PayingService, one: OrderedPayment) -> None:
    service.switch(fail="refuse")
    _kill_at_the_outcome(service, one, Fault.UNCOMMITTED, service.kill_worker)


def every_connection_of_the_worker(service: PayingService, one: OrderedPayment) -> None:
    for fault in (Fault.NEVER_SENT, Fault.UNCOMMITTED, Fault.ANSWER_LOST):
        service.to_worker.arm(fault)
    service.execute(one)


def the_provider_before_it_has_paid(service: PayingService, one: OrderedPayment) -> None:
    service.switch(delay_seconds=DELAY_SECONDS)
    service.execute(one)
    service.wait_until_asked()
    service.provider.kill()
    assert service.written(one) == []


def the_provider_after_it_has_paid_and_before_it_answers(
    service: PayingService, one: OrderedPayment
) -> None:
    service.switch(drop_answer=True)
    service.execute(one)
    service.wait_until_written(one)
    service.provider.kill()


def the_provider_again_while_it_starts(service: PayingService, one: OrderedPayment) -> None:
    service.switch(delay_seconds=DELAY_SECONDS)
    service.execute(one)
    service.wait_until_asked()
    for pause in (0.4, 0.8):
        service.provider.kill()
        service.start_provider()
        time.sleep(pause)
    service.provider.kill()


def the_provider_and_the_worker_at_once(service: PayingService, one: OrderedPayment) -> None:
    service.switch(drop_answer=True)
    service.execute(one)
    service.wait_until_written(one)
    service.kill_worker()
    service.provider.kill()


def the_database_while_the_provider_is_asked(service: PayingService, one: OrderedPayment) -> None:
    service.switch(delay_seconds=DELAY_SECONDS)
    service.execute(one)
    service.wait_until_asked()
    service.kill_database()
    service.wait_until_written(one)


def the_database_when_the_answer_is_dropped(service: PayingService, one: OrderedPayment) -> None:
    service.switch(drop_answer=True, delay_seconds=DELAY_SECONDS / 2)
    service.execute(one)
    service.wait_until_asked()
    service.kill_database()
    service.wait_until_written(one)


def the_database_before_the_outcome_is_committed(
    service: PayingService, one: OrderedPayment
) -> None:
    _kill_at_the_outcome(service, one, Fault.UNCOMMITTED, service.kill_database)


def the_database_after_the_outcome_is_committed(
    service: PayingService, one: OrderedPayment
) -> None:
    _kill_at_the_outcome(service, one, Fault.ANSWER_LOST, service.kill_database)


def _kill_at_the_order(
    service: PayingService, one: OrderedPayment, fault: Fault, kill: Callable[[], None]
) -> None:
    wait_for_fault = arm_fault(service.to_api, fault, kill)
    asking = service.executing(one)
    wait_for_fault()
    service.ensure_running()
    asking.join()


def _kill_at_the_outcome(
    service: PayingService, one: OrderedPayment, fault: Fault, kill: Callable[[], None]
) -> None:
    wait_for_fault = arm_fault(service.to_worker, fault, kill)
    asking = service.executing(one)
    wait_for_fault()
    service.ensure_running()  # the answer to the order may have been lost too
    asking.join()


STEPS: tuple[Step, ...] = (
    the_api_before_the_order_reaches_the_database,
    the_api_before_the_order_is_committed,
    the_api_after_the_order_is_committed,
    the_database_before_the_order_is_committed,
    the_database_after_the_order_is_committed,
    the_worker_before_it_asks_the_provider,
    the_worker_after_its_request_and_before_the_provider_pays,
    the_worker_after_the_provider_has_paid_and_before_the_answer,
    the_worker_whose_answer_was_dropped,
    no_process_but_the_answer_is_dropped,
    the_worker_before_the_outcome_reaches_the_database,
    the_worker_before_the_outcome_is_committed,
    the_worker_after_the_outcome_is_committed,
    the_worker_before_a_refusal_is_committed,
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
REFUSED = the_worker_before_a_refusal_is_committed


def test_each_refund_is_paid_once_after_a_kill_at_each_step(
    server: EmbeddedPostgres, programs: Programs, home: Path
) -> None:
    with PayingService(server, programs, home) as service:
        to_pay = service.approved(len(STEPS), "step")
        for step, one in zip(STEPS, to_pay, strict=True):
            step(service, one)
            service.ensure_running()
            service.wait_until_settled(one, within=SETTLED_SECONDS)
            expected = "failed" if step is REFUSED else "executed"
            assert service.shown(one)["state"] == expected, step.__name__
        _assert_all_records_agree(service, to_pay)


def test_each_refund_is_paid_once_during_random_kills(
    server: EmbeddedPostgres, programs: Programs, home: Path
) -> None:
    chance = random.Random(41)
    with PayingService(server, programs, home) as service:
        to_pay = service.approved(MANY, "many")
        service.ensure_running(workers=2)
        deadline = time.monotonic() + KILLING_SECONDS
        waiting = list(to_pay)

        def order() -> None:
            while waiting:
                service.execute(waiting.pop())
                time.sleep(chance.uniform(0, 3 * KILLING_SECONDS / MANY))

        clients = [threading.Thread(target=order, daemon=True) for _ in range(3)]
        for client in clients:
            client.start()
        killed = 0
        while time.monotonic() < deadline or killed < FEWEST_KILLS:
            service.switch(**chance.choice(PROVIDER_FAULTS))
            time.sleep(chance.uniform(0.1, 0.8))
            for victim in chance.sample(VICTIMS, chance.choice((1, 1, 2))):
                victim(service)
                killed += 1
            time.sleep(chance.uniform(0, 0.3))
            service.ensure_running(workers=2)
        service.ensure_running(workers=2)
        for client in clients:
            client.join(SETTLED_SECONDS)
        assert len(service.answers) == MANY
        service.wait_until_settled(*to_pay, within=SETTLED_SECONDS)
        _assert_all_records_agree(service, to_pay)


PROVIDER_FAULTS: tuple[dict[str, object], ...] = (
    {"drop_answer": True},
    {"delay_seconds": 0.7},
    {"delay_seconds": 0.4, "drop_answer": True},
    {"fail": "error"},
    {},
)
VICTIMS: tuple[Callable[[PayingService], None], ...] = (
    lambda service: service.workers[0].kill(),
    lambda service: service.workers[1].kill(),
    lambda service: service.provider.kill(),
    lambda service: service.kill_database(),
    lambda service: service.api.kill(),
)


def _assert_all_records_agree(service: PayingService, to_pay: list[OrderedPayment]) -> None:
    wait_for_reports(service.dsn, within=10)
    service.assert_answers_are_given_again()
    service.assert_the_provider_answers_agree_with_its_file()
    lines = whole_log(service.dsn)
    assert_paid_once(lines, service.in_ledger(), to_pay, service.answers)
    assert_reports_equal_their_folds(service.dsn, lines)
