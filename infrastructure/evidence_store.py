"""Evidence files: named by the digest of their bytes, written once, never changed.

They lie in a directory, or wherever `obstore` can write by URL (s3://…, gs://…, az://…).
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import msgspec
import obstore
from msgspec import Struct
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, ObjectStore, from_url

from domain.cases.errors import EvidenceErased

PREFIX = "sha256:"


class StoredFile(Struct, frozen=True):
    """What is known of a file. `ref` is what a case's evidence names it by."""

    ref: str
    media_type: str
    size: int


class EvidenceStore:
    def __init__(self, place: str) -> None:
        """`place` is a directory, or a URL."""
        self._store: ObjectStore
        if "://" in place:
            self._store = from_url(place)
        else:
            self._store = LocalStore(prefix=Path(place), mkdir=True)

    def put(self, content: bytes, media_type: str) -> StoredFile:
        """Keep the file; one that is there stays as it is, media type and all. Raises EvidenceErased."""
        digest = hashlib.sha256(content).hexdigest()
        if self.is_erased(digest):
            raise EvidenceErased(f"file {digest}")
        told = StoredFile(PREFIX + digest, media_type, len(content))
        # The bytes first: a description without them would promise too much.
        self._create(_path(digest), content)
        self._create(_path(digest) + ".json", msgspec.json.encode(told))
        return self.about(told.ref) or told

    def about(self, ref: str) -> StoredFile | None:
        """What is known of a file; None if there is none."""
        told = self._read(_path(ref.removeprefix(PREFIX)) + ".json")
        return msgspec.json.decode(told, type=StoredFile) if told is not None else None

    def erase(self, ref: str) -> bool:
        """The bytes are gone when this returns; whether there were any. That there was such a file stays
        known, and it is not taken again."""
        path = _path(ref.removeprefix(PREFIX))
        if self._read(path) is None and self._read(path + ".json") is None:
            return False
        self._create(path + ".erased", b"")
        obstore.delete(self._store, path)
        return True

    def is_erased(self, ref: str) -> bool:
        return self._read(_path(ref.removeprefix(PREFIX)) + ".erased") is not None

    def content(self, ref: str) -> bytes | None:
        """The bytes of a file, checked against its name. Raises EvidenceDamaged."""
        digest = ref.removeprefix(PREFIX)
        content = self._read(_path(digest))
        if content is not None and hashlib.sha256(content).hexdigest() != digest:
            raise EvidenceCorrupted(f"{ref} is not what was uploaded")
        return content

    def current_digest(self, ref: str) -> str | None:
        """The SHA-256 of the file's bytes as they are now, whatever its name says; None if there are
        none."""
        found = hashlib.sha256()
        try:
            for part in obstore.get(self._store, _path(ref.removeprefix(PREFIX))).stream():
                found.update(part)
        except FileNotFoundError:
            return None
        return found.hexdigest()

    def _create(self, path: str, content: bytes) -> None:
        with suppress(AlreadyExistsError):
            obstore.put(self._store, path, content, mode="create")

    def _read(self, path: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None


class EvidenceCorrupted(RuntimeError):
    """A stored file was changed. Never the caller's fault."""


def _path(digest: str) -> str:
    return f"sha256/{digest[:2]}/{digest}"
