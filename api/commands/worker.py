"""casetrail worker"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Collection
from functools import partial

import click

from api import composition, configured_checkpoints
from api.repeated_work import DATABASE_ERRORS, IDLE_SECONDS, run_repeatedly, until_answered
from api.serving import wait_for_parent_to_end
from application.money.provider import PaymentProvider
from domain.orders.order_names import describe_order
from domain.personal_data_errors import KeyStoreUnavailable
from domain.policy.holidays import holiday_notices
from infrastructure.doctor import require_safe
from infrastructure.garbage_collection import tune_garbage_collection
from infrastructure.payments import provider_of
from infrastructure.personal.vault import Vault, vault_of
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import PROJECTOR, dsn_for_role
from infrastructure.postgres.rows import Connection
from infrastructure.process_log import log_to_standard_error
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import PAYMENTS, Settings
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.cosignatures import WitnessClients, open_witness_clients
from infrastructure.transparency.nodes import PositionsMissing
from infrastructure.transparency.receipts import CHECKPOINT_SECONDS
from infrastructure.transparency.signing_keys import KeyUnusable
from projections import PROJECTIONS

BACKLOG_SECONDS = 5.0
"""How often the queues are measured."""
SOURCES_SECONDS = 60.0
"""How often sources are examined for silence."""
KEYS_SECONDS = 3600.0
"""How often keys that were destroyed and restored are destroyed again."""
MOST_NAMED = 10
"""How many orders one line of the process log names."""
NOTICE_SECONDS = 86_400.0
"""How often notices to the owner of the policy are logged."""
PULLS_SECONDS = 5.0
"""How often to look for a source that is to be pulled."""
PULL_AGAIN_SECONDS = 60.0
"""After an error of our own."""
PULL_THREADS = 2
"""A slow source leaves the other thread to the others."""
TIMEKEEPER_THREADS = 2
"""While one waits for the database, the other computes."""
_logger = logging.getLogger("casetrail.worker")


@click.command()
@click.option("--until-eof", is_flag=True, hidden=True, help="End when standard input ends.")
@click.pass_obj
def worker(settings: Settings, until_eof: bool) -> None:
    """Run a worker: it updates reports, handles due times, pulls sources and makes payments.

    `serve` starts one. You may run more, also on other machines.
    """
    log_to_standard_error()
    # Requests to other systems do not belong in the operator's log.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if until_eof:
        threading.Thread(target=_stop_at_eof, args=(stop,), daemon=True).start()
    with open_database(settings, supervise=True) as dsn:
        composition.prepare_database(dsn)
        require_safe(dsn)
        checkpoints = configured_checkpoints.verified_checkpoints(settings, dsn)
        cosigner = open_witness_clients(settings, checkpoints)
        continuity = configured_checkpoints.continuity(settings)
        outside = (vault_of(settings), continuity, settings.pull_hosts)
        run_worker(dsn, stop, provider_of(settings), checkpoints, cosigner, *outside)


def run_worker(
    dsn: str,
    stop: threading.Event,
    provider: PaymentProvider | None = None,
    checkpoints: Checkpoints | None = None,
    cosigner: WitnessClients | None = None,
    vault: Vault | None = None,
    ours: Continuity | None = None,
    pull_hosts: Collection[str] = (),
) -> None:
    """Handle due times, make payments, update reports and sign checkpoints until `stop` is set.

    Raises LogNotAsWitnessed, PositionsMissing or KeyUnusable.
    """
    runner = ProjectionRunner(dsn, PROJECTIONS)
    reports = threading.Thread(target=runner.run, name="reports", daemon=True)
    reports.start()
    errors: list[Exception] = []
    try:
        outside = (provider, vault, ours, pull_hosts)
        with composition.desks(dsn, composition.utc_now, *outside) as working:
            until_answered(partial(_start, working), stop)
            tune_garbage_collection()
            looks = {
                **{f"keeper-{n}": run_due_timers for n in range(TIMEKEEPER_THREADS)},
                **{f"pulls-{n}": run_pulls for n in range(PULL_THREADS)},
                "backlogs": run_backlog_watch,
                "notices": run_notices,
                "sources": run_source_watch,
            }
            if working.key_ring is not None:
                looks["keys"] = run_key_destruction
            if working.payer is None:
                _logger.warning("%s is not set: this worker makes no payments", PAYMENTS)
            else:
                looks["payer"] = run_payer
            keepers = [
                threading.Thread(target=look, args=(working, stop), name=name)
                for name, look in looks.items()
            ]
            if checkpoints is not None:
                keepers.append(witness_thread(checkpoints.make, "checkpoints", dsn, stop, errors))
            if cosigner is not None:
                # A thread of its own: a slow witness delays nothing else.
                keepers.append(
                    witness_thread(cosigner.cosign_latest, "cosigner", dsn, stop, errors)
                )
            with composition.follow_policy(working):
                for keeper in keepers:
                    keeper.start()
                for keeper in keepers:
                    keeper.join()
    finally:
        runner.close()
        reports.join()
    for error in errors:
        raise error


def _start(working: composition.Desks) -> bool:
    working.record_build()
    working.ensure_policy()
    return True


def run_due_timers(working: composition.Desks, stop: threading.Event) -> None:
    """Handle due timers until `stop` is set."""
    run_repeatedly(lambda: working.timekeeper.tick_due(working.clock()) > 0, IDLE_SECONDS, stop)


def run_payer(working: composition.Desks, stop: threading.Event) -> None:
    """Make the ordered payments until `stop` is set."""
    payer = working.payer
    assert payer is not None
    run_repeatedly(lambda: payer.pay(working.clock) > 0, IDLE_SECONDS, stop)


def run_key_destruction(working: composition.Desks, stop: threading.Event) -> None:
    """Destroy keys that a restored backup brought back, and name the orders of which something arrived after
    their erasure, until `stop` is set."""
    ring = working.key_ring
    assert ring is not None

    def look() -> bool:
        try:
            found = ring.destroy_restored()
            working.unused_secrets.destroy(working.clock())
        except KeyStoreUnavailable as error:
            _logger.warning("cannot check that destroyed keys stay destroyed: %s", error)
        else:
            if found:
                _logger.warning(
                    "destroyed %d keys again: they had come back, as from a backup", found
                )
            if later := ring.held_after_erasure(None, "", MOST_NAMED):
                _logger.warning(
                    "personal data arrived after the erasure of these orders: %s. "
                    "`casetrail personal-data after-erasure` lists all.",
                    ", ".join(map(describe_order, later)),
                )
        return False

    run_repeatedly(look, KEYS_SECONDS, stop)


def run_backlog_watch(working: composition.Desks, stop: threading.Event) -> None:
    """Measure the queues and look for conflicts of duties until `stop` is set."""

    def look() -> bool:
        working.recovery.look(working.clock())
        working.conflicts.look(working.clock())
        return False

    run_repeatedly(look, BACKLOG_SECONDS, stop)


def run_pulls(working: composition.Desks, stop: threading.Event) -> None:
    """Pull the sources whose time has come until `stop` is set."""
    later: dict[str, float] = {}

    def look() -> bool:
        pulled = False
        for name in working.pulls.due():
            if later.get(name, 0.0) > time.monotonic():
                continue
            try:
                pulled |= working.pulls.pull_if_due(name, stop.wait)
            except DATABASE_ERRORS:
                raise
            except Exception:
                # The other sources are pulled all the same.
                _logger.exception("cannot pull %s", name)
                later[name] = time.monotonic() + PULL_AGAIN_SECONDS
        return pulled

    run_repeatedly(look, PULLS_SECONDS, stop)


def run_source_watch(working: composition.Desks, stop: threading.Event) -> None:
    """Look for silent sources until `stop` is set."""

    def look() -> bool:
        try:
            working.source_watch.look(working.clock())
        except KeyStoreUnavailable as error:
            _logger.warning("cannot look for silent sources: %s", error)
        return False

    run_repeatedly(look, SOURCES_SECONDS, stop)


def run_notices(working: composition.Desks, stop: threading.Event) -> None:
    """Log notices to the owner of the active policy until `stop` is set."""

    def look() -> bool:
        active = working.policy.current
        try:
            for notice in holiday_notices(active.document, working.clock()):
                _logger.warning("policy version %s: %s", active.version, notice)
        except Exception:
            # The worker's thread has to go on to the next day's notices.
            _logger.exception("cannot compute the notices of policy version %s", active.version)
        return False

    run_repeatedly(look, NOTICE_SECONDS, stop)


def witness_thread(
    look: Callable[[Connection], object],
    name: str,
    dsn: str,
    stop: threading.Event,
    errors: list[Exception],
) -> threading.Thread:
    """A thread that signs or cosigns checkpoints until `stop` is set.

    If the log is not the one that was signed before, it adds the error and stops the worker.
    """

    def work() -> bool:
        try:
            with connect(dsn_for_role(dsn, PROJECTOR)) as connection:
                look(connection)
        except (LogNotAsWitnessed, PositionsMissing, KeyUnusable) as error:
            errors.append(error)
            stop.set()
        return False

    return threading.Thread(target=run_repeatedly, args=(work, CHECKPOINT_SECONDS, stop), name=name)


def _stop_at_eof(stop: threading.Event) -> None:
    wait_for_parent_to_end()
    stop.set()
