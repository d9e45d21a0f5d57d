"""The secrets of sources, in the store of the other keys: one file each, `source-` and a random name."""

import secrets
import threading
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.event_loops import run_blocking
from infrastructure.personal.key_store import KeyStore

_PREFIX: Final = "source-"
_DESTROYED: Final = b"destroyed"
"""What stays of a secret. Secrets are stored with their length before them, so none looks like this."""


class SourceSecrets:
    """Kept in memory once read: a secret never changes, and valid ones are told by the log."""

    def __init__(self, store: KeyStore, require_store: Callable[[], None]) -> None:
        """`require_store` raises KeyStoreUnavailable unless it is the store of this database."""
        self._store = store
        self._require_store = require_store
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def keep(self, secret: str) -> str:
        run_blocking(self._require_store)
        name = _PREFIX + secrets.token_hex(8)
        content = f"{len(secret)}:{secret}".encode()
        if not run_blocking(lambda: self._store.create(name, content)):
            return self.keep(secret)
        return name

    def find(self, name: str) -> str | None:
        with self._lock:
            known = self._known.get(name)
        if known is None:
            content = run_blocking(lambda: self._store.read(name))
            if content is None or content == _DESTROYED:
                return None
            known = content.decode().partition(":")[2]
            with self._lock:
                self._known[name] = known
        return known

    def destroy(self, name: str) -> None:
        run_blocking(lambda: self._destroy(name))
        with self._lock:
            self._known.pop(name, None)

    def names(self) -> Collection[str]:
        run_blocking(self._require_store)
        stored = run_blocking(lambda: self._store.names(_PREFIX))
        return [one for one in stored if run_blocking(partial(self._store.read, one)) != _DESTROYED]

    def _destroy(self, name: str) -> None:
        # A process that was killed while it stored the secret has left a copy alone, which `replace` erases.
        if self._store.read(name) is None and name in self._store.names(name):
            self._store.create(name, _DESTROYED)
        if self._store.read(name) is not None:
            self._store.replace(name, _DESTROYED)


class NoSecrets:
    """Of a log without a key store."""

    def keep(self, secret: str) -> str:
        raise KeyStoreUnavailable("there is no key store: set CASETRAIL_KEYS")

    def find(self, name: str) -> str | None:
        raise KeyStoreUnavailable("there is no key store: set CASETRAIL_KEYS")

    def names(self) -> Collection[str]:
        raise KeyStoreUnavailable("there is no key store: set CASETRAIL_KEYS")

    def destroy(self, name: str) -> None:
        raise KeyStoreUnavailable("there is no key store: set CASETRAIL_KEYS")
