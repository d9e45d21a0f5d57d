"""A draft of the log: what a dry run would append, over the log as it was when the draft began."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from application.log.event_log import Appended, EventLog, Write, lines_of, unsealed_subject_of
from application.log.recorder import CommandRow, DutyRow, ReferenceRow, VersionTaken
from application.log.references import FOUND, reference_rows
from domain.orders.references import SIGNAL
from domain.recorded_event import RecordedEvent


class DraftLog(EventLog):
    """Takes appends as the log does, keeps them in memory, and reads them with what the log had before.

    Streams and references are read so; reads of the whole log by position have what is stored alone. What
    other processes append meanwhile is not seen, so a draft is decided on one state of the log.
    """

    def __init__(self, log: EventLog) -> None:
        super().__init__(log.recorder, log.seals)
        self.base = log.head()
        """The position of the log that the draft is over."""
        self._lines: dict[UUID, list[RecordedEvent]] = {}
        self._kinds: dict[UUID, str] = {}
        self._references: dict[ReferenceRow, None] = {}
        self._count = 0

    def drafted(self, kind: str) -> Mapping[UUID, Sequence[RecordedEvent]]:
        """The lines that were appended to streams of a kind, by stream."""
        return {
            stream: lines for stream, lines in self._lines.items() if self._kinds[stream] == kind
        }

    def append(
        self,
        writes: Sequence[Write],
        command: CommandRow | None = None,
        duties: Sequence[DutyRow] = (),
    ) -> Appended:
        """Keep the lines. Raises VersionTaken as the log does, and ValueError for what a draft cannot keep."""
        if command is not None or duties:
            raise ValueError("a draft keeps no answers to commands and no duties")
        expected: dict[UUID, int] = {}
        for write in writes:
            expected[write.stream] = min(write.expected, expected.get(write.stream, write.expected))
        for stream in self.tails(expected):
            raise VersionTaken(f"stream {stream} is not at version {expected[stream]}")
        lines = [line for write in writes for line in lines_of(write)]
        for write in writes:
            self._kinds[write.stream] = write.kind
        for line in lines:
            self._lines.setdefault(line.stream, []).append(line)
            self._references.update(dict.fromkeys(reference_rows(line)))
        self._count += len(lines)
        return Appended(self.head(), lines)

    def head(self) -> int:
        return self.base + self._count

    def subject_of(self, customer: str) -> UUID:
        """The id of the customer's streams. Before the key store has its secret no customer has any, and the
        draft does not make the secret."""
        found = self.seals.find_subject_of(customer) if self.seals is not None else None
        return found if found is not None else unsealed_subject_of(customer)

    def trails(self, streams: Sequence[UUID]) -> dict[UUID, list[RecordedEvent]]:
        return self._with_lines(
            self._stored(self.recorder.select_streams(streams)), dict.fromkeys(streams, 0)
        )

    def tails(self, known: Mapping[UUID, int]) -> dict[UUID, list[RecordedEvent]]:
        return self._with_lines(self._stored(self.recorder.select_tails([*known.items()])), known)

    def references(self, wanted: Sequence[tuple[str, str]]) -> Sequence[ReferenceRow]:
        asked = {*wanted}
        own = [row for row in self._references if (row.kind, row.value) in asked]
        return [*dict.fromkeys([*super().references(wanted), *own])]

    def has_referring_signals(self) -> bool:
        own = any(row.kind in (SIGNAL, FOUND) for row in self._references)
        return own or super().has_referring_signals()

    def _stored(self, rows: Iterable[tuple[int, bytes]]) -> dict[UUID, list[RecordedEvent]]:
        return self._by_stream(row for row in rows if row[0] <= self.base)

    def _with_lines(
        self, found: dict[UUID, list[RecordedEvent]], known: Mapping[UUID, int]
    ) -> dict[UUID, list[RecordedEvent]]:
        """The lines, and those of the draft after these versions."""
        for stream, version in known.items():
            own = [line for line in self._lines.get(stream, ()) if line.version > version]
            if own:
                found.setdefault(stream, []).extend(own)
        return found
