"""Where the database is: given by DATABASE_URL, else an embedded one under CASETRAIL_HOME.

And where evidence lies, and by whom money is given back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from infrastructure.identity.issuers import Issuer, issuers

DATABASE = "casetrail"
EVIDENCE = "CASETRAIL_EVIDENCE"
PAYMENTS = "CASETRAIL_PAYMENTS"
STRIPE_KEY = "CASETRAIL_STRIPE_KEY"


class Secret(str):
    """Text that is not shown where what holds it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


class Settings(Struct, frozen=True):
    home: Path
    """Where the embedded server keeps its data."""
    database_url: str | None = None
    """A PostgreSQL 15 or newer to use instead."""
    evidence: str | None = None
    """Where evidence files lie: a directory or a URL. Left out, a directory of the home."""
    payments: str | None = None
    """Where money is given back: `local:URL` or `stripe:[URL]`. Left out, nowhere."""
    stripe_key: Secret | None = None
    issuers: tuple[Issuer, ...] = ()
    """Whose access tokens are taken, beside the keys that are issued here."""

    @property
    def evidence_place(self) -> str:
        return self.evidence or str(self.home / "evidence")


def settings(environment: Mapping[str, str] = os.environ, home: Path | None = None) -> Settings:
    """Raises IssuerUnusable."""
    chosen = home.expanduser().absolute() if home else default_home(environment)
    url = environment.get("DATABASE_URL") or None
    place = environment.get(EVIDENCE) or None
    key = environment.get(STRIPE_KEY) or None
    return Settings(
        home=chosen,
        database_url=url,
        evidence=place,
        payments=environment.get(PAYMENTS) or None,
        stripe_key=Secret(key) if key else None,
        issuers=issuers(environment),
    )


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Where it is unless the command line says otherwise."""
    chosen = Path(environment.get("CASETRAIL_HOME") or Path.home() / ".casetrail")
    return chosen.expanduser().absolute()
