"""Where checkpoints lie outside the database: a directory, or a bucket by URL. Small files by name, each of
which is there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from infrastructure.file_locks import flocked

ATTEMPTS: Final = 20
Change = Callable[[bytes | None], bytes | None]
"""From what a file holds (None: there is none) to what it is to hold; None: as it is."""


class OutsideUnavailable(Exception):
    """Where checkpoints lie outside the database cannot be reached."""


class Place(Protocol):
    def __str__(self) -> str:
        """For people."""

    def read(self, name: str) -> bytes | None:
        """None if there is none. Raises OutsideUnavailable, as all of these."""

    def change(self, name: str, change: Change) -> None:
        """Nobody else changes it meanwhile; it is kept when this returns."""

    def names(self) -> list[str]: ...

    def remove(self, name: str) -> None:
        """If it is there."""


class DirectoryPlace:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __str__(self) -> str:
        return str(self.directory)

    def read(self, name: str) -> bytes | None:
        with _told():
            try:
                return (self.directory / name).read_bytes()
            except FileNotFoundError:
                return None

    def change(self, name: str, change: Change) -> None:
        with _told():
            self.directory.mkdir(parents=True, exist_ok=True)
            with flocked(self.directory / ".lock"):
                fresh = change(self.read(name))
                if fresh is not None:
                    self._write(name, fresh)

    def names(self) -> list[str]:
        with _told():
            if not self.directory.is_dir():
                return []
            return [file.name for file in self.directory.iterdir() if file.name[0] != "."]

    def remove(self, name: str) -> None:
        with _told():
            (self.directory / name).unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        beside = self.directory / f".{name}.{secrets.token_hex(4)}"
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.directory / name)
        folder = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class BucketPlace:
    """Whatever `obstore` can write by URL. Nobody needs a lock: what has changed meanwhile is refused."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store = from_url(url)

    def __str__(self) -> str:
        return self._url

    def read(self, name: str) -> bytes | None:
        return self._found(name)[0]

    def change(self, name: str, change: Change) -> None:
        for _ in range(ATTEMPTS):
            known, tag = self._found(name)
            fresh = change(known)
            if fresh is None:
                return
            with _told():
                try:
                    obstore.put(self._store, name, fresh, mode={"e_tag": tag} if tag else "create")
                except (AlreadyExistsError, PreconditionError):
                    continue
                return
        raise OutsideUnavailable(f"{self._url}/{name} changes all the time")

    def names(self) -> list[str]:
        with _told():
            found = [meta for page in obstore.list(self._store) for meta in page]
        return [str(meta["path"]).rpartition("/")[2] for meta in found]

    def remove(self, name: str) -> None:
        with _told():
            obstore.delete(self._store, name)

    def _found(self, name: str) -> tuple[bytes | None, str | None]:
        with _told():
            try:
                got = obstore.get(self._store, name)
                return bytes(got.bytes()), got.meta["e_tag"]
            except FileNotFoundError:
                return None, None


def place(where: Path | str) -> Place:
    """A directory, or a URL (s3://…, gs://…, az://…)."""
    return BucketPlace(str(where)) if "://" in str(where) else DirectoryPlace(Path(where))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, AlreadyExistsError, PreconditionError):
        raise
    except (OSError, BaseError) as error:
        raise OutsideUnavailable(str(error)) from None
