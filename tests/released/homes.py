"""Store the home of a log, as a release left it, in an archive; and restore it from the archive.

An archive has the rows of the log's tables as COPY text, and everything outside the database:
checkpoints and the key that signs them, heads, keys of personal data, evidence, a bundle, and answers of
the API. It has no reports, since they are built from the log.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import msgspec
import psycopg
from msgspec import Struct
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from infrastructure.event_store.migrations import MIGRATIONS_DIRECTORY
from infrastructure.postgres.roles import ensure_roles
from infrastructure.projections.tables import columns_of
from infrastructure.settings import Settings
from projections import PROJECTIONS
from tests.api.running_service import outside_settings

FOLDER: Final = Path(__file__).parent
TOKENS: Final = {"ana": "ct_ana-of-a-released-log", "aud": "ct_aud-of-a-released-log"}
"""No secrets: they open the log of a fixture."""
_TABLES = """
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
        AND relname NOT IN ('migrations', 'log_head', 'projections', 'projections_held')
    ORDER BY EXISTS (SELECT FROM pg_constraint WHERE conrelid = pg_class.oid AND contype = 'f'), relname
"""
_IDENTITIES = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND is_identity = 'YES'
"""


class Answered(Struct, frozen=True):
    """A request, and the answer that the release gave."""

    by: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    answer: str
    answer_headers: Mapping[str, str]
    """Those headers of the answer that a retry must repeat."""


class Answers(Struct, frozen=True):
    """The answers of the release for this log."""

    commands: Sequence[Answered]
    reads: Sequence[Answered]


class Report(Struct, frozen=True):
    """The rows of a report that the release built from this log."""

    version: int
    columns: Sequence[str]
    rows: int
    digest: str


class Release(Struct, frozen=True):
    """The facts recorded with the archive, in `recorded.json`."""

    version: str
    commit: str
    clock: datetime
    """When the requests came."""
    head: int
    root: str
    key: str
    """That signs from the last rotation on."""
    decisions: int
    """So many were made again, and came out the same."""
    migrations: Mapping[str, str]
    tables: Mapping[str, Sequence[str]]
    tags: Sequence[str]
    reports: Mapping[str, Report]


def settings_of(dsn: str, home: Path) -> Settings:
    keys = outside_settings(dsn).place
    return Settings(
        home=home,
        database_url=dsn,
        keys=keys,
        evidence=str(Path(keys).with_name("evidence")),
        checkpoints=str(home / "checkpoints"),
        heads=str(home / "heads"),
    )


