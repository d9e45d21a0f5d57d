"""Settings from the environment: the database (DATABASE_URL, else an embedded one in CASETRAIL_HOME), and
the places of evidence, keys and checkpoints, the payment provider, the witness and token issuers."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict

from infrastructure.http_settings import HttpSettings, load_http_settings
from infrastructure.identity.trusted_issuers import Issuer, load_issuers
from infrastructure.pull_hosts import PULL_HOSTS, load_pull_hosts

DATABASE = "casetrail"
EVIDENCE = "CASETRAIL_EVIDENCE"
PAYMENTS = "CASETRAIL_PAYMENTS"
STRIPE_KEY = "CASETRAIL_STRIPE_KEY"
CHECKPOINTS = "CASETRAIL_CHECKPOINTS"
KEYS = "CASETRAIL_KEYS"
CHECKPOINT_KEY = "CASETRAIL_CHECKPOINT_KEY"
WITNESS = "CASETRAIL_WITNESS"
WITNESS_POLICY = "CASETRAIL_WITNESS_POLICY"
HEADS = "CASETRAIL_HEADS"
STANDBYS = "CASETRAIL_STANDBYS"


class Secret(str):
    """Text that its repr does not show, so that no printed structure contains it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


class Settings(Struct, frozen=True):
    home: Path
    """Where the embedded server keeps its data."""
    database_url: str | None = None
    """The address of a PostgreSQL 15 or newer to use instead."""
    evidence: str | None = None
    """Directory or URL of evidence files. Left out, a directory in the home."""
    payments: str | None = None
    """The payment provider for refunds: `local:URL` or `stripe:[URL]`. Left out, none."""
    stripe_key: Secret | None = None
    checkpoints: str | None = None
    """Directory or URL of the log's checkpoints, outside the database."""
    checkpoint_key: Secret | None = None
    """The key that signs checkpoints, or its file."""
    keys: str | None = None
    """Directory or URL of the keys of personal data, never in PostgreSQL."""
    witness: str | None = None
    """The only witness that cosigns checkpoints: a URL and a public key. Left out, none."""
    witness_policy: Path | None = None
    """The file that lists several witnesses and the quorum of them."""
    heads: str | None = None
    """Directory of the acknowledged positions of this machine's processes."""
    standbys: str | None = None
    """The standbys that must flush before anything is signed or acknowledged: `NUMBER (NAME, …)`."""
    pull_hosts: frozenset[str] = frozenset()
    """Hosts that pulls may send to although they are not public, or not encrypted."""
    http: HttpSettings = HttpSettings()
    issuers: tuple[Issuer, ...] = ()
    """The issuers of accepted access tokens. API keys of this service are always accepted."""

    @property
    def evidence_place(self) -> str:
        return self.evidence or str(self.home / "evidence")

    @property
    def checkpoint_place(self) -> Path | str:
        """Directory or URL. By default a directory in the home, one for each DATABASE_URL."""
        if self.checkpoints is not None:
            if "://" in self.checkpoints:
                return self.checkpoints
            return Path(self.checkpoints).expanduser().absolute()
        return self._home_directory_for("checkpoints")

    @property
    def key_place(self) -> str:
        """Directory or URL. By default a directory in the home, one for each DATABASE_URL."""
        return self.keys or str(self._home_directory_for("keys"))

    @property
    def heads_place(self) -> Path:
        """A directory on a local disk: each group of appends writes to it."""
        return Path(self.heads) if self.heads is not None else self._home_directory_for("heads")

    def _home_directory_for(self, name: str) -> Path:
        place = self.home / name
        return place / _address_digest(self.database_url) if self.database_url else place

    @property
    def signing_key(self) -> str:
        return self.checkpoint_key or str(self.home / "checkpoint.key")

    @property
    def child_environment(self) -> dict[str, str]:
        """The environment variables of a child process that works on the same log."""
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
    """Read the settings from the environment. Raises IssuerUnusable, HttpSettingUnusable,
    PullHostsUnusable."""
    given = {name: text for name, text in environment.items() if text}
    return Settings(
        home=home.expanduser().absolute() if home else default_home(environment),
        database_url=given.get("DATABASE_URL"),
        evidence=given.get(EVIDENCE),
        payments=given.get(PAYMENTS),
        stripe_key=Secret(given[STRIPE_KEY]) if STRIPE_KEY in given else None,
        checkpoints=given.get(CHECKPOINTS),
        checkpoint_key=Secret(given[CHECKPOINT_KEY]) if CHECKPOINT_KEY in given else None,
        keys=given.get(KEYS),
        witness=given.get(WITNESS),
        witness_policy=Path(given[WITNESS_POLICY]) if WITNESS_POLICY in given else None,
        heads=given.get(HEADS),
        standbys=given.get(STANDBYS),
        pull_hosts=load_pull_hosts(environment.get(PULL_HOSTS, "")),
        http=load_http_settings(environment),
        issuers=load_issuers(environment),
    )


def _address_digest(address: str) -> str:
    parameters = conninfo_to_dict(address)
    parts = (parameters.get(name) for name in ("host", "port", "dbname"))
    return re.sub(r"[^A-Za-z0-9.-]+", "_", "-".join(str(part) for part in parts if part)) or "_"


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The home directory if the command line names none: CASETRAIL_HOME, else ~/.casetrail."""
    chosen = Path(environment.get("CASETRAIL_HOME") or Path.home() / ".casetrail")
    return chosen.expanduser().absolute()
