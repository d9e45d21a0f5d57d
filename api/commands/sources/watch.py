"""casetrail sources watch"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import psycopg
from eventsourcing.persistence import PersistenceError
from msgspec import Struct, field, structs
from psycopg_pool import PoolTimeout

from api.commands.missing_columns import MissingColumns
from api.commands.options import FORMAT, HEADERS, QUERY, parse_header
from api.commands.source_files import (
    Beside,
    FilePart,
    file_parts,
    mapping_of,
    printable,
    take_parts,
    unexplained_texts,
    unreadable_part,
)
from api.composition import Desks, follow_policy, migrated_desks
from domain.errors import TooContended
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.mappings.files import format_of
from infrastructure.mappings.formats import FORMATS
from infrastructure.mappings.mapping import Mapping
from infrastructure.mappings.parts import FileUnreadable
from infrastructure.mappings.watched_folder import (
    FolderUnusable,
    OpenedFile,
    Outcome,
    Turn,
    WatchedFolder,
)
from infrastructure.settings import Settings

MOST_REASONS: Final = 1_000
"""Lines of a file of reasons; the others are counted."""
LONGEST_PAUSE_SECONDS: Final = 30.0
_FOR_NOW: Final = (
    psycopg.Error,
    PersistenceError,
    PoolTimeout,
    KeyStoreUnavailable,
    TooContended,
    FolderUnusable,
    OSError,
)
"""What keeps a file from being recorded or moved now, and not for ever."""


@click.command()
@click.argument("name")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--once", is_flag=True, help="Read what is there, and end: for cron.")
@click.option(
    "--settle-seconds",
    type=click.FloatRange(0, 3_600),
    default=5.0,
    show_default=True,
    help="A file is read once its size and time have not changed for so long.",
)
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3_600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks at the folder.",
)
@HEADERS
@QUERY
@FORMAT
@click.pass_obj
def watch(
    settings: Settings,
    name: str,
    folder: Path,
    once: bool,
    settle_seconds: float,
    interval: float,
    headers: tuple[str, ...],
    query: tuple[str, ...],
    form: str | None,
) -> None:
    """Read the files that arrive in FOLDER as the source NAME says, and move them.

    A file that was read goes to FOLDER/done, also if some of its rows were not understood; one that has to be sent
    again goes to FOLDER/refused. The reasons stand beside it (FILE.reasons.txt) and in `casetrail sources deliveries
    NAME`. Write a file under a name that begins with a dot, or ends with .part or .tmp, and rename it when it is
    whole.

    With --once, the exit status is 1 if something was not understood, or could not be read or moved now.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    beside = Beside(form, dict(map(parse_header, headers)), dict(map(parse_header, query)))
    with migrated_desks(settings) as working, follow_policy(working):
        working.ensure_policy()
        working.sources.find(name)
        watched = WatchedFolder(
            folder, settle_seconds, lambda one: form is not None or is_data(one)
        )
        with watched.turn():
            pass  # says at once what is wrong with the folder
        watcher = _Watcher(working, name, watched, beside, stop)
        if once:
            first = watcher.look()
            stop.wait(settle_seconds)
            if not (watcher.look() and first) and not stop.is_set():
                raise SystemExit(1)
            return
        pause = interval
        while not stop.is_set():
            watcher.look()
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS) if watcher.waits else interval
            stop.wait(pause)


def is_data(name: str) -> bool:
    """Whether the end of a file's name says that it is data. A text such as readme.txt is read with --format only."""
    file = Path(name)
    return format_of(file) is not None and ".txt" not in file.suffixes[-2:]


class _Stopped(Exception):
    """The command ends: the file stays, and is read again by the next one."""


class _FileReading(Struct):
    """What became of the parts of a file so far."""

    counts: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    understood: int = 0
    """Parts that stated something, and parts without a fault."""
    not_understood: int = 0
    is_whole: bool = True
    reasons: list[str] = field(default_factory=list)
    further: int = 0

    @property
    def outcome(self) -> Outcome:
        """A file is refused if it must be sent again, or if none of it was understood."""
        is_read = self.is_whole and (self.understood or not self.parts)
        return Outcome.DONE if is_read else Outcome.REFUSED