def token_of(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def kept_headers(answer: httpx2.Response) -> dict[str, str]:
    names = ("Casetrail-Position", "ETag", "Content-Type")
    return {name: answer.headers[name] for name in names if name in answer.headers}


def tables_of(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """The columns of each table of the log; a table comes after the tables that it references."""
    cursor = connection.cursor(row_factory=tuple_row)
    found = {}
    for (table,) in cursor.execute(_TABLES).fetchall():
        cursor.execute(SQL("SELECT * FROM {} LIMIT 0").format(Identifier(table)))
        found[table] = [column.name for column in cursor.description or ()]
    return found


def stored(dsn: str, settings: Settings, bundle: Path, answers: Answers, archive: Path) -> None:
    """Write the archive; the same home always gives the same bytes."""
    files: dict[str, bytes] = {}
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        for table, columns in tables_of(connection).items():
            files[f"tables/{table}"] = b"".join(_copied(connection, table, columns))
    files["answers.json"] = msgspec.json.format(msgspec.json.encode(answers), indent=1)
    files["home/checkpoint.key"] = Path(settings.signing_key).read_bytes()
    for name, folder in {**_folders(settings), "bundle": bundle}.items():
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                files[f"{name}/{file.relative_to(folder)}"] = file.read_bytes()
    with (
        archive.open("wb") as out,
        gzip.GzipFile("", "wb", 9, out, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))


def _copied(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str]
) -> Iterator[bytes]:
    names = SQL(", ").join(map(Identifier, columns))
    rows = SQL("COPY (SELECT {0} FROM {1} ORDER BY {2}) TO STDOUT").format(
        names, Identifier(table), SQL("notification_id" if table == "stored_events" else "1, 2")
    )
    with connection.cursor() as cursor, cursor.copy(rows) as copy:
        yield from map(bytes, copy)


def _folders(settings: Settings) -> dict[str, Path]:
    return {
        "home/checkpoints": Path(str(settings.checkpoint_place)),
        "home/heads": settings.heads_place,
        "keys": Path(settings.key_place),
        "evidence": Path(settings.evidence_place),
    }


def answers_in(home: Path) -> Answers:
    """The recorded answers in a restored home."""
    return msgspec.json.decode((home / "answers.json").read_bytes(), type=Answers)


def restored(folder: Path, release: Release, dsn: str, home: Path) -> Settings:
    """Restore the home and fill an empty database, as the release left it, without later migrations."""
    settings = settings_of(dsn, home)
    with tarfile.open(folder / "home.tar.gz") as tar:
        tar.extractall(home, filter="data")
    (home / "home" / "checkpoint.key").rename(settings.signing_key)
    for name, place in _folders(settings).items():
        place.parent.mkdir(parents=True, exist_ok=True)
        (home / name).rename(place)
    with psycopg.connect(dsn, autocommit=True) as connection:
        ensure_roles(connection)
        with connection.transaction():
            connection.execute("SET LOCAL casetrail.migrating = on")
            _migrated(connection, release.migrations)
            for table, columns in release.tables.items():
                _filled(connection, table, columns, home / "tables" / table)
            connection.execute("UPDATE log_head SET position = %s", (release.head,))
            for table, column in connection.execute(_IDENTITIES).fetchall():
                last = SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}")
                names = Identifier(column), Identifier(table)
                connection.execute(last.format(table, column, *names))
    return settings


def _migrated(connection: psycopg.Connection[Any], migrations: Mapping[str, str]) -> None:
    """Apply the migrations of the release. A file that was edited since is refused by its digest."""
    connection.execute(
        "CREATE TABLE migrations (name text PRIMARY KEY, digest text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())"
    )
    for name, digest in sorted(migrations.items()):
        connection.execute((MIGRATIONS_DIRECTORY / name).read_bytes())
        connection.execute("INSERT INTO migrations (name, digest) VALUES (%s, %s)", (name, digest))


def _filled(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], file: Path
) -> None:
    statement = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(table), SQL(", ").join(map(Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(file.read_bytes())


def report_of(connection: psycopg.Connection[Any], name: str, columns: Sequence[str]) -> Report:
    """The live rows of a report, with these columns only; their digest is the same on every server."""
    (projection,) = [one for one in PROJECTIONS if one.name == name]
    key = columns_of(projection.row)[0].name
    rows = connection.execute(
        SQL(
            'SELECT to_jsonb(found) FROM (SELECT {} FROM {} ORDER BY {}::text COLLATE "C") AS found'
        ).format(
            SQL(", ").join(map(Identifier, columns)), Identifier("views", name), Identifier(key)
        )
    ).fetchall()
    encoded = b"\n".join(msgspec.json.encode(row, order="sorted") for (row,) in rows)
    return Report(projection.version, columns, len(rows), hashlib.sha256(encoded).hexdigest())


def reports_of(dsn: str) -> dict[str, Report]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return {
            one.name: report_of(connection, one.name, [c.name for c in columns_of(one.row)])
            for one in PROJECTIONS
        }


def tags_in(dsn: str) -> list[str]:
    """The tags in the log, in the format of `tests/event_store/tags.txt`."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT DISTINCT 'event ' || event FROM trail UNION "
            "SELECT DISTINCT 'signal ' || (facts -> 'signal' ->> 'type') FROM trail "
            "WHERE event = 'order.signal_recorded'"
        ).fetchall()
    return sorted(tag for (tag,) in rows)
