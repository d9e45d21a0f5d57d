"""The stores of a log outside PostgreSQL: the keys of personal data, and evidence files."""

from msgspec import Struct

from infrastructure.event_loops import run_blocking
from infrastructure.evidence_store import EvidenceStore
from infrastructure.personal.key_store import KeyStore, open_key_store
from infrastructure.settings import Settings


class Vault(Struct, frozen=True):
    keys: KeyStore
    place: str
    """Directory or URL of the keys, for child processes."""
    evidence: EvidenceStore

    def has_file(self, ref: str) -> bool:
        """Whether an evidence file was ever stored; true also if the store cannot be read now."""
        return run_blocking(lambda: self.evidence.may_have(ref))


def open_vault(keys: str, evidence: str) -> Vault:
    """Open both stores by directory or URL."""
    return Vault(open_key_store(keys), keys, EvidenceStore(evidence))


def vault_of(settings: Settings) -> Vault:
    return open_vault(settings.key_place, settings.evidence_place)
