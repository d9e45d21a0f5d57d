"""Asking a witness to cosign what the log has become."""

from __future__ import annotations

import logging
import re
from functools import partial

import httpx2
from psycopg.rows import tuple_row

from domain.merkle.tree import consistency_proof
from infrastructure.transparency.ask_witness import PATH, SIZE, written
from infrastructure.transparency.checkpoints import (
    Checkpoints,
    LogNotAsWitnessed,
    halt,
    keep_signature,
    latest,
)
from infrastructure.transparency.nodes import Connection, head, read
from infrastructure.verifier.notes import (
    COSIGNATURE,
    Key,
    NoteBroken,
    checkpoint_in,
    cosigned_at,
    key_of,
    parted,
)

PATIENCE_SECONDS = 5.0
_TRIES = 3
"""From what size the witness goes on is asked once; others may move it on meanwhile."""
_SIZE = re.compile("[0-9]{1,18}")
_logger = logging.getLogger("casetrail.witness")


class WitnessUnusable(Exception):
    """CASETRAIL_WITNESS cannot be used."""


class WitnessAway(Exception):
    """The witness has not answered, or not as a witness does."""


class Cosigning:
    """By one witness, of one log."""

    def __init__(self, url: str, witness: Key, checkpoints: Checkpoints) -> None:
        self.url = url.rstrip("/")
        self.witness = witness
        self._checkpoints = checkpoints
        self._why = ""

    def look(self, connection: Connection) -> None:
        """Have the last checkpoint cosigned, if it is not yet. That the witness is away stops nothing, and
        is told once. Raises LogNotAsWitnessed, and then nobody writes."""
        try:
            is_agreed = self.submit(connection)
        except WitnessAway as error:
            if str(error) != self._why:
                _logger.warning("the witness does not cosign: %s", error)
            self._why = str(error)
        except LogNotAsWitnessed as error:
            halt(connection)
            self._checkpoints.outside.dispute(str(error))
            raise
        else:
            if self._why:
                _logger.warning("the witness cosigns again")
            self._why = ""
            if is_agreed:
                self._checkpoints.outside.settle()

    def submit(self, connection: Connection) -> bool:
        """Whether it has cosigned something now. Raises WitnessAway or LogNotAsWitnessed."""
        found = latest(connection)
        if found is None:
            return False
        size, note = found[0], found[1].encode()
        if checkpoint_in(parted(note)[0]).origin != self._checkpoints.signer.key.name:
            return False  # of before the log got another name: the next one is
        old = self._last(connection)
        if old == size and self._checkpoints.outside.disputed() is None:
            return False
        for _ in range(_TRIES):
            answer = self._ask(connection, old, size, note)
            if answer.status_code == 200:
                self._keep(connection, size, note, answer.content)
                return True
            known = self._known_size(connection, answer, old, size)
            if known > size:
                return False  # another worker was quicker, and the next one goes on from there
            old = known
        raise WitnessAway(f"{self.url} answers each time that it knows another size")

    def _ask(self, connection: Connection, old: int, size: int, note: bytes) -> httpx2.Response:
        proof = consistency_proof(old, size, partial(read, connection)) if old else []
        try:
            return httpx2.post(
                f"{self.url}{PATH}", content=written(old, proof, note), timeout=PATIENCE_SECONDS
            )
        except httpx2.HTTPError as error:
            raise WitnessAway(f"{self.url}: {str(error) or type(error).__name__}") from None

    def _known_size(
        self, connection: Connection, answer: httpx2.Response, old: int, size: int
    ) -> int:
        """What it has cosigned last. Raises WitnessAway or LogNotAsWitnessed."""
        told = answer.text.strip()
        if answer.status_code == 422:
            raise self._fork(f"what it has cosigned of {old} positions is no beginning of {size}")
        if (
            answer.status_code != 409
            or answer.headers.get("Content-Type") != SIZE
            or not _SIZE.fullmatch(told)
        ):
            raise WitnessAway(f"{self.url} answered {answer.status_code}: {told[:200]}")
        known = int(told)
        if known == old == size:
            raise self._fork(f"it has cosigned another log of {size} positions")
        if known > size and known > (stored := head(connection)):
            raise self._fork(
                f"it has cosigned {known} positions, {stored} are there: {known - stored} are missing "
                f"({stored + 1} to {known})"
            )
        return known

    def _fork(self, why: str) -> LogNotAsWitnessed:
        return LogNotAsWitnessed(
            f"The witness {self.witness.name} at {self.url} refuses the log: {why}. Restore a later "
            "backup; a witness never goes along with another history."
        )

    def _keep(self, connection: Connection, size: int, note: bytes, told: bytes) -> None:
        """Of what it answers, the line that is its own."""
        text, _ = parted(note)
        try:
            _, lines = parted(f"{text}\n".encode() + told)
            own = next(line for line, name, _ in lines if name == self.witness.name)
            cosigned_at(f"{text}\n{own}".encode(), self.witness)
        except (NoteBroken, StopIteration) as error:
            raise WitnessAway(f"{self.url} answered no cosignature of its key: {error}") from None
        whole = keep_signature(connection, size, self.witness, own)
        self._checkpoints.outside.keep(size, whole.encode())

    def _last(self, connection: Connection) -> int:
        with connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(
                "SELECT coalesce(max(size), 0) FROM checkpoint_signatures WHERE signed_by = %s",
                (self.witness.text,),
            ).fetchone()
        assert row is not None
        return int(row[0])


def cosigning(told: str | None, checkpoints: Checkpoints) -> Cosigning | None:
    """Raises WitnessUnusable."""
    if told is None:
        return None
    url, _, key = told.strip().partition(" ")
    try:
        if httpx2.URL(url).scheme not in ("http", "https"):
            raise WitnessUnusable(f"{url} is no address of http or https")
        return Cosigning(url, key_of(key, COSIGNATURE), checkpoints)
    except (NoteBroken, httpx2.InvalidURL) as error:
        raise WitnessUnusable(f"it reads `URL KEY`, as the witness prints it: {error}") from None
