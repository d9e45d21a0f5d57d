"""What the routes work with: the desks, the reports, and what all requests share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.answers import Answers
from api.authentication import Tokens
from api.composition import Clock, Desks, desks, utc_now
from infrastructure.evidence_store import EvidenceStore
from infrastructure.health import HealthDesk
from infrastructure.projection_positions import Positions
from infrastructure.reports import Reports


class Service:
    def __init__(
        self, working: Desks, reports: Reports, positions: Positions, evidence: EvidenceStore
    ) -> None:
        self.desks = working
        self.reports = reports
        self.positions = positions
        self.answers = Answers(working.log)
        self.tokens = Tokens(working.people)
        self.evidence = evidence
        self.health = HealthDesk(working.datastore)
        self.simulating = threading.Lock()


@contextmanager
def service(dsn: str, evidence: str, clock: Clock = utc_now) -> Iterator[Service]:
    """The service over a migrated database; `evidence` is where files lie."""
    store = EvidenceStore(evidence)
    with desks(dsn, clock) as working:
        positions = Positions(dsn)
        try:
            yield Service(working, Reports(working.datastore), positions, store)
        finally:
            positions.close()
