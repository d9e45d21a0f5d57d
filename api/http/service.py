"""What the routes work with: the desks, the reports, and what all requests share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from api.composition import Clock, Desks, desks, utc_now
from api.http.authentication import Tokens
from api.http.responses import Answers
from application.money.provider import PaymentProvider
from infrastructure.evidence_store import EvidenceStore
from infrastructure.health import HealthDesk
from infrastructure.identity.access_tokens import AccessTokens
from infrastructure.identity.issuers import Issuer
from infrastructure.personal.vault import Vault
from infrastructure.postgres.roles import READER, acting_as
from infrastructure.projections.positions import Positions
from infrastructure.reports.money import MoneyReports
from infrastructure.reports.queries import Reports
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.continuity import Continuity
from infrastructure.transparency.proofs import Proofs


class Service:
    def __init__(
        self,
        working: Desks,
        reports: Reports,
        positions: Positions,
        evidence: EvidenceStore,
        issuers: Sequence[Issuer],
        checkpoints: Checkpoints | None = None,
        witness: str | None = None,
    ) -> None:
        self.desks = working
        self.reports = reports
        self.money_reports = MoneyReports(working.datastore)
        self.positions = positions
        self.answers = Answers(working.log)
        self.tokens = Tokens(working.principals, AccessTokens(issuers), working.clock)
        for desk in (working.principals_desk, working.people):
            desk.watchers.append(self.tokens.forget)
        self.evidence = evidence
        self.health = HealthDesk(working.datastore, working.provider, witness)
        self.proofs = Proofs(working.datastore)
        self.checkpoints = checkpoints
        self.simulating = threading.Lock()


@contextmanager
def service(
    dsn: str,
    vault: Vault,
    clock: Clock = utc_now,
    issuers: Sequence[Issuer] = (),
    provider: PaymentProvider | None = None,
    checkpoints: Checkpoints | None = None,
    continuity: Continuity | None = None,
    witness: str | None = None,
) -> Iterator[Service]:
    """The service over a migrated database, and what lies outside it; `issuers` are those whose access
    tokens are taken, `checkpoints` those of the log outside the database, `continuity` is what others
    know of the log, and `witness` the key of who is to cosign it."""
    with desks(dsn, clock, provider, vault, continuity) as working:
        positions = Positions(acting_as(dsn, READER))
        try:
            reports = Reports(working.datastore)
            evidence = vault.evidence
            yield Service(working, reports, positions, evidence, issuers, checkpoints, witness)
        finally:
            positions.close()
