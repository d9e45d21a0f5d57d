"""Stores of keys. Keys are stored in bundles, so that a new key needs no write.

A bundle is a JSON file, `{"format": "casetrail-keys/1", "keys": {"0": BASE64, …}}`; a key's name is
`BUNDLE.NUMBER`. To destroy a key, its bundle is rewritten without it; the bundle stays.
"""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec
import obstore
from msgspec import Struct
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.durable_files import create_file, replace_file, try_directory
from infrastructure.file_locks import file_lock
from infrastructure.personal.aes import new_secret

FORMAT: Final = "casetrail-keys/1"
PEPPER_NAME: Final = "pepper"
BUCKET_STAMP_SECONDS: Final = 1.0
_BUNDLE_NAME: Final = re.compile(r"[0-9a-f]{16}|pepper")


class KeyBundle(Struct, frozen=True):
    keys: Mapping[str, str]
    format: str = FORMAT


class KeyStore(Protocol):
    """Named files, written as a whole and durably. All methods raise KeyStoreUnavailable."""

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is no such file."""

    def create(self, name: str, content: bytes) -> bool:
        """Create a file; False if it exists already."""

    def replace(self, name: str, content: bytes) -> None:
        """Replace a file and erase its former content. One process at a time may call this."""

    def names(self, prefix: str) -> Collection[str]:
        """The files whose names begin so, also one that a killed process has left as a copy alone."""

    def stamp(self, name: str) -> Hashable | None:
        """What changes whenever the file does; None if there is no such file."""

    def try_write(self) -> None:
        """Write and remove a small file, if that is cheap and the store was used before."""

    @property
    def stamp_seconds(self) -> float:
        """How long a stamp may be used again: a request to a bucket is slow."""


class LocalKeyStore:
    """A directory (modes 0700 and 0600), best on a disk that the database's backups do not include."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._text = os.fspath(directory)

    def read(self, name: str) -> bytes | None:
        with _translate_errors():
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError:
                return None

    def create(self, name: str, content: bytes) -> bool:
        with _translate_errors():
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return create_file(self._path(name), content)

    def replace(self, name: str, content: bytes) -> None:
        path = self._path(name)
        with _translate_errors(), file_lock(self._directory / ".lock"):
            # A process that was killed in this call has left a copy.
            for copy in self._directory.glob(f".{name}.*"):
                copy.write_bytes(bytes(copy.stat().st_size))
                copy.unlink()
            with open(path, "r+b") as old:
                length = old.seek(0, os.SEEK_END)
                replace_file(path, content)
                # On a file system that writes in place, this erases the old keys from the disk.
                os.pwrite(old.fileno(), bytes(length), 0)
                os.fsync(old.fileno())

    def names(self, prefix: str) -> Collection[str]:
        with _translate_errors():
            if not self._directory.is_dir():
                return []
            found = {one.name for one in self._directory.glob(f"{prefix}*")}
            # `.NAME.RANDOM`, as `create_file` writes it.
            copies = (one.name[1:] for one in self._directory.glob(f".{prefix}*.*"))
            return found | {one.rpartition(".")[0] for one in copies}

    def stamp(self, name: str) -> Hashable | None:
        # Each group of appends calls this: a path as text and no context save a third of the time.
        try:
            found = os.stat(f"{self._text}/{name}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeyStoreUnavailable(f"the key store: {error}") from None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def try_write(self) -> None:
        if self._directory.is_dir():
            with _translate_errors():
                try_directory(self._directory)

    @property
    def stamp_seconds(self) -> float:
        return 0.0

    def _path(self, name: str) -> Path:
        return self._directory / name


class BucketKeyStore:
    """A bucket that `obstore` can write by URL. It must have no versions and no replica: an overwritten
    key must be gone."""

    def __init__(self, url: str) -> None:
        self._store = from_url(url)

    def read(self, name: str) -> bytes | None:
        with _translate_errors():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None

    def create(self, name: str, content: bytes) -> bool:
        with _translate_errors():
            try:
                obstore.put(self._store, name, content, mode="create")
            except AlreadyExistsError:
                return False
            return True

    def replace(self, name: str, content: bytes) -> None:
        with _translate_errors():
            obstore.put(self._store, name, content)

    def names(self, prefix: str) -> Collection[str]:
        with _translate_errors():
            pages = obstore.list(self._store)
            return [one["path"] for page in pages for one in page if one["path"].startswith(prefix)]

    def stamp(self, name: str) -> Hashable | None:
        with _translate_errors():
            try:
                found = obstore.head(self._store, name)
            except FileNotFoundError:
                return None
            return found["e_tag"] or found["last_modified"]

    def try_write(self) -> None:
        """Does nothing: each write to a bucket is paid for."""

    @property
    def stamp_seconds(self) -> float:
        return BUCKET_STAMP_SECONDS


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise KeyStoreUnavailable(f"the key store: {error}") from None


def open_key_store(place: str) -> KeyStore:
    """Open a directory, or a bucket by URL (s3://…, gs://…, az://…)."""
    return BucketKeyStore(place) if "://" in place else LocalKeyStore(Path(place))


def make_bundle(store: KeyStore, count: int) -> Sequence[tuple[str, bytes]]:
    """Make and store a bundle of new keys; return them with their names. Raises KeyStoreUnavailable."""
    name = secrets.token_hex(8)
    keys = [new_secret() for _ in range(count)]
    encoded = {str(n): base64.b64encode(key).decode() for n, key in enumerate(keys)}
    if not store.create(name, msgspec.json.encode(KeyBundle(encoded))):
        return make_bundle(store, count)
    return [(f"{name}.{n}", key) for n, key in enumerate(keys)]


def read_bundle(store: KeyStore, bundle: str) -> Mapping[str, bytes]:
    """The keys that a bundle still has, by name. Raises KeyStoreUnavailable, also if there is no such
    bundle: destroying keys never removes one."""
    content = store.read(bundle) if _BUNDLE_NAME.fullmatch(bundle) else None
    if content is None:
        raise KeyStoreUnavailable(
            f"the key store has no bundle {bundle}: set CASETRAIL_KEYS to this database's key store"
        )
    return {
        f"{bundle}.{n}": base64.b64decode(key) for n, key in _decode_bundle(content).keys.items()
    }


def destroy_keys(store: KeyStore, refs: Collection[str]) -> int:
    """Remove these keys from their bundles; return how many there were. Raises KeyStoreUnavailable.
    The caller must hold a lock against all other processes."""
    found = 0
    for bundle in sorted({ref.partition(".")[0] for ref in refs}):
        content = store.read(bundle)
        keys = _decode_bundle(content).keys if content is not None else {}
        left = {n: key for n, key in keys.items() if f"{bundle}.{n}" not in refs}
        if len(left) < len(keys):
            store.replace(bundle, msgspec.json.encode(KeyBundle(left)))
            found += len(keys) - len(left)
    return found


def read_or_make_pepper(store: KeyStore) -> bytes:
    """The secret for unguessable digests of customer IDs, made on first use."""
    store.create(PEPPER_NAME, new_secret())
    found = store.read(PEPPER_NAME)
    assert found is not None
    return found


def store_fingerprint(secret: bytes) -> str:
    """The identity of a key store: a digest that does not reveal its pepper."""
    return hashlib.sha256(b"casetrail key store" + secret).hexdigest()[:32]


def _decode_bundle(content: bytes) -> KeyBundle:
    try:
        return msgspec.json.decode(content, type=KeyBundle)
    except msgspec.MsgspecError as error:
        raise KeyStoreUnavailable(f"the key store: a bundle cannot be read: {error}") from None
