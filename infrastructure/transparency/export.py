"""Bundles: events with what proves that they are of the log, as plain files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from psycopg.rows import tuple_row

from domain.merkle.tree import CHUNK_LEVEL, Frontier, cover, root_at
from infrastructure.transparency.checkpoints import first_altered, latest, note_of
from infrastructure.transparency.nodes import Connection, read
from infrastructure.transparency.signing_keys import Signer
from infrastructure.verifier.files import (
    CHECKPOINT,
    EVENTS,
    FORMAT,
    KEY,
    LEAVES,
    MANIFEST,
    NODES,
    SINCE,
    event_line,
)
from infrastructure.verifier.notes import (
    NoteBroken,
    checkpoint_in,
    checkpoint_of,
    opened,
    parted,
)
from infrastructure.verifier.population import PROPOSED, Count, joins_proposals

NODES_AT_ONCE = 1_000
_CHUNK = 1 << CHUNK_LEVEL
Span = tuple[int, int]
"""Positions, the first and the last."""


class NothingToExport(Exception):
    """There is nothing that could be exported."""


class LogAltered(Exception):
    """The log is not what was signed."""


class Export:
    """One bundle, from the log as the last checkpoint of the database signed it."""

    def __init__(self, connection: Connection, signer: Signer, directory: Path) -> None:
        """Raises NothingToExport."""
        found = latest(connection)
        if found is None:
            raise NothingToExport("no checkpoint was made yet.")
        self._connection, self._signer, self._directory = connection, signer, directory
        self._size, self._note = found
        try:
            self._root = checkpoint_of(self._note.encode(), signer.key).root
        except NoteBroken as error:
            raise NothingToExport(
                f"the last checkpoint is not signed by the key that this process has: {error}."
            ) from None
        self._digests: dict[str, str] = {}
        self.listed: list[int] = []
        """Of a population: the positions of what was asked for."""
        self.answer: Mapping[str, Any] | None = None
        """Of a population: how many they are, and what they come to."""
        self.manifest_digest = ""
        """SHA-256 of the manifest, which names every file of the bundle."""

    def everything(self) -> int:
        return self._write({"ask": "everything"}, [(1, self._size)])

    def case(self, case: UUID) -> int:
        """The trail of a case. Raises NothingToExport."""
        rows = self._rows(
            "SELECT notification_id FROM stored_events WHERE originator_id = %s "
            "AND notification_id <= %s ORDER BY notification_id",
            case,
            self._size,
        )
        return self._write({"ask": "case", "case": str(case)}, _spans([p for (p,) in rows]))

    def period(self, start: str, end: str) -> int:
        """What was recorded from then on and before. Raises NothingToExport."""
        rows = self._rows(
            "SELECT notification_id FROM stored_events, LATERAL "
            "(SELECT convert_from(state, 'UTF8')::jsonb ->> 'recorded_at') AS told (at) "
            "WHERE at::timestamptz >= %s::timestamptz AND at::timestamptz < %s::timestamptz "
            "AND notification_id <= %s ORDER BY notification_id",
            start,
            end,
            self._size,
        )
        spans = _spans([position for (position,) in rows])
        return self._write({"ask": "period", "from": start, "to": end}, spans)

    def population(self, asked: Mapping[str, str], since: int = 0) -> int:
        """All events after the checkpoint of that size, and of those before only the proposals that
        say of which kind an adjustment is, and of which amount. Raises NothingToExport."""
        rows = self._rows(
            "SELECT notification_id FROM stored_events AS proposal WHERE topic = %s "
            "AND notification_id <= %s AND EXISTS (SELECT FROM stored_events AS later WHERE "
            "later.originator_id = proposal.originator_id AND later.topic = %s "
            "AND later.notification_id > %s) ORDER BY notification_id",
            PROPOSED,
            since if joins_proposals(asked["type"]) else 0,
            asked["type"],
            since,
        )
        spans = [*_spans([position for (position,) in rows]), (since + 1, self._size)]
        return self._write({"ask": "population", **asked}, spans, since)

    def _write(self, question: dict[str, Any], spans: Sequence[Span], since: int = 0) -> int:
        """How many events it has. Raises NothingToExport or LogAltered."""
        spans = [span for span in spans if span[0] <= span[1]]
        if not spans:
            raise NothingToExport("nothing of it was recorded by the last checkpoint.")
        self._directory.mkdir(parents=True, exist_ok=False)
        self._put(KEY, f"{self._signer.key.text}\n".encode())
        self._put(CHECKPOINT, self._note.encode())
        if since:
            self._put(SINCE, self._note_at(since))
        count = Count(question, since) if question["ask"] == "population" else None
        events = self._put_events(spans, since, count)
        self.answer = count.answer if count is not None else None
        manifest = {
            "format": FORMAT,
            "question": question,
            "size": self._size,
            "since": since,
            "events": events,
            "answer": self.answer,
            "files": self._digests,
        }
        text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
        note = self._signer.signed(f"{text}\n")
        (self._directory / MANIFEST).write_bytes(note)
        self.manifest_digest = hashlib.sha256(note).hexdigest()
        self.listed = count.positions if count is not None else []
        return events

    def _put_events(self, spans: Sequence[Span], since: int, count: Count | None) -> int:
        frontier, many = Frontier(), 0
        with (
            open(self._directory / EVENTS, "wb") as events,
            open(self._directory / LEAVES, "wb") as leaves,
            open(self._directory / NODES, "wb") as nodes,
        ):
            for first, last in spans:
                self._put_nodes(nodes, frontier, first - 1, since)
                fresh = list[bytes]()
                for position, state in self._states(first, last):
                    leaf = hashlib.sha256(b"\x00" + state).digest()
                    events.write(event_line(position, state))
                    leaves.write(leaf.hex().encode() + b"\n")
                    fresh.append(leaf)
                    many += 1
                    if count is not None:
                        count.look(position, state)
                    if not position % _CHUNK:  # where a chunk of the tree ends
                        frontier.extend(fresh)
                        fresh = []
                frontier.extend(fresh)
            self._put_nodes(nodes, frontier, self._size, since)
        if frontier.size != self._size or frontier.root() != self._root:
            altered = first_altered(self._connection, 0, self._size)
            where = f": position {altered} is the first" if altered else ""
            raise LogAltered(f"its events do not have the root of the last checkpoint{where}.")
        for name in (EVENTS, LEAVES, NODES):
            with open(self._directory / name, "rb") as written:
                self._digests[name] = hashlib.file_digest(written, "sha256").hexdigest()
        return many

    def _put_nodes(self, file: BinaryIO, frontier: Frontier, upto: int, since: int) -> None:
        start = frontier.size
        parts = [(start, since), (since, upto)] if start < since < upto else [(start, upto)]
        wanted = [node for part in parts for node in cover(*part)]
        for at in range(0, len(wanted), NODES_AT_ONCE):
            some = wanted[at : at + NODES_AT_ONCE]
            for node, digest in zip(some, read(self._connection, some), strict=True):
                file.write(f"{node.level} {node.place} {digest.hex()}\n".encode())
                frontier.push(node.level, digest)

    def _states(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        with (
            self._connection.transaction(),
            self._connection.cursor("exported", row_factory=tuple_row, binary=True) as cursor,
        ):
            cursor.itersize = 2_000
            cursor.execute(
                "SELECT notification_id, state FROM stored_events WHERE notification_id >= %s "
                "AND notification_id <= %s ORDER BY notification_id",
                (first, last),
            )
            yield from cursor

    def _note_at(self, since: int) -> bytes:
        """Signed by the key that signs the rest, whichever signed it then."""
        found = note_of(self._connection, since)
        if found is None:
            raise NothingToExport(f"there is no checkpoint of size {since}.")
        note = found.encode()
        try:
            opened(note, self._signer.key)
        except NoteBroken:
            text, _ = parted(note)
            if checkpoint_in(text).root != root_at(since, partial(read, self._connection)):
                raise LogAltered(
                    f"the checkpoint of size {since} is not of its beginning."
                ) from None
            return note + self._signer.signature(text).encode()
        return note

    def _put(self, name: str, content: bytes) -> None:
        (self._directory / name).write_bytes(content)
        self._digests[name] = hashlib.sha256(content).hexdigest()

    def _rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(statement.encode(), parameters).fetchall()


def _spans(positions: Sequence[int]) -> list[Span]:
    """Neighbours together."""
    found = []
    for _, group in groupby(enumerate(positions), key=lambda one: one[1] - one[0]):
        neighbours = [position for _, position in group]
        found.append((neighbours[0], neighbours[-1]))
    return found