class _Watcher:
    def __init__(
        self,
        working: Desks,
        source: str,
        folder: WatchedFolder,
        beside: Beside,
        stop: threading.Event,
    ) -> None:
        self._working = working
        self._source = source
        self._folder = folder
        self._beside = beside
        self._stop = stop
        self._said = ""
        self._named: set[str] = set()
        self.waits = False
        """Whether something keeps files from being read now, such as the database."""

    def look(self) -> bool:
        """Read the files that are whole. Returns whether nothing is left to be done about them."""
        is_well, self.waits = True, False
        try:
            with self._folder.turn() as turn:
                if turn is None:
                    self._say("another process reads this folder now")
                    return True
                whole = self._folder.whole_files(turn, time.monotonic())
                self._name_left(self._folder.left)
                for name in whole:
                    is_well = self._take(turn, name) and is_well
                self._said = ""
        except _Stopped:
            pass
        except _FOR_NOW as error:
            self._say(f"the files stay, and are read later: {' '.join(str(error).split())}")
            self.waits = True
            return False
        return is_well

    def _take(self, turn: Turn, name: str) -> bool:
        """Record a file and move it; return whether all of it was understood."""
        opened = turn.read(name)
        if opened is None:
            return True
        read = self._record(self._parts(name, opened))
        now = self._working.clock()
        reasons = self._in_words(name, read)
        moved = turn.move(name, opened.state, read.outcome, reasons, now)
        counts = {"not understood": read.not_understood, **read.counts}
        words = ", ".join(f"{n} {word}" for word, n in sorted(counts.items()) if n) or "no rows"
        where = f"{read.outcome}/{printable(moved)}" if moved else "changed meanwhile: read again"
        click.echo(f"{now:%Y-%m-%d %H:%M:%SZ} {printable(name)}: {words}; {where}")
        return not reasons

    def _parts(self, name: str, opened: OpenedFile) -> Iterator[FilePart]:
        file = self._folder.path / name
        if not opened.fault:
            beside = structs.replace(self._beside, rows_by=self._mapping().rows_by)
            return file_parts(file, beside, opened.content)
        return iter([unreadable_part(FileUnreadable(file, opened.fault), file, self._beside)])

    def _mapping(self) -> Mapping:
        """That of now: it may change while the folder is watched."""
        return mapping_of(self._working, self._source)

    def _record(self, parts: Iterator[FilePart]) -> _FileReading:
        """Raises _Stopped between two batches of parts, and what `_FOR_NOW` lists."""
        read, mapping, missing = _FileReading(), self._mapping(), MissingColumns()
        for part, result in take_parts(self._working, self._source, parts):
            if self._stop.is_set():
                raise _Stopped
            read.parts += 1
            read.is_whole = read.is_whole and not part.ends
            read.understood += not result.reasons or result.signals > 0
            read.not_understood += bool(result.reasons)
            read.counts["known"] += result.is_known
            read.counts.update(one.outcome for one in result.receipts)
            texts = unexplained_texts(part, result, mapping, missing)
            texts = [f"{part.words}: {text}" for text in texts]
            room = max(MOST_REASONS - len(read.reasons), 0)
            read.reasons += texts[:room]
            read.further += len(texts[room:])
        lacks = [f"{Path(file).name}: {text}" for file, text in missing.lines()]
        read.reasons = [*lacks, *read.reasons]
        return read

    def _in_words(self, name: str, read: _FileReading) -> list[str]:
        """The content of the file of reasons; empty if there are none."""
        if not read.reasons:
            return []
        lists = f"casetrail sources deliveries {self._source} --not-understood"
        if not read.is_whole:
            what = "Correct the file and put it into the folder again: what was recorded is not recorded twice."
        else:
            what = (
                f"These parts are kept. Correct the mapping document and run `casetrail sources read-again "
                f"{self._source}`, or send a file with corrected rows."
            )
        count = (
            f"{read.not_understood} of {read.parts} parts of {printable(name)} were not understood."
        )
        more = [f"… and {read.further} more"] if read.further else []
        return [count, what, f"`{lists}` lists them as well.", "", *read.reasons, *more]

    def _name_left(self, left: set[str]) -> None:
        """Each file that is not read, once while it is there."""
        for name in sorted(left - self._named):
            click.echo(
                f"{printable(name)}: not read: its name does not end as that of data "
                f"({', '.join(f'.{one}' for one in FORMATS)}); with --format, every file is read",
                err=True,
            )
        self._named = {*left}

    def _say(self, text: str) -> None:
        """Once, and not with each look."""
        if text != self._said:
            click.echo(text, err=True)
        self._said = text
