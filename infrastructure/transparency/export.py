"""Exports bundles: events with the proof that they belong to the log, as plain files."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from application.log.recorder import leaf_digest
from domain.losses import origin_name
from domain.merkle.tree import CHUNK_LEVEL, Frontier, covering_subtrees, root_at
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency.checkpoints import find_first_altered
from infrastructure.transparency.nodes import read_envelopes, read_nodes
from infrastructure.transparency.origins import read_origins
from infrastructure.transparency.signing_keys import Signer
from infrastructure.transparency.stored_checkpoints import checkpoint_of_size, latest_checkpoint
from infrastructure.verifier import bundle_format, notes
from infrastructure.verifier.bundle_files import file_digest
from infrastructure.verifier.population import PROPOSED_TYPE, PopulationCount, needs_proposals

NODES_PER_QUERY = 1_000
_CHUNK_SIZE = 1 << CHUNK_LEVEL
PositionRange = tuple[int, int]
"""The first and the last position."""


class NothingToExport(Exception):
    """There is nothing to export."""


class LogAltered(Exception):
    """The log is not the one that was signed."""


class Export:
    """One bundle of the log, up to the database's last checkpoint."""

    def __init__(self, connection: Connection, signer: Signer, directory: Path) -> None:
        """Raises NothingToExport."""
        found = latest_checkpoint(connection)
        if found is None:
            raise NothingToExport("there is no checkpoint yet.")
        self._connection, self._directory = connection, directory
        self._size, self._note, number = found
        self._signer = signer = signer.named(origin_name(signer.key.name, number))
        try:
            self._root = notes.open_checkpoint(self._note.encode(), signer.key).root
        except notes.NoteBroken as error:
            raise NothingToExport(
                f"this process's key has not signed the last checkpoint: {error}."
            ) from None
        self._digests: dict[str, str] = {}
        self.listed: list[int] = []
        """The positions of a population's events."""
        self.answer: Mapping[str, Any] | None = None
        """The count and sums of a population."""
        self.manifest_digest = ""
        """SHA-256 of the manifest, which lists every file of the bundle."""

    def everything(self) -> int:
        return self._write({"ask": "everything"}, [(1, self._size)])

    def case(self, case: UUID) -> int:
        """Export the trail of a case. Raises NothingToExport."""
        ranges = self._ranges(
            "SELECT notification_id FROM stored_events WHERE originator_id = %s "
            "AND notification_id <= %s ORDER BY notification_id",
            case,
            self._size,
        )
        return self._write({"ask": "case", "case": str(case)}, ranges)

    def period(self, start: str, end: str) -> int:
        """Export the events recorded from `start` on and before `end`. Raises NothingToExport."""
        ranges = self._ranges(
            "SELECT notification_id FROM stored_events, LATERAL "
            "(SELECT convert_from(state, 'UTF8')::jsonb ->> 'recorded_at') AS recorded (at) "
            "WHERE at::timestamptz >= %s::timestamptz AND at::timestamptz < %s::timestamptz "
            "AND notification_id <= %s ORDER BY notification_id",
            start,
            end,
            self._size,
        )
        return self._write({"ask": "period", "from": start, "to": end}, ranges)

    def population(self, question: Mapping[str, str], since: int = 0) -> int:
        """Export all events after the checkpoint of size `since`; of the events before it, only the
        proposals that state an adjustment's kind and amount. Raises NothingToExport."""
        ranges = self._ranges(
            "SELECT notification_id FROM stored_events AS proposal WHERE topic = %s "
            "AND notification_id <= %s AND EXISTS (SELECT FROM stored_events AS later WHERE "
            "later.originator_id = proposal.originator_id AND later.topic = %s "
            "AND later.notification_id > %s) ORDER BY notification_id",
            PROPOSED_TYPE,
            since if needs_proposals(question["type"]) else 0,
            question["type"],
            since,
        )
        ranges.append((since + 1, self._size))
        return self._write({"ask": "population", **question}, ranges, since)

    def _write(
        self, question: dict[str, Any], ranges: Sequence[PositionRange], since: int = 0
    ) -> int:
        """Write the bundle; return how many events it has. Raises NothingToExport or LogAltered."""
        ranges = [span for span in ranges if span[0] <= span[1]]
        if not ranges:
            raise NothingToExport(
                f"no such event is among the {self._size} of the last checkpoint."
            )
        self._directory.mkdir(parents=True, exist_ok=False)
        self._put(bundle_format.KEY_FILE, f"{self._signer.key.text}\n".encode())
        self._put(bundle_format.CHECKPOINT_FILE, self._note.encode())
        if since:
            self._put(bundle_format.SINCE_FILE, self._note_at(since))
        count = PopulationCount(question, since) if question["ask"] == "population" else None
        events = self._put_events(ranges, since, count)
        self.answer = count.answer if count is not None else None
        manifest = {
            "format": bundle_format.FORMAT,
            "question": question,
            "size": self._size,
            "since": since,
            "events": events,
            "answer": self.answer,
            "files": self._digests,
        }
        text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
        note = self._signer.signed(f"{text}\n")
        (self._directory / bundle_format.MANIFEST_FILE).write_bytes(note)
        self.manifest_digest = hashlib.sha256(note).hexdigest()
        self.listed = count.positions if count is not None else []
        return events

    def _put_events(
        self, ranges: Sequence[PositionRange], since: int, count: PopulationCount | None
    ) -> int:
        frontier, written = Frontier(), 0
        with (
            open(self._directory / bundle_format.EVENTS_FILE, "wb") as events,
            open(self._directory / bundle_format.LEAVES_FILE, "wb") as leaves,
            open(self._directory / bundle_format.NODES_FILE, "wb") as nodes,
        ):
            for first, last in ranges:
                self._put_nodes(nodes, frontier, first - 1, since)
                pending = list[bytes]()
                for position, state, _ in read_envelopes(self._connection, first, last):
                    leaf = leaf_digest(state)
                    events.write(bundle_format.event_line(position, state))
                    leaves.write(leaf.hex().encode() + b"\n")
                    pending.append(leaf)
                    written += 1
                    if count is not None:
                        count.add(position, state)
                    if not position % _CHUNK_SIZE:  # a chunk of the tree ends here
                        frontier.extend(pending)
                        pending = []
                frontier.extend(pending)
            self._put_nodes(nodes, frontier, self._size, since)
        if frontier.size != self._size or frontier.root() != self._root:
            altered = find_first_altered(self._connection, 0, self._size)
            where = f": position {altered} is the first altered one" if altered else ""
            raise LogAltered(f"its events do not have the root of the last checkpoint{where}.")
        for name in (
            bundle_format.EVENTS_FILE,
            bundle_format.LEAVES_FILE,
            bundle_format.NODES_FILE,
        ):
            self._digests[name] = file_digest(self._directory / name)
        return written

    def _put_nodes(self, file: BinaryIO, frontier: Frontier, upto: int, since: int) -> None:
        start = frontier.size
        parts = [(start, since), (since, upto)] if start < since < upto else [(start, upto)]
        wanted = [node for part in parts for node in covering_subtrees(*part)]
        for at in range(0, len(wanted), NODES_PER_QUERY):
            some = wanted[at : at + NODES_PER_QUERY]
            for node, digest in zip(some, read_nodes(self._connection, some), strict=True):
                file.write(f"{node.level} {node.place} {digest.hex()}\n".encode())
                frontier.push(node.level, digest)

    def _note_at(self, since: int) -> bytes:
        """The checkpoint of that size, with the current key's signature added if it is missing."""
        found = checkpoint_of_size(self._connection, since)
        if found is None:
            raise NothingToExport(f"there is no checkpoint of size {since}.")
        note, key = found.note.encode(), self._signer.key
        if notes.has_signed(key, note):
            return note
        text, _ = notes.split_note(note)
        root = root_at(since, partial(read_nodes, self._connection))
        stated = notes.parse_checkpoint(text)
        if stated.root != root:
            raise LogAltered(f"it does not begin with the checkpoint of size {since}.")
        if stated.origin != key.name and notes.base_name(stated.origin) == notes.base_name(
            key.name
        ):
            # Of an origin before a loss: the origin in force has the same root there.
            extension = read_origins(self._connection).extension
            return self._signer.signed(notes.Checkpoint(key.name, since, root, extension).text)
        return note + self._signer.signature(text).encode()

    def _put(self, name: str, content: bytes) -> None:
        (self._directory / name).write_bytes(content)
        self._digests[name] = hashlib.sha256(content).hexdigest()

    def _ranges(self, statement: str, *parameters: object) -> list[PositionRange]:
        """The positions that a query finds, in ascending order, as ranges."""
        rows, found = fetch_rows(self._connection, statement, *parameters), []
        for _, group in groupby(enumerate(rows), key=lambda numbered: numbered[1][0] - numbered[0]):
            neighbours = [position for _, (position,) in group]
            found.append((neighbours[0], neighbours[-1]))
        return found
