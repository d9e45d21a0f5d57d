"""Requests a witness's cosignature for the last checkpoint."""

import logging
import re
from functools import partial

import httpx2

from domain.merkle.tree import consistency_proof
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency import checkpoints as signed
from infrastructure.transparency.ask_witness import PATH, SIZE_MEDIA_TYPE, encode_request
from infrastructure.transparency.nodes import read_head, read_nodes
from infrastructure.verifier import notes

TIMEOUT_SECONDS = 5.0
_TRIES = 3
"""Another worker may advance the witness between two attempts."""
_SIZE = re.compile("[0-9]{1,18}")
_logger = logging.getLogger("casetrail.witness")


class WitnessUnusable(Exception):
    """CASETRAIL_WITNESS cannot be used."""


class WitnessUnavailable(Exception):
    """The witness did not answer, or its answer is not a witness's."""


class WitnessClient:
    """Has one witness cosign the checkpoints of one log."""

    def __init__(self, url: str, witness: notes.Key, checkpoints: signed.Checkpoints) -> None:
        self.url = url.rstrip("/")
        self.witness = witness
        self._checkpoints = checkpoints
        self._why = ""

    def cosign_latest(self, connection: Connection) -> None:
        """Have the last checkpoint cosigned if it is not yet. A witness that is down stops nothing and is
        logged once. If it refuses the log, halts it and raises LogNotAsWitnessed."""
        try:
            is_cosigned = self.submit(connection)
        except WitnessUnavailable as error:
            if str(error) != self._why:
                _logger.warning("the witness does not cosign: %s", error)
            self._why = str(error)
        except signed.LogNotAsWitnessed as error:
            signed.halt_log(connection)
            self._checkpoints.outside.dispute(str(error))
            raise
        else:
            if self._why:
                _logger.warning("the witness cosigns again")
            self._why = ""
            if is_cosigned:
                self._checkpoints.outside.settle()

    def require_continuation(self, connection: Connection) -> None:
        """Require that the log has all positions that the witness has cosigned. A witness that is down is
        logged. If the log lacks some, halts it and raises LogNotAsWitnessed."""
        try:
            self.compare(connection)
        except WitnessUnavailable as error:
            _logger.warning("the log cannot be compared with the witness: %s", error)
        except signed.LogNotAsWitnessed as error:
            signed.halt_log(connection)
            self._checkpoints.outside.dispute(str(error))
            raise

    def compare(self, connection: Connection) -> None:
        """The same check; it changes nothing. Raises WitnessUnavailable or LogNotAsWitnessed."""
        found = self._latest_of_this_log(connection)
        if found is None:
            return
        size, note = found
        # A witness that has not cosigned exactly this size answers with the size that it has.
        answer = self._send(connection, size, size, note)
        if answer.status_code != 200:
            self._known_size(connection, answer, size, size)

    def submit(self, connection: Connection) -> bool:
        """Whether the witness has cosigned a checkpoint now. Raises WitnessUnavailable or
        LogNotAsWitnessed."""
        found = self._latest_of_this_log(connection)
        if found is None:
            return False
        size, note = found
        old = self._last_cosigned(connection)
        if old == size and self._checkpoints.outside.disputed() is None:
            return False
        for _ in range(_TRIES):
            answer = self._send(connection, old, size, note)
            if answer.status_code == 200:
                self._keep(connection, size, note, answer.content)
                return True
            known = self._known_size(connection, answer, old, size)
            if known > size:
                return False  # another worker was faster; the next checkpoint extends that size
            old = known
        raise WitnessUnavailable(f"{self.url} named another size in each of {_TRIES} attempts")

    def _latest_of_this_log(self, connection: Connection) -> tuple[int, bytes] | None:
        """Size and note of the database's last checkpoint; None if there is none, or if it was made
        before the log got its name."""
        found = signed.latest_checkpoint(connection)
        if found is None:
            return None
        note = found[1].encode()
        origin = notes.parse_checkpoint(notes.split_note(note)[0]).origin
        return (found[0], note) if origin == self._checkpoints.signer.key.name else None

    def _send(self, connection: Connection, old: int, size: int, note: bytes) -> httpx2.Response:
        proof = consistency_proof(old, size, partial(read_nodes, connection)) if old else []
        try:
            return httpx2.post(
                f"{self.url}{PATH}",
                content=encode_request(old, proof, note),
                timeout=TIMEOUT_SECONDS,
            )
        except httpx2.HTTPError as error:
            raise WitnessUnavailable(f"{self.url}: {str(error) or type(error).__name__}") from None

    def _known_size(
        self, connection: Connection, answer: httpx2.Response, old: int, size: int
    ) -> int:
        """The size that the witness has cosigned last. Raises WitnessUnavailable or LogNotAsWitnessed."""
        text = answer.text.strip()
        if answer.status_code == 422:
            raise self._fork(f"the {size} positions do not extend the {old} that it has cosigned")
        if (
            answer.status_code != 409
            or answer.headers.get("Content-Type") != SIZE_MEDIA_TYPE
            or not _SIZE.fullmatch(text)
        ):
            raise WitnessUnavailable(f"{self.url} answered {answer.status_code}: {text[:200]}")
        known = int(text)
        if known == old == size:
            raise self._fork(f"it has cosigned another log of {size} positions")
        if known > size and known > (stored := read_head(connection)):
            raise self._fork(
                f"it has cosigned {known} positions, the log has {stored}: {known - stored} are missing "
                f"({stored + 1} to {known})"
            )
        return known

    def _fork(self, why: str) -> signed.LogNotAsWitnessed:
        return signed.LogNotAsWitnessed(
            f"The witness {self.witness.name} at {self.url} refuses the log: {why}. Restore a later "
            "backup; a witness never cosigns a second history."
        )

    def _keep(self, connection: Connection, size: int, note: bytes, answer: bytes) -> None:
        """Store the witness's own signature line of its answer."""
        text, _ = notes.split_note(note)
        try:
            _, lines = notes.split_note(f"{text}\n".encode() + answer)
            own = next(line for line, name, _ in lines if name == self.witness.name)
            notes.cosignature_time(f"{text}\n{own}".encode(), self.witness)
        except (notes.NoteBroken, StopIteration) as error:
            raise WitnessUnavailable(
                f"{self.url} did not answer with a cosignature of its key: {error}"
            ) from None
        signed_note = signed.store_signature(connection, size, self.witness, own)
        self._checkpoints.outside.keep(size, signed_note.encode())

    def _last_cosigned(self, connection: Connection) -> int:
        query = "SELECT coalesce(max(size), 0) FROM checkpoint_signatures WHERE signed_by = %s"
        return int(fetch_rows(connection, query, self.witness.text)[0][0])


def open_witness_client(
    setting: str | None, checkpoints: signed.Checkpoints
) -> WitnessClient | None:
    """The client of CASETRAIL_WITNESS (`URL KEY`); None if it is not set. Raises WitnessUnusable."""
    if setting is None:
        return None
    url, _, key = setting.strip().partition(" ")
    try:
        if httpx2.URL(url).scheme not in ("http", "https"):
            raise WitnessUnusable(f"{url} is not an http:// or https:// address")
        return WitnessClient(url, notes.parse_key(key, notes.COSIGNATURE), checkpoints)
    except (notes.NoteBroken, httpx2.InvalidURL) as error:
        raise WitnessUnusable(f"it must be `URL KEY`, as the witness prints it: {error}") from None
