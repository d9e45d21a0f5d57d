"""Evidence files: named by the digest of their bytes, written once, never changed.

They are in a directory, or in a bucket that `obstore` can write by URL (s3://…, gs://…, az://…).
"""

import hashlib
from contextlib import suppress
from pathlib import Path

import msgspec
import obstore
from msgspec import Struct
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from application.audit.evidence import EvidenceUnreadable
from domain.cases.errors import EvidenceErased
from domain.cases.evidence import FILE_PREFIX, is_file_ref
from infrastructure.durable_files import try_directory


class StoredFile(Struct, frozen=True):
    """The description of a file. `ref` is its name in a case's evidence."""

    ref: str
    media_type: str
    size: int


class EvidenceStore:
    def __init__(self, place: str) -> None:
        """`place` is a directory, or a URL."""
        self._directory = None if "://" in place else Path(place)
        self._store: ObjectStore = (
            from_url(place) if "://" in place else LocalStore(prefix=Path(place), mkdir=True)
        )

    def put(self, content: bytes, media_type: str) -> StoredFile:
        """Store a file, unless it is stored already; return its description. Raises EvidenceErased,
        EvidenceNotStored."""
        digest = hashlib.sha256(content).hexdigest()
        if self.is_erased(digest):
            raise EvidenceErased(f"file {digest}")
        file = StoredFile(FILE_PREFIX + digest, media_type, len(content))
        # The bytes first: no description without them.
        self._create(_path(digest), content)
        self._create(_path(digest) + ".json", msgspec.json.encode(file))
        return self.about(file.ref) or file

    def about(self, ref: str) -> StoredFile | None:
        """The description of a file; None if there is no such file."""
        content = self._read(ref, ".json")
        return msgspec.json.decode(content, type=StoredFile) if content is not None else None

    def may_have(self, ref: str) -> bool:
        """Whether the file was ever stored; true also if the store cannot be read now."""
        try:
            return self.about(ref) is not None
        except (OSError, BaseError):
            return True

    def erase(self, ref: str) -> bool:
        """Delete a file's bytes; return whether there was such a file. Its description stays, and the file
        is not accepted again."""
        if self._read(ref) is None and self._read(ref, ".json") is None:
            return False
        path = _path(ref)
        self._create(path + ".erased", b"")
        with suppress(FileNotFoundError):  # an interrupted erasure has deleted it
            obstore.delete(self._store, path)
        return True

    def is_erased(self, ref: str) -> bool:
        return self._read(ref, ".erased") is not None

    def content(self, ref: str) -> bytes | None:
        """The bytes of a file, checked against its name. Raises EvidenceCorrupted."""
        content = self._read(ref)
        digest = ref.removeprefix(FILE_PREFIX)
        if content is not None and hashlib.sha256(content).hexdigest() != digest:
            raise EvidenceCorrupted(f"the bytes of {ref} are not those that were uploaded")
        return content

    def current_digest(self, ref: str) -> str | None:
        """The SHA-256 of the file's bytes as they are now; None if there are none.

        Raises EvidenceUnreadable.
        """
        found = hashlib.sha256()
        try:
            for part in obstore.get(self._store, _path(ref)).stream():
                found.update(part)
        except FileNotFoundError:
            return None
        except (OSError, BaseError) as error:
            raise EvidenceUnreadable(_first_line(error)) from None
        return found.hexdigest()

    def try_write(self) -> None:
        """Write and remove a small file in a directory; ask a bucket for a file, since each write there is
        paid for. Raises OSError or EvidenceUnreadable."""
        if self._directory is not None:
            try_directory(self._directory)
            return
        try:
            self._read(FILE_PREFIX + "0" * 64)
        except (OSError, BaseError) as error:
            raise EvidenceUnreadable(_first_line(error)) from None

    def _create(self, path: str, content: bytes) -> None:
        try:
            with suppress(AlreadyExistsError):
                obstore.put(self._store, path, content, mode="create")
        except (OSError, BaseError) as error:
            raise EvidenceNotStored(_first_line(error)) from None

    def _read(self, ref: str, suffix: str = "") -> bytes | None:
        try:
            return bytes(obstore.get(self._store, _path(ref) + suffix).bytes())
        except FileNotFoundError:
            return None


class EvidenceNotStored(RuntimeError):
    """The store cannot be written: its disk is full, say."""


class EvidenceCorrupted(RuntimeError):
    """A stored file was changed. This is never the caller's error."""


def _path(ref: str) -> str:
    """Where the file is. Raises FileNotFoundError if this cannot be the name of a file."""
    digest = ref.removeprefix(FILE_PREFIX)
    if not is_file_ref(FILE_PREFIX + digest):
        raise FileNotFoundError(f"{ref} is not the name of an evidence file")
    return f"sha256/{digest[:2]}/{digest}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
