"""Checks that the key store still has the keys that a process holds in memory.

Text that is encrypted with a lost key can never be read again. So an append that uses such a key must fail.
"""

import threading
import time
from collections.abc import Collection, Hashable
from concurrent.futures import Future
from math import inf
from typing import Final

from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.daemon_threads import run_in_daemon_thread
from infrastructure.personal.key_store import PEPPER_NAME, KeyStore, read_bundle

BUCKET_OUTAGE_SECONDS: Final = 30.0
"""How long appends go on while a bucket does not answer. If it answers that a bundle is gone, they stop."""
BUCKET_WAIT_SECONDS: Final = 2.0
"""How long an append waits for a bucket's answer after that time."""


class KeptKeys:
    """Checks bundles of keys: each time by their stamp, and in full only when the stamp changes."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Hashable]] = {}
        """By bundle: when its stamp was read, and the stamp."""
        self._pending: dict[str, Future[None]] = {}

    def require(self, refs: Collection[str]) -> None:
        """Require that the bundles of these keys can be read, and the secret for customer IDs. Raises
        KeyStoreUnavailable."""
        for name in {PEPPER_NAME, *(ref.partition(".")[0] for ref in refs)}:
            if not self._store.stamp_seconds:
                known = self._known.get(name)
                if known is None or self._store.stamp(name) != known[1]:
                    self._check(name)
            elif (age := self._age_of(name)) > self._store.stamp_seconds:
                check, is_new = self._start_check(name)
                if age > BUCKET_OUTAGE_SECONDS:
                    _wait_for(check, BUCKET_WAIT_SECONDS if is_new else 0.0)

    def _age_of(self, name: str) -> float:
        known = self._known.get(name)
        return time.monotonic() - known[0] if known is not None else inf

    def _start_check(self, name: str) -> tuple[Future[None], bool]:
        """Check in a thread: a bucket may answer after minutes, and the log must not wait for that."""
        with self._lock:
            running = self._pending.get(name)
            if running is not None:
                return running, False
            check = run_in_daemon_thread(lambda: self._check_once(name), "kept-keys")
            self._pending[name] = check
        return check, True

    def _check_once(self, name: str) -> None:
        try:
            self._check(name)
        finally:
            with self._lock:
                del self._pending[name]

    def _check(self, name: str) -> None:
        known, stamp = self._known.get(name), self._store.stamp(name)
        if stamp is None:
            with self._lock:
                self._known.pop(name, None)
            raise KeyStoreUnavailable(
                f"the key store has lost {name}, which this process uses: restore it "
                "(CASETRAIL_KEYS). Personal data is not stored meanwhile"
            )
        if (known is None or stamp != known[1]) and name != PEPPER_NAME:
            read_bundle(self._store, name)
        with self._lock:
            self._known[name] = (time.monotonic(), stamp)


def _wait_for(check: Future[None], seconds: float) -> None:
    try:
        check.result(seconds)
    except TimeoutError:
        raise KeyStoreUnavailable("the key store does not answer") from None
