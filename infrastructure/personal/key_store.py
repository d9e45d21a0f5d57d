"""Where keys lie: in bundles of many, so that a new one costs no write of its own.

A bundle is a file of JSON, `{"format": "casetrail-keys/1", "keys": {"0": BASE64, …}}`; a key is named
`BUNDLE.NUMBER`. A key that is destroyed is left out when its bundle is written again; the bundle stays.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
import obstore
from msgspec import Struct
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.file_locks import flocked
from infrastructure.personal.aes import new_secret

FORMAT: Final = "casetrail-keys/1"
PEPPER: Final = "pepper"
_NAMED: Final = re.compile(r"[0-9a-f]{16}|pepper")


class Bundle(Struct, frozen=True):
    keys: Mapping[str, str]
    format: str = FORMAT


class KeyStore(Protocol):
    """Files by name, each of which is there whole or not at all, and on disk when a call returns."""

    def read(self, name: str) -> bytes | None:
        """None if there is none. Raises KeyStoreUnavailable."""

    def create(self, name: str, content: bytes) -> bool:
        """False if there is one already. Raises KeyStoreUnavailable."""

    def replace(self, name: str, content: bytes) -> None:
        """Nothing of what it held before is left. One at a time. Raises KeyStoreUnavailable."""


class LocalKeyStore:
    """A directory, best on a disk that no backup of the database takes along; modes 0700 and 0600."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeyStoreUnavailable(f"the key store: {error}") from None

    def create(self, name: str, content: bytes) -> bool:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = self._written(name, content)
            try:
                os.link(beside, self._path(name))
            except FileExistsError:
                return False
            finally:
                beside.unlink()
            self._sync()
        except OSError as error:
            raise KeyStoreUnavailable(f"the key store: {error}") from None
        return True

    def replace(self, name: str, content: bytes) -> None:
        path = self._path(name)
        try:
            with flocked(self._directory / ".lock"):
                # Whoever was killed at this has left a copy behind.
                for copy in self._directory.glob(f".{name}.*"):
                    copy.write_bytes(bytes(copy.stat().st_size))
                    copy.unlink()
                beside = self._written(name, content)
                # Where a file system writes in place, nothing of the old keys is left on the disk.
                with open(path, "r+b") as old:
                    length = old.seek(0, os.SEEK_END)
                    held = os.dup(old.fileno())
                beside.replace(path)
                self._sync()
                try:
                    os.pwrite(held, bytes(length), 0)
                    os.fsync(held)
                finally:
                    os.close(held)
        except OSError as error:
            raise KeyStoreUnavailable(f"the key store: {error}") from None

    def _written(self, name: str, content: bytes) -> Path:
        beside = self._directory / f".{name}.{secrets.token_hex(4)}"
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return beside

    def _sync(self) -> None:
        folder = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _path(self, name: str) -> Path:
        return self._directory / name


class BucketKeyStore:
    """A bucket, or whatever `obstore` can write by URL, without versions and without a copy elsewhere: a
    key must be gone when it is overwritten."""

    def __init__(self, url: str) -> None:
        self._store = from_url(url)

    def read(self, name: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise KeyStoreUnavailable(f"the key store: {error}") from None

    def create(self, name: str, content: bytes) -> bool:
        try:
            obstore.put(self._store, name, content, mode="create")
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            raise KeyStoreUnavailable(f"the key store: {error}") from None
        return True

    def replace(self, name: str, content: bytes) -> None:
        try:
            obstore.put(self._store, name, content)
        except (BaseError, OSError) as error:
            raise KeyStoreUnavailable(f"the key store: {error}") from None


def key_store(place: str) -> KeyStore:
    """A directory, or a URL (s3://…, gs://…, az://…)."""
    return BucketKeyStore(place) if "://" in place else LocalKeyStore(Path(place))


def make_bundle(store: KeyStore, many: int) -> Sequence[tuple[str, bytes]]:
    """So many new keys, by name, on disk. Raises KeyStoreUnavailable."""
    name = secrets.token_hex(8)
    keys = [new_secret() for _ in range(many)]
    told = {str(n): base64.b64encode(key).decode() for n, key in enumerate(keys)}
    if not store.create(name, msgspec.json.encode(Bundle(told))):
        return make_bundle(store, many)
    return [(f"{name}.{n}", key) for n, key in enumerate(keys)]


def keys_in(store: KeyStore, bundle: str) -> Mapping[str, bytes]:
    """The keys that a bundle still holds, by name. Raises KeyStoreUnavailable, also where there is no
    such bundle: a key that was destroyed leaves its bundle behind."""
    content = store.read(bundle) if _NAMED.fullmatch(bundle) else None
    if content is None:
        raise KeyStoreUnavailable(
            f"there are no keys {bundle} in the key store: is it that of this database?"
        )
    return {f"{bundle}.{n}": base64.b64decode(key) for n, key in _decoded(content).keys.items()}


def destroy(store: KeyStore, refs: Collection[str]) -> int:
    """Leave these keys out of their bundles; how many were there. Raises KeyStoreUnavailable.

    One at a time for all processes: whoever calls holds a lock.
    """
    found = 0
    for bundle in sorted({ref.partition(".")[0] for ref in refs}):
        content = store.read(bundle)
        keys = _decoded(content).keys if content is not None else {}
        kept = {n: key for n, key in keys.items() if f"{bundle}.{n}" not in refs}
        if len(kept) < len(keys):
            store.replace(bundle, msgspec.json.encode(Bundle(kept)))
            found += len(keys) - len(kept)
    return found


def pepper(store: KeyStore) -> bytes:
    """What makes digests of customers' ids that nobody can guess; made on first use."""
    if store.create(PEPPER, new_secret()):
        pass
    found = store.read(PEPPER)
    assert found is not None
    return found


def name_of(secret: bytes) -> str:
    """What a store is known by, without telling its pepper."""
    return hashlib.sha256(b"casetrail key store" + secret).hexdigest()[:32]


def _decoded(content: bytes) -> Bundle:
    try:
        return msgspec.json.decode(content, type=Bundle)
    except msgspec.MsgspecError as error:
        raise KeyStoreUnavailable(f"the key store: a bundle cannot be read: {error}") from None
