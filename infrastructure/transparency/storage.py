"""Storage for checkpoints outside the database: a directory, or a bucket by URL. It holds small named
files, and writes each as a whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from infrastructure.durable_files import replace_file
from infrastructure.file_locks import file_lock

MAX_ATTEMPTS: Final = 20
ContentChange = Callable[[bytes | None], bytes | None]
"""Takes a file's content (None: no such file), returns the new content (None: no change)."""


class StorageUnavailable(Exception):
    """The storage of checkpoints outside the database cannot be reached."""


class Storage(Protocol):
    """Named files. All methods raise StorageUnavailable."""

    def __str__(self) -> str:
        """The directory or URL, for messages."""

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is no such file."""

    def change(self, name: str, change: ContentChange) -> None:
        """Change a file atomically and durably."""

    def names(self) -> list[str]: ...

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""


class DirectoryStorage:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __str__(self) -> str:
        return str(self.directory)

    def read(self, name: str) -> bytes | None:
        with _translate_errors():
            try:
                return (self.directory / name).read_bytes()
            except FileNotFoundError:
                return None

    def change(self, name: str, change: ContentChange) -> None:
        with _translate_errors():
            self.directory.mkdir(parents=True, exist_ok=True)
            with file_lock(self.directory / ".lock"):
                content = change(self.read(name))
                if content is not None:
                    # Anyone may read it, by the umask.
                    replace_file(self.directory / name, content, 0o666)

    def names(self) -> list[str]:
        with _translate_errors():
            if not self.directory.is_dir():
                return []
            return [file.name for file in self.directory.iterdir() if file.name[0] != "."]

    def remove(self, name: str) -> None:
        with _translate_errors():
            (self.directory / name).unlink(missing_ok=True)


class BucketStorage:
    """A bucket that `obstore` can write by URL. No lock: the bucket refuses a write over a newer file."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store = from_url(url)

    def __str__(self) -> str:
        return self._url

    def read(self, name: str) -> bytes | None:
        return self._get(name)[0]

    def change(self, name: str, change: ContentChange) -> None:
        for _ in range(MAX_ATTEMPTS):
            known, tag = self._get(name)
            content = change(known)
            if content is None:
                return
            with _translate_errors():
                try:
                    obstore.put(
                        self._store, name, content, mode={"e_tag": tag} if tag else "create"
                    )
                except (AlreadyExistsError, PreconditionError):
                    continue
                return
        raise StorageUnavailable(
            f"{self._url}/{name} was changed by others in {MAX_ATTEMPTS} attempts"
        )

    def names(self) -> list[str]:
        with _translate_errors():
            found = [meta for page in obstore.list(self._store) for meta in page]
        return [str(meta["path"]).rpartition("/")[2] for meta in found]

    def remove(self, name: str) -> None:
        with _translate_errors():
            obstore.delete(self._store, name)

    def _get(self, name: str) -> tuple[bytes | None, str | None]:
        with _translate_errors():
            try:
                got = obstore.get(self._store, name)
                return bytes(got.bytes()), got.meta["e_tag"]
            except FileNotFoundError:
                return None, None


def open_storage(where: Path | str) -> Storage:
    """Open a directory, or a bucket by URL (s3://…, gs://…, az://…)."""
    return BucketStorage(str(where)) if "://" in str(where) else DirectoryStorage(Path(where))


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, AlreadyExistsError, PreconditionError):
        raise
    except (OSError, BaseError) as error:
        raise StorageUnavailable(str(error)) from None
