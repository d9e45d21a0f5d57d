"""Requests the cosignatures of the witnesses of a policy for the last checkpoint."""

import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

from domain.merkle.tree import consistency_proof
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.settings import Settings
from infrastructure.transparency import checkpoints as signed
from infrastructure.transparency.ask_witness import encode_request
from infrastructure.transparency.halts import halt_log
from infrastructure.transparency.nodes import read_nodes
from infrastructure.transparency.stored_checkpoints import (
    StoredCheckpoint,
    checkpoint_of_size,
    latest_checkpoint,
    store_signature,
)
from infrastructure.transparency.witness_answers import (
    WitnessObjects,
    WitnessUnavailable,
    known_size,
    own_line,
    stated_size,
)
from infrastructure.transparency.witness_policy import read_witness_policy
from infrastructure.transparency.witness_requests import (
    TIMEOUT_SECONDS,
    Answer,
    Request,
    WitnessRequests,
)
from infrastructure.verifier import notes
from infrastructure.verifier.cosigned import find_cosignatures
from infrastructure.verifier.trust_policy import TrustPolicy, Witness

ROUND_SECONDS: Final = 2 * TIMEOUT_SECONDS
_TRIES = 3
"""Another worker may advance the witness between two attempts."""
_logger = logging.getLogger("casetrail.witness")


