"""The composition root: builds the desks and readers on one database."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from eventsourcing.persistence import PersistenceError

from api.configured_checkpoints import continuity
from api.intake import build_dry_run, build_intake
from api.source_desks import source_desks
from application.cases.case_desk import CaseDesk
from application.cases.cited_evidence import assume_stored
from application.cases.history import order_of
from application.cases.recovery_desk import RecoveryDesk
from application.log import streams
from application.log.builds import record_build
from application.log.event_log import EventLog
from application.log.sealing import Seals
from application.money.eligibility import EligibilityCheck
from application.money.money_desk import MoneyDesk
from application.money.payer import Payer
from application.money.provider import PaymentProvider
from application.money.reconciliation import ReconciliationDesk
from application.orders.dry_run import DryRun
from application.people.access_review_desk import AccessReviewDesk
from application.people.break_glass_desk import BreakGlassDesk
from application.people.conflict_scan import ConflictScan
from application.people.grant_desk import GrantDesk
from application.people.people_desk import PeopleDesk
from application.people.principals import Principals
from application.people.principals_desk import PrincipalsDesk
from application.policy.policy_desk import PolicyDesk
from application.policy.recheck import RecheckDesk
from application.privacy.privacy_desk import PrivacyDesk
from application.timekeeper import Timekeeper
from domain.orders.order import Order, order_stream
from domain.policy.rulebook import Rulebook
from infrastructure.build import current_build
from infrastructure.event_store.migrations import migrate
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.personal.case_evidence import CaseEvidenceFiles
from infrastructure.personal.key_ring import KeyRing
from infrastructure.personal.reads import PersonalReads
from infrastructure.personal.vault import Vault, vault_of
from infrastructure.policies.files import load_policy
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import Datastore, LogHalted, connect, require_safe_switches
from infrastructure.postgres.lock_retries import retry_while_locked
from infrastructure.postgres.roles import PROJECTOR, WRITER, dsn_for_role
from infrastructure.projections.generations import PREPARE_SECONDS, prepare_generations
from infrastructure.reports.backlogs import backlogs
from infrastructure.reports.money import MoneyReports
from infrastructure.reports.people_directory import PeopleDirectory
from infrastructure.settings import Settings
from infrastructure.transparency.continuity import Continuity
from projections import PROJECTIONS

Clock = Callable[[], datetime]
FOLLOW_SECONDS = 0.5
_logger = logging.getLogger("casetrail.policy")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Desks:
    """All desks and readers on one log."""

    def __init__(
        self,
        datastore: Datastore,
        clock: Clock,
        provider: PaymentProvider | None = None,
        vault: Vault | None = None,
        continuity: Continuity | None = None,
        pull_hosts: Collection[str] = (),
    ) -> None:
        self.datastore = datastore
        self.recorder = recorder = PostgresLogRecorder(datastore, continuity)
        self.clock = clock
        self.vault = vault
        self.reads = PersonalReads(datastore)
        self.key_ring = KeyRing(datastore, vault.keys) if vault is not None else None
        if self.key_ring is not None:
            recorder.require_keys_with(self.key_ring.require_kept)
        self.log = EventLog(recorder, Seals(self.key_ring) if self.key_ring is not None else None)
        orders, cases = streams.orders(self.log), streams.cases(self.log)
        self.orders = orders
        directory = PeopleDirectory(datastore)
        self._staff = staff = directory.with_role
        self.people = PeopleDesk(self.log, streams.people(self.log), directory.everybody)
        self.grants = GrantDesk(self.people)
        self.policy = PolicyDesk(self.log, clock, self.people)
        self.break_glass = BreakGlassDesk(
            self.log, streams.break_glasses(self.log), self.people, lambda: self.policy.current
        )
        self.access_reviews = AccessReviewDesk(
            self.log,
            streams.access_reviews(self.log),
            self.people,
            lambda: self.policy.current.document.access_reviews,
        )
        ledgers = streams.ledgers(self.log)
        self.intake = build_intake(
            self.log, orders, cases, ledgers, lambda: self.policy.current, staff
        )
        self.rechecks = RecheckDesk(self.log, self.policy, staff)
        ticks = {
            streams.POLICY: self.policy.tick,
            streams.RECHECK: self.rechecks.tick,
            streams.HELD: self.intake.held.tick,
        }
        self.privacy: PrivacyDesk | None = None
        if self.key_ring is not None and vault is not None:
            files = CaseEvidenceFiles(datastore, vault.evidence)
            self.privacy = PrivacyDesk(self.log, orders, cases, self.key_ring, files)
            ticks[streams.PRIVACY] = self.privacy.tick
        self.timekeeper = Timekeeper(
            self.log,
            orders,
            cases,
            lambda: self.policy.current,
            staff,
            ticks,
            self.intake.held.complete,
        )
        has_file = vault.has_file if vault is not None else assume_stored
        authority = self.people.authority_of
        self.cases = CaseDesk(
            self.log,
            orders,
            cases,
            lambda: self.policy.current,
            staff,
            authority,
            has_file,
            ledgers,
        )
        self.recovery = RecoveryDesk(
            self.log,
            streams.recoveries(self.log),
            lambda: self.policy.current,
            lambda: backlogs(datastore),
        )
        self.money = MoneyDesk(
            self.log,
            orders,
            cases,
            ledgers,
            lambda: self.policy.current,
            staff,
            provider.name if provider is not None else None,
            self.people,
            self.intake,
            has_file,
        )
        self.who_could = EligibilityCheck(
            self.people, self.policy.matrix, self.log, self.money.duties
        )
        reports = MoneyReports(datastore)
        self.conflicts = ConflictScan(self.log, cases, self.money.duties, reports.split_duties)
        self.reconciliation = ReconciliationDesk(
            self.log,
            self.money,
            provider,
            reports.executed_between,
            reports.find_cases_of_adjustments,
        )
        self.provider = provider.name if provider is not None else None
        self.payer = (
            Payer(self.log, cases, provider, reports.ordered_payments, self.intake)
            if provider is not None
            else None
        )
        of_sources = source_desks(
            self.log,
            orders,
            self.intake,
            vault,
            lambda: self.policy.current,
            datastore,
            clock,
            self.people,
            pull_hosts,
        )
        self.sources, self.deliveries = of_sources.sources, of_sources.deliveries
        self.delivery_finder = of_sources.finder
        self.settled_deliveries = of_sources.settled
        self.source_watch, self.pulls = of_sources.watch, of_sources.pulls
        self.mappings, self.unused_secrets = of_sources.mappings, of_sources.unused_secrets
        self.principals = Principals(self.log, self.people)
        self.principals_desk = PrincipalsDesk(self.log, self.people, self.principals)

    def order_at(
        self, order_id: str, as_of: datetime | None, known_at: datetime | None
    ) -> tuple[Order, Mapping[str, datetime]]:
        """The order by what had happened at `as_of` and was recorded at `known_at` (None: now), and the
        record time of each of its signals. Raises OrderNotFound."""
        return order_of(self.log.trail(order_stream(order_id)), as_of, known_at)

    def dry_run(self) -> DryRun:
        """A dry run by the active policy of the log; by the shipped one if the log has none.

        Raises LogHalted: of a log that takes no signals, a dry run would say nothing.
        """
        self.log.append([])  # stores nothing, and checks the log
        return build_dry_run(self.log, self.policy.load() or load_policy(), self._staff)

    def record_build(self) -> None:
        """Record the build of this process, before it writes, if the log does not have it."""
        record_build(self.log, current_build(self.datastore), self.clock())

    def ensure_policy(self, rulebook: Rulebook | None = None) -> None:
        """Load the log's policy; activate `rulebook` or the shipped policy if the log has none.

        Raises PolicyInForce if the log has a policy that differs from `rulebook`.
        """
        if rulebook is not None:
            self.policy.bootstrap(rulebook, self.clock())
        elif self.policy.load() is None:
            self.policy.activate_if_none(load_policy(), self.clock())


@contextmanager
def desks(
    dsn: str,
    clock: Clock = utc_now,
    provider: PaymentProvider | None = None,
    vault: Vault | None = None,
    continuity: Continuity | None = None,
    pull_hosts: Collection[str] = (),
) -> Iterator[Desks]:
    """The desks on a migrated database. Raises UnsafeSwitch.

    `continuity`: the known positions of the log outside the database. Without a vault, new personal data is
    stored unencrypted, and encrypted data stays so: for scratch databases. `pull_hosts`: those that pulls may send to
    beside public ones.
    """
    require_safe_switches()
    datastore = Datastore(dsn_for_role(dsn, WRITER))
    working = Desks(datastore, clock, provider, vault, continuity, pull_hosts)
    try:
        yield working
    finally:
        if working.payer is not None:
            working.payer.close()
        working.recorder.close()


@contextmanager
def follow_policy(working: Desks) -> Iterator[None]:
    """Within the context, load policy changes of other processes within a second."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(FOLLOW_SECONDS):
            try:
                working.policy.refresh()
            except PersistenceError as error:
                # The loaded policy stays active. Without the database nothing can be decided.
                _logger.warning("cannot check for a new policy: %s", error)
            except Exception:
                # Without this thread, the process would decide by an old policy for ever.
                _logger.exception("cannot load the policy")

    follower = threading.Thread(target=follow, name="policy", daemon=True)
    follower.start()
    try:
        yield
    finally:
        stop.set()
        follower.join(timeout=2 * FOLLOW_SECONDS)


def prepare_database(dsn: str, wait: float = PREPARE_SECONDS) -> None:
    """Migrate the schema, and create the tables of new reports: wait so many seconds for locks."""
    migrate(dsn)
    with connect(dsn_for_role(dsn, PROJECTOR)) as connection:
        # Many tables on a busy machine take time; the transaction blocks nobody.
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
        retry_while_locked(wait, lambda: prepare_generations(connection, PROJECTIONS))


@contextmanager
def configured_desks(settings: Settings, dsn: str) -> Iterator[Desks]:
    """The desks on a migrated database, with the vault and checkpoints of the settings."""
    outside = (vault_of(settings), continuity(settings), settings.pull_hosts)
    with desks(dsn, utc_now, None, *outside) as working:
        yield working


@contextmanager
def migrated_desks(settings: Settings) -> Iterator[Desks]:
    """The desks on the database of the settings, migrated: for short-lived commands."""
    with open_database(settings) as dsn:
        prepare_database(dsn)
        with configured_desks(settings, dsn) as working:
            with suppress(LogHalted):  # the command's own writes report it
                working.record_build()
            yield working
