"""What a witness has cosigned last of each log, on disk before anybody is told of it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from domain.merkle.hashing import EMPTY_ROOT
from domain.merkle.verification import is_consistent
from infrastructure.file_locks import flocked
from infrastructure.transparency.ask_witness import SIZE, Answer, Asked
from infrastructure.transparency.signing_keys import Signer
from infrastructure.verifier.notes import (
    Checkpoint,
    Key,
    NoteBroken,
    checkpoint_in,
    cosigned_at,
    opened,
    parted,
)


class MemoryBroken(Exception):
    """What was cosigned last cannot be read: nothing more is cosigned of that log."""


class Memory:
    """Of the logs that sign with these keys, each under the name of its keys."""

    def __init__(self, directory: Path, cosigner: Signer, logs: Iterable[Key]) -> None:
        self.directory = directory
        self.cosigner = cosigner
        self._logs: dict[str, list[Key]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        directory.mkdir(parents=True, exist_ok=True)

    def answer(self, asked: Asked) -> Answer:
        """Raises MemoryBroken."""
        checkpoint = asked.checkpoint
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return Answer(404, f"the log {checkpoint.origin} is not known here\n")
        signed = _signed_by(keys, asked.note)
        if signed is None:
            return Answer(403, f"no key that is known of {checkpoint.origin} has signed it\n")
        if asked.old > checkpoint.size:
            return Answer(400, "the old size is beyond the checkpoint's\n")
        # From the look at what was last to the answer, nobody else moves this log on.
        with flocked(self._file(checkpoint.origin).with_suffix(".lock")):
            return self._moved_on(asked, signed, self._last(checkpoint.origin))

    def _moved_on(self, asked: Asked, signed: bytes, last: Checkpoint | None) -> Answer:
        checkpoint, size = asked.checkpoint, last.size if last is not None else 0
        if asked.old != size:
            return Answer(409, f"{size}\n", SIZE)
        if last is not None and checkpoint.size == size and checkpoint.root != last.root:
            return Answer(409, f"{size}\n", SIZE)
        if not _goes_on(asked, last):
            return Answer(422, f"it does not go on from the {size} positions that were cosigned\n")
        line = self.cosigner.cosignature(asked.text, int(time.time()))
        self._keep(checkpoint.origin, signed + line.encode())
        return Answer(200, line)

    def _last(self, origin: str) -> Checkpoint | None:
        try:
            note = self._file(origin).read_bytes()
        except FileNotFoundError:
            return None
        try:
            cosigned_at(note, self.cosigner.key)
            return checkpoint_in(parted(note)[0])
        except NoteBroken as error:
            raise MemoryBroken(f"{self._file(origin)}: {error}") from None

    def _keep(self, origin: str, note: bytes) -> None:
        file = self._file(origin)
        beside = file.with_suffix(".next")
        with open(beside, "wb") as written:
            written.write(note)
            written.flush()
            os.fsync(written.fileno())
        beside.replace(file)
        folder = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _file(self, origin: str) -> Path:
        return self.directory / f"{hashlib.sha256(origin.encode()).hexdigest()}.note"


def _goes_on(asked: Asked, last: Checkpoint | None) -> bool:
    checkpoint = asked.checkpoint
    if last is None or last.size == 0:
        return not asked.proof and (checkpoint.size > 0 or checkpoint.root == EMPTY_ROOT)
    return is_consistent(last.size, checkpoint.size, last.root, checkpoint.root, asked.proof)


def _signed_by(keys: Iterable[Key], note: bytes) -> bytes | None:
    """The note with the first line that one of the keys has signed it with, and no other: whatever
    else somebody has written below it is not kept."""
    text, lines = parted(note)
    for line, name, _ in lines:
        alone = f"{text}\n{line}".encode()
        if any(name == key.name and _has_signed(key, alone) for key in keys):
            return alone
    return None


def _has_signed(key: Key, note: bytes) -> bool:
    try:
        opened(note, key)
    except NoteBroken:
        return False
    return True