class WitnessClients:
    """Has the witnesses of a policy cosign the checkpoints of one log, all at the same time.

    A round ends when the quorum is reached and, at the latest, when every witness has answered or timed
    out. A witness that is still busy then is not asked again until it has answered: it delays nobody.
    """

    def __init__(self, policy: TrustPolicy, checkpoints: signed.Checkpoints) -> None:
        """Every witness of the policy has a URL."""
        self.policy = policy
        self._checkpoints = checkpoints
        self._witnesses: Mapping[str, Witness] = {one.name: one for one in policy.witnesses}
        self._requests = WitnessRequests()
        self._why: dict[str, str] = {}

    def cosign_latest(self, connection: Connection) -> None:
        """Have the last checkpoint cosigned by those who have not cosigned it yet. A witness that is down is
        logged once. Halts the log and raises LogNotAsWitnessed if a witness refuses the log and the others
        do not make the quorum for it."""
        found = self._latest_of_this_log(connection)
        if found is None:
            return
        size, note = found.size, found.note.encode()
        outside = self._checkpoints.outside.of_origin(found.number)
        is_disputed = outside.disputed() is not None
        asked = [
            witness
            for witness in self.policy.witnesses
            if (old := self._last_cosigned(connection, witness, found.number)) != size
            or is_disputed
            if self._ask(connection, witness, Request(size, note, old))
        ]
        objections = self._collect(connection, size, {one.name for one in asked})
        is_quorum = self._is_quorum(connection, size, objections)
        if objections and not is_quorum:
            self._halt(connection, objections)
        if is_disputed and asked and is_quorum:
            outside.settle()

    def require_continuation(self, connection: Connection) -> None:
        """Require that the log has all positions that the witnesses have cosigned. One that is down is logged.
        After an objection the others are asked for the quorum; without it, halts the log and raises
        LogNotAsWitnessed."""
        objections: dict[str, str] = {}
        for name, error in self.compare(connection).items():
            if isinstance(error, WitnessObjects):
                objections[name] = str(error)
                _logger.error("%s", error)
            else:
                _logger.warning("the log cannot be compared with the witness %s: %s", name, error)
        if objections and not self._others_reach_quorum(connection, objections):
            self._halt(connection, objections)

    def compare(self, connection: Connection) -> Mapping[str, WitnessObjects | WitnessUnavailable]:
        """Compare the log with what the witnesses have cosigned; changes nothing. Returns why not, for each
        witness that refuses the log or did not answer."""
        found = self._latest_of_this_log(connection)
        if found is None:
            return {}
        size, note = found.size, found.note.encode()
        # One that has not cosigned exactly this size answers with the size that it has.
        request = Request(size, note, size, _TRIES)
        waiting = {w.name for w in self.policy.witnesses if self._ask(connection, w, request)}
        problems: dict[str, WitnessObjects | WitnessUnavailable] = {}
        ends_at = time.monotonic() + ROUND_SECONDS
        while waiting and (answer := self._requests.next(ends_at)) is not None:
            waiting.discard(answer.witness)
            try:
                if answer.error is not None or answer.status != 200:
                    known_size(connection, answer, self._url(answer.witness))
            except (WitnessObjects, WitnessUnavailable) as error:
                problems[answer.witness] = error
        for name in waiting:
            problems[name] = WitnessUnavailable(f"{self._url(name)} did not answer in time")
        return problems

    def _others_reach_quorum(self, connection: Connection, objections: Mapping[str, str]) -> bool:
        """Whether the other witnesses have cosigned the last checkpoint, or do so now."""
        found = self._latest_of_this_log(connection)
        if found is None:
            return False
        size, note = found.size, found.note.encode()
        asked = {
            witness.name
            for witness in self.policy.witnesses
            if witness.name not in objections
            if self._ask(
                connection,
                witness,
                Request(size, note, self._last_cosigned(connection, witness, found.number)),
            )
        }
        more = self._collect(connection, size, asked)
        return self._is_quorum(connection, size, {**objections, **more})

    def _collect(self, connection: Connection, size: int, waiting: set[str]) -> dict[str, str]:
        """Take answers until all that are waited for are there, or the quorum is. Returns the objections."""
        objections: dict[str, str] = {}
        ends_at = time.monotonic() + ROUND_SECONDS
        # Answers to earlier rounds that are there are taken too.
        while (answer := self._requests.next(ends_at if waiting else 0.0)) is not None:
            name = answer.witness
            try:
                again, why = self._take(connection, answer), ""
            except WitnessUnavailable as error:
                again, why = None, str(error)
            except WitnessObjects as error:
                again, why = None, str(error)
                objections[name] = why
            if again is not None and self._ask(connection, self._witnesses[name], again):
                continue
            self._log_once(name, why)
            waiting.discard(name)
            if waiting and not objections and self._is_quorum(connection, size, {}):
                waiting.clear()
        return objections

    def _take(self, connection: Connection, answer: Answer) -> Request | None:
        """Keep a cosignature, or return the request to send next. Raises WitnessUnavailable or
        WitnessObjects."""
        request = answer.request
        if answer.error is None and answer.status == 200:
            self._keep(connection, answer)
            return None
        known = known_size(connection, answer, self._url(answer.witness))
        if known > request.size:
            return None  # another worker was faster; the next checkpoint extends that size
        if request.tries == _TRIES:
            url = self._url(answer.witness)
            raise WitnessUnavailable(f"{url} named another size in each of {_TRIES} attempts")
        return request._replace(old=known, tries=request.tries + 1)

    def _halt(self, connection: Connection, objections: Mapping[str, str]) -> None:
        why = " ".join(objections.values())
        halt_log(connection)
        self._checkpoints.outside_of(connection).dispute(why)
        raise signed.LogNotAsWitnessed(why)

    def _is_quorum(self, connection: Connection, size: int, without: Mapping[str, str]) -> bool:
        """Whether the checkpoint of this size has valid cosignatures of a quorum, not counting some."""
        stored = checkpoint_of_size(connection, size)
        if stored is None or self.policy.quorum is None:
            return False
        names = find_cosignatures(stored.note.encode(), self.policy).names
        return self.policy.is_quorum([name for name in names if name not in without])

    def _log_once(self, name: str, why: str) -> None:
        before = self._why.get(name, "")
        if why and why != before:
            _logger.warning("the witness %s does not cosign: %s", name, why)
        elif before and not why:
            _logger.warning("the witness %s cosigns again", name)
        self._why[name] = why

    def cosigned_sizes(
        self, connection: Connection, size: int, note: bytes
    ) -> Mapping[str, int | WitnessUnavailable]:
        """How many positions each witness has cosigned of the log of a checkpoint, asked with that checkpoint;
        or why it does not say. Nothing is changed here."""
        request = Request(size, note, size, _TRIES)
        waiting = {w.name for w in self.policy.witnesses if self._ask(connection, w, request)}
        found: dict[str, int | WitnessUnavailable] = {
            name: WitnessUnavailable(f"{self._url(name)} did not answer in time")
            for name in waiting
        }
        ends_at = time.monotonic() + ROUND_SECONDS
        while waiting and (answer := self._requests.next(ends_at)) is not None:
            waiting.discard(answer.witness)
            found[answer.witness] = stated_size(answer, self._url(answer.witness))
        return found

    def _latest_of_this_log(self, connection: Connection) -> StoredCheckpoint | None:
        """The database's last checkpoint; None if there is none, or if it was made before the log got
        its name."""
        found = latest_checkpoint(connection)
        if found is None:
            return None
        origin = notes.parse_checkpoint(notes.split_note(found.note.encode())[0]).origin
        return found if origin == self._checkpoints.signer_of(found.number).key.name else None

    def _url(self, name: str) -> str:
        return (self._witnesses[name].url or "").rstrip("/")

    def _ask(self, connection: Connection, witness: Witness, request: Request) -> bool:
        """Send a request, unless the witness is still busy with an earlier one."""
        if self._requests.is_busy(witness.name):
            return False
        old, size = request.old, request.size
        proof = consistency_proof(old, size, partial(read_nodes, connection)) if old else []
        body = encode_request(old, proof, self._without_cosignatures(request.note))
        self._requests.send(witness.name, self._url(witness.name), body, request)
        return True

    def _without_cosignatures(self, note: bytes) -> bytes:
        """The note with the log's own signatures: a witness's requests have a largest size."""
        text, lines = notes.split_note(note)
        ours = notes.parse_checkpoint(text).origin
        return "".join([text, "\n", *(line for line, name, _ in lines if name == ours)]).encode()

    def _keep(self, connection: Connection, answer: Answer) -> None:
        """Store the witness's own signature line of its answer."""
        witness = self._witnesses[answer.witness]
        text, _ = notes.split_note(answer.request.note)
        own = own_line(witness.key, text, answer, self._url(witness.name))
        made = notes.parse_checkpoint(text)
        number = self._checkpoints.number_of(made)
        stored = StoredCheckpoint(made.size, answer.request.note.decode(), number)
        signed_note = store_signature(connection, stored, witness.key, own)
        outside = self._checkpoints.outside.of_origin(number)
        outside.keep(made.size, signed_note.encode())

    def _last_cosigned(self, connection: Connection, witness: Witness, number: int) -> int:
        query = (
            "SELECT coalesce(max(size), 0) FROM checkpoint_signatures "
            "WHERE signed_by = %s AND origin_number = %s"
        )
        return int(fetch_rows(connection, query, witness.key.text, number)[0][0])


def open_witness_clients(
    settings: Settings, checkpoints: signed.Checkpoints
) -> WitnessClients | None:
    """The clients of the witnesses that the settings name; None if they name none. Raises
    WitnessUnusable."""
    policy = read_witness_policy(settings)
    return WitnessClients(policy, checkpoints) if policy.witnesses else None
