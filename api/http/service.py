"""The service that routes work with: desks, reports, tokens, stored answers."""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from litestar.di import NamedDependency

from api.composition import Clock, Desks, desks, utc_now
from api.http.authentication import TokenCache
from api.http.refusal_recorder import record_refused_requests
from api.http.responses import IdempotentCommands
from application.money.provider import PaymentProvider
from application.people.access_refusals import AccessRefusals
from infrastructure.evidence_store import EvidenceStore
from infrastructure.health import HealthChecker
from infrastructure.identity.access_tokens import AccessTokenVerifier
from infrastructure.identity.trusted_issuers import Issuer
from infrastructure.personal.vault import Vault
from infrastructure.postgres.roles import READER, dsn_for_role
from infrastructure.projections.positions import ReportPositions
from infrastructure.readiness_probes import Probes
from infrastructure.reports.money import MoneyReports
from infrastructure.reports.queries import Reports
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.proofs import Proofs
from infrastructure.transparency.receipts import Receipts
from infrastructure.verifier.trust_policy import NO_WITNESS, TrustPolicy


class Service:
    def __init__(
        self,
        working: Desks,
        reports: Reports,
        positions: ReportPositions,
        evidence: EvidenceStore,
        issuers: Sequence[Issuer],
        checkpoints: Checkpoints | None = None,
        policy: TrustPolicy | None = None,
    ) -> None:
        self.desks = working
        self.reports = reports
        self.money_reports = MoneyReports(working.datastore)
        self.positions = positions
        self.answers = IdempotentCommands(working.log)
        self.tokens = TokenCache(working.principals, AccessTokenVerifier(issuers), working.clock)
        for desk in (working.principals_desk, working.people):
            desk.watchers.append(self.tokens.forget)
        self.access_refusals = AccessRefusals(working.log, working.clock)
        self.evidence = evidence
        probes = Probes(working.datastore, working.key_ring, evidence)
        policy = policy if policy is not None else NO_WITNESS
        gate = checkpoints.standbys if checkpoints is not None else None
        self.health = HealthChecker(
            working.datastore,
            working.provider,
            policy.witnesses,
            probes,
            gate.standbys if gate is not None else None,
        )
        self.proofs = Proofs(working.datastore)
        opened = checkpoints.opened if checkpoints is not None else None
        self.receipts = Receipts(working.datastore, policy, opened)
        self.checkpoints = checkpoints
        self.simulating = threading.Lock()


ServiceDependency = NamedDependency[Service]


@contextmanager
def service(
    dsn: str,
    vault: Vault,
    clock: Clock = utc_now,
    issuers: Sequence[Issuer] = (),
    provider: PaymentProvider | None = None,
    checkpoints: Checkpoints | None = None,
    continuity: Continuity | None = None,
    policy: TrustPolicy | None = None,
    pull_hosts: Collection[str] = (),
) -> Iterator[Service]:
    """The service on a migrated database.

    `issuers`: whose access tokens are accepted. `checkpoints`: those kept outside the database.
    `continuity`: the known positions of the log outside it. `policy`: the witnesses that cosign, and
    their quorum. `pull_hosts`: those that pulls may send to beside public ones.
    """
    with desks(dsn, clock, provider, vault, continuity, pull_hosts) as working:
        positions = ReportPositions(dsn_for_role(dsn, READER))
        try:
            reports = Reports(working.datastore)
            evidence = vault.evidence
            ours = Service(working, reports, positions, evidence, issuers, checkpoints, policy)
            with record_refused_requests(ours.access_refusals):
                yield ours
        finally:
            positions.close()
