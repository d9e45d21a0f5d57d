"""casetrail worker"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable

import click
import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg_pool import PoolTimeout

from api.composition import Desks, continuity, desks, following, make_ready, witnessed
from api.serving import collect_seldom, wait_for_parent_to_end
from application.money.provider import PaymentProvider
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.doctor import must_be_safe
from infrastructure.payments import provider_of
from infrastructure.personal.vault import Vault, vault_of
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import LONGEST_PAUSE_SECONDS, connect
from infrastructure.postgres.roles import PROJECTOR, acting_as
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import PAYMENTS, Settings
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.cosignatures import Cosigning, cosigning
from infrastructure.transparency.nodes import Connection, PositionsMissing
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.transparency.storage import OutsideUnavailable
from projections import PROJECTIONS

IDLE_SECONDS = 0.2
BACKLOG_SECONDS = 5.0
"""How often the queues are measured."""
CHECKPOINT_SECONDS = 3.0
KEYS_SECONDS = 3600.0
"""How often it is seen to that destroyed keys stay so."""
OUTSIDE_PAUSE_SECONDS = 5.0
"""Between two tries to reach where checkpoints lie: nobody's bucket is asked each second."""
KEEPERS = 2
"""While one waits for the database, the other decides."""
_logger = logging.getLogger("casetrail.worker")


@click.command()
@click.option("--until-eof", is_flag=True, hidden=True, help="End when standard input ends.")
@click.pass_obj
def worker(settings: Settings, until_eof: bool) -> None:
    """Keep time and reports. Run as many as you like, on as many machines."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if until_eof:
        threading.Thread(target=_stop_at_eof, args=(stop,), daemon=True).start()
    with open_database(settings) as dsn:
        make_ready(dsn)
        must_be_safe(dsn)
        checkpoints = witnessed(settings, dsn)
        cosigner = cosigning(settings.witness, checkpoints)
        outside = (vault_of(settings), continuity(settings))
        work(dsn, stop, provider_of(settings), checkpoints, cosigner, *outside)


def work(
    dsn: str,
    stop: threading.Event,
    provider: PaymentProvider | None = None,
    checkpoints: Checkpoints | None = None,
    cosigner: Cosigning | None = None,
    vault: Vault | None = None,
    ours: Continuity | None = None,
) -> None:
    """Tick what is due, pay what was ordered, keep the reports up and the log witnessed, until told
    to stop. Raises LogNotAsWitnessed or KeyUnusable."""
    runner = ProjectionRunner(dsn, PROJECTIONS)
    reports = threading.Thread(target=runner.run, name="reports", daemon=True)
    reports.start()
    told: list[Exception] = []
    try:
        with desks(dsn, provider=provider, vault=vault, continuity=ours) as working:
            working.tell_build()
            working.decide_by()
            collect_seldom()
            keepers = [
                threading.Thread(target=keep_time, args=(working, stop), name=f"keeper-{n}")
                for n in range(KEEPERS)
            ]
            watch = threading.Thread(target=watch_backlogs, args=(working, stop), name="backlogs")
            keepers.append(watch)
            if working.key_ring is not None:
                keepers.append(
                    threading.Thread(target=keep_erased, args=(working, stop), name="keys")
                )
            if working.payer is None:
                _logger.warning("%s is not set: this worker pays nothing", PAYMENTS)
            else:
                keepers.append(threading.Thread(target=pay, args=(working, stop), name="payer"))
            if checkpoints is not None:
                keepers.append(witness(checkpoints.make, "checkpoints", dsn, stop, told))
            if cosigner is not None:
                # Apart from those: what waits for somebody else's answer holds up nothing.
                keepers.append(witness(cosigner.look, "cosigner", dsn, stop, told))
            with following(working):
                for keeper in keepers:
                    keeper.start()
                for keeper in keepers:
                    keeper.join()
    finally:
        runner.close()
        reports.join()
    for error in told:
        raise error


def keep_time(working: Desks, stop: threading.Event) -> None:
    """Tick due streams until told to stop."""
    _again_and_again(lambda: working.timekeeper.tick_due(working.clock()) > 0, IDLE_SECONDS, stop)


def pay(working: Desks, stop: threading.Event) -> None:
    """Make the payments that were ordered until told to stop."""
    payer = working.payer
    assert payer is not None
    _again_and_again(lambda: payer.pay(working.clock) > 0, IDLE_SECONDS, stop)


def keep_erased(working: Desks, stop: threading.Event) -> None:
    """See to it, until told to stop, that keys which were destroyed stay so, whatever backup is brought back."""
    ring = working.key_ring
    assert ring is not None

    def look() -> bool:
        try:
            found = ring.destroy_again()
        except KeyStoreUnavailable as error:
            _logger.warning("whether keys stay destroyed is not known: %s", error)
        else:
            if found:
                _logger.warning(
                    "%d keys that were destroyed were there again, as from a backup: destroyed",
                    found,
                )
        return False

    _again_and_again(look, KEYS_SECONDS, stop)


def watch_backlogs(working: Desks, stop: threading.Event) -> None:
    """Measure the queues, and look for duties that turn out to have conflicted, until told to stop."""

    def look() -> bool:
        working.recovery.look(working.clock())
        working.conflicts.look(working.clock())
        return False

    _again_and_again(look, BACKLOG_SECONDS, stop)


def witness(
    look: Callable[[Connection], object],
    name: str,
    dsn: str,
    stop: threading.Event,
    told: list[Exception],
) -> threading.Thread:
    """Sign what the log has become, or have it signed, until told to stop, or until it is not what was
    signed before: then this worker ends, and says so."""

    def again() -> bool:
        try:
            with connect(acting_as(dsn, PROJECTOR)) as connection:
                look(connection)
        except (LogNotAsWitnessed, PositionsMissing, KeyUnusable) as error:
            told.append(error)
            stop.set()
        return False

    return threading.Thread(
        target=_again_and_again, args=(again, CHECKPOINT_SECONDS, stop), name=name
    )


def _again_and_again(work: Callable[[], bool], idle_seconds: float, stop: threading.Event) -> None:
    """Work, and rest where there was nothing to do; a lost database is waited out."""
    pause = IDLE_SECONDS
    while not stop.is_set():
        try:
            busy = work()
            pause = IDLE_SECONDS
            if not busy:
                stop.wait(idle_seconds)
        except (psycopg.Error, PersistenceError, PoolTimeout, OutsideUnavailable) as error:
            is_outside = isinstance(error, OutsideUnavailable)
            where = "checkpoints" if is_outside else "the database"
            _logger.warning("%s did not answer: %s", where, error)
            stop.wait(pause)
            pause = min(pause * 2, OUTSIDE_PAUSE_SECONDS if is_outside else LONGEST_PAUSE_SECONDS)


def _stop_at_eof(stop: threading.Event) -> None:
    wait_for_parent_to_end()
    stop.set()
