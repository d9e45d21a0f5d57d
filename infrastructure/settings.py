"""Where the database is: given by DATABASE_URL, else an embedded one under CASETRAIL_HOME.

And where evidence lies, by whom money is given back, and where the log is witnessed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict

from infrastructure.identity.trusted_issuers import Issuer, load_issuers

DATABASE = "casetrail"
EVIDENCE = "CASETRAIL_EVIDENCE"
PAYMENTS = "CASETRAIL_PAYMENTS"
STRIPE_KEY = "CASETRAIL_STRIPE_KEY"
CHECKPOINTS = "CASETRAIL_CHECKPOINTS"
KEYS = "CASETRAIL_KEYS"
CHECKPOINT_KEY = "CASETRAIL_CHECKPOINT_KEY"
WITNESS = "CASETRAIL_WITNESS"
HEADS = "CASETRAIL_HEADS"


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
    checkpoints: str | None = None
    """The directory or URL outside the database where checkpoints of the log lie."""
    checkpoint_key: Secret | None = None
    """The key that signs them, or the file that it lies in."""
    keys: str | None = None
    """Where the keys of personal data lie: a directory or a URL, never in PostgreSQL."""
    witness: str | None = None
    """Who cosigns them: a URL and a public key. Left out, nobody."""
    heads: str | None = None
    """Where the processes of this machine tell each other what they have acknowledged."""
    issuers: tuple[Issuer, ...] = ()
    """Whose access tokens are taken, beside the keys that are issued here."""

    @property
    def evidence_place(self) -> str:
        return self.evidence or str(self.home / "evidence")

    @property
    def checkpoint_place(self) -> Path | str:
        """A directory, or a URL. Left out, a directory of the home: one for each database that is named by
        its address."""
        if self.checkpoints is not None:
            if "://" in self.checkpoints:
                return self.checkpoints
            return Path(self.checkpoints).expanduser().absolute()
        return self._home_directory_for("checkpoints")

    @property
    def key_place(self) -> str:
        """Left out, a directory of the home: one for each database that is named by its address."""
        return self.keys or str(self._home_directory_for("keys"))

    @property
    def witness_key(self) -> str | None:
        return self.witness.strip().partition(" ")[2] if self.witness is not None else None

    @property
    def heads_place(self) -> Path:
        """On a disk of this machine: each group of appends is noted there."""
        return Path(self.heads) if self.heads is not None else self._home_directory_for("heads")

    def _home_directory_for(self, name: str) -> Path:
        place = self.home / name
        return place / _address_digest(self.database_url) if self.database_url else place

    @property
    def signing_key(self) -> str:
        return self.checkpoint_key or str(self.home / "checkpoint.key")

    @property
    def child_environment(self) -> dict[str, str]:
        """The environment of a process that is to work on the same log, with what lies outside it."""
        return {
            CHECKPOINTS: str(self.checkpoint_place),
            CHECKPOINT_KEY: str(self.signing_key),
            HEADS: str(self.heads_place),
            EVIDENCE: self.evidence_place,
            KEYS: self.key_place,
        }


def load_settings(
    environment: Mapping[str, str] = os.environ, home: Path | None = None
) -> Settings:
    """Raises IssuerUnusable."""
    chosen = home.expanduser().absolute() if home else default_home(environment)
    url = environment.get("DATABASE_URL") or None
    place = environment.get(EVIDENCE) or None
    key = environment.get(STRIPE_KEY) or None
    signing = environment.get(CHECKPOINT_KEY) or None
    return Settings(
        home=chosen,
        database_url=url,
        evidence=place,
        payments=environment.get(PAYMENTS) or None,
        stripe_key=Secret(key) if key else None,
        checkpoints=environment.get(CHECKPOINTS) or None,
        checkpoint_key=Secret(signing) if signing else None,
        keys=environment.get(KEYS) or None,
        witness=environment.get(WITNESS) or None,
        heads=environment.get(HEADS) or None,
        issuers=load_issuers(environment),
    )


def _address_digest(address: str) -> str:
    told = conninfo_to_dict(address)
    parts = (told.get(name) for name in ("host", "port", "dbname"))
    return re.sub(r"[^A-Za-z0-9.-]+", "_", "-".join(str(part) for part in parts if part)) or "_"


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Where it is unless the command line says otherwise."""
    chosen = Path(environment.get("CASETRAIL_HOME") or Path.home() / ".casetrail")
    return chosen.expanduser().absolute()
