"""The last checkpoint of each log that a witness has cosigned, on disk before the answer is sent."""

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

from domain.merkle.hashing import EMPTY_ROOT
from domain.merkle.verification import is_consistent
from infrastructure.durable_files import replace_file
from infrastructure.file_locks import file_lock
from infrastructure.transparency.ask_witness import (
    SIZE_MEDIA_TYPE,
    AddCheckpointRequest,
    WitnessResponse,
)
from infrastructure.transparency.signing_keys import Signer
from infrastructure.verifier import notes


class CosignedStateUnreadable(Exception):
    """The last cosigned checkpoint cannot be read: the witness cosigns nothing more of that log."""


class CosignedState:
    """Cosigns checkpoints of the logs with these keys. Keys of one name belong to one log."""

    def __init__(self, directory: Path, cosigner: Signer, logs: Iterable[notes.Key]) -> None:
        self.directory = directory
        self.cosigner = cosigner
        self._logs: dict[str, list[notes.Key]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        directory.mkdir(parents=True, exist_ok=True)

    def answer(self, request: AddCheckpointRequest) -> WitnessResponse:
        """Answer an add-checkpoint request. Raises CosignedStateUnreadable or OSError."""
        checkpoint = request.checkpoint
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return WitnessResponse(404, f"this witness does not know the log {checkpoint.origin}\n")
        signed = _keep_one_signature(keys, request.note)
        if signed is None:
            return WitnessResponse(403, f"no known key of {checkpoint.origin} has signed it\n")
        if request.old > checkpoint.size:
            return WitnessResponse(
                400, f"the old size {request.old} is beyond the checkpoint's {checkpoint.size}\n"
            )
        # One request at a time for a log, from reading the last checkpoint to storing the next.
        with file_lock(self._file(checkpoint.origin).with_suffix(".lock")):
            return self._cosign(request, signed, self._last(checkpoint.origin))

    def _cosign(
        self, request: AddCheckpointRequest, signed: bytes, last: notes.Checkpoint | None
    ) -> WitnessResponse:
        checkpoint, size = request.checkpoint, last.size if last is not None else 0
        is_fork = last is not None and checkpoint.size == size and checkpoint.root != last.root
        if request.old != size or is_fork:
            return WitnessResponse(409, f"{size}\n", SIZE_MEDIA_TYPE)
        if not _is_consistent(request, last):
            return WitnessResponse(422, f"it does not extend the {size} cosigned positions\n")
        try:
            line = self.cosigner.cosignature(request.text, int(time.time()))
        except notes.NoteBroken as error:
            return WitnessResponse(400, f"{error}\n")
        replace_file(self._file(checkpoint.origin), signed + line.encode())
        return WitnessResponse(200, line)

    def _last(self, origin: str) -> notes.Checkpoint | None:
        try:
            note = self._file(origin).read_bytes()
        except FileNotFoundError:
            return None
        try:
            notes.cosignature_time(note, self.cosigner.key)
            return notes.parse_checkpoint(notes.split_note(note)[0])
        except notes.NoteBroken as error:
            raise CosignedStateUnreadable(f"{self._file(origin)}: {error}") from None

    def _file(self, origin: str) -> Path:
        return self.directory / f"{hashlib.sha256(origin.encode()).hexdigest()}.note"


def _is_consistent(request: AddCheckpointRequest, last: notes.Checkpoint | None) -> bool:
    checkpoint = request.checkpoint
    if last is None or last.size == 0:
        return not request.proof and (checkpoint.size > 0 or checkpoint.root == EMPTY_ROOT)
    return is_consistent(last.size, checkpoint.size, last.root, checkpoint.root, request.proof)


def _keep_one_signature(keys: Iterable[notes.Key], note: bytes) -> bytes | None:
    """The note with only the first valid signature of one of the keys; None if there is none. Other
    lines, which anybody could add, are dropped."""
    text, lines = notes.split_note(note)
    for line, name, _ in lines:
        alone = f"{text}\n{line}".encode()
        if any(name == key.name and notes.has_signed(key, alone) for key in keys):
            return alone
    return None
