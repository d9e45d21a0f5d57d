"""casetrail audit attack"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from api import terminal
from api.commands.options import AS_JSON
from api.composition import desks, prepare_database
from api.tables import Table, shorten
from application.orders.batches import Arrival
from application.orders.replay import replay
from domain.people import Actor
from infrastructure.attacks import ATTACKS, trial
from infrastructure.attacks.copies import (
    ATTACKER_ROLES,
    AttackTarget,
    copy_first_events,
    temporary_logins,
)
from infrastructure.postgres.databases import open_database, scratch_database
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings
from infrastructure.sources.demonstration.stream import DemonstrationStream

ENOUGH_EVENTS = 100
MOST_SHOWN = 160
_SIGNALS = 120
_SEED = 20262
_COLOURS = {
    trial.AttackResult.DENIED: "green",
    trial.AttackResult.DETECTED: "yellow",
    trial.AttackResult.UNDETECTED: "bold red",
}


@click.command()
@AS_JSON
@click.pass_obj
def attack(settings: Settings, as_json: bool) -> None:
    """Attack a copy of the log as each role, as its owner and as a superuser.

    The copy holds the first events of the log; if these are few, some demonstration orders. The attacks
    are real, on the copy alone. The exit status is 1 if one is neither denied nor detected.
    """
    errors = terminal.console(stderr=True)
    try:
        with open_database(settings) as dsn, prepared_copy(dsn) as target:
            outcomes = _run_all(dsn, target, errors)
    except trial.CopyNotSound as error:
        raise click.ClickException(f"{error.__doc__} {error}") from None
    if as_json:
        click.echo(msgspec.json.encode(outcomes))
    else:
        _print_outcomes(outcomes)
    sys.exit(1 if any(one.result is trial.AttackResult.UNDETECTED for one in outcomes) else 0)


@contextmanager
def prepared_copy(dsn: str) -> Iterator[AttackTarget]:
    """A copy of the log's first events, with the roles and rights that this build makes.

    Raises CopyNotSound, DatabaseUnusable.
    """
    with connect(dsn) as connection:
        row = connection.execute(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        known = connection.execute("SELECT to_regclass('stored_events') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        raise click.ClickException(
            "This needs a superuser. Put the address of one in DATABASE_URL, or unset it to use the "
            "embedded server."
        )
    with scratch_database(dsn, "attack") as scratch, TemporaryDirectory() as place:
        prepare_database(scratch)
        copied = copy_first_events(dsn, scratch) if known is not None and known[0] else 0
        if copied < ENOUGH_EVENTS:
            _replay_demonstration(scratch)
        target = AttackTarget(dsn, scratch, Path(place))
        trial.require_sound_copy(target)
        yield target


def run_attacks(
    dsn: str, target: AttackTarget, attackers: Sequence[str] = (*ATTACKER_ROLES, trial.SUPERUSER)
) -> Iterator[trial.AttackOutcome]:
    """The outcome of every attack by each attacker."""
    roles = [one for one in attackers if one != trial.SUPERUSER]
    with connect(dsn) as server, temporary_logins(server, roles) as made:
        addresses: Mapping[str, Mapping[str, str]] = {trial.SUPERUSER: {}, **made}
        for attacker in attackers:
            yield from trial.Trial(target, attacker, addresses[attacker]).run(ATTACKS)


def _replay_demonstration(dsn: str) -> None:
    now = datetime.now(UTC)
    past = takewhile(
        lambda n: n[0] < _SIGNALS, enumerate(DemonstrationStream(_SEED, now).history())
    )
    arrivals = [Arrival(signal, at) for _, (at, signal) in past]
    with desks(dsn) as working:
        working.ensure_policy()
        for _ in replay(arrivals, working.intake, working.timekeeper, Actor("key:demonstration")):
            pass


def _run_all(dsn: str, target: AttackTarget, errors: Console) -> list[trial.AttackOutcome]:
    outcomes = []
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("attacking", total=len(ATTACKS) * (len(ATTACKER_ROLES) + 1))
        for outcome in run_attacks(dsn, target):
            outcomes.append(outcome)
            progress.update(task, advance=1, description=f"attacking as {outcome.attacker}")
    return outcomes


def _print_outcomes(outcomes: Sequence[trial.AttackOutcome]) -> None:
    console = terminal.console()
    attackers = [*dict.fromkeys(one.attacker for one in outcomes)]
    roles = (attacker.removeprefix("casetrail_") for attacker in attackers)
    table = Table("attack", *roles, title=f"{len(outcomes)} attacks on a copy of the log")
    cells = {(one.attack, one.attacker): one for one in outcomes}
    for name in dict.fromkeys(one.attack for one in outcomes):
        table.add_row(name, *(_cell(cells[name, attacker]) for attacker in attackers))
    table.print_on(console)
    found = [one for one in outcomes if one.result is not trial.AttackResult.DENIED]
    for one in found:
        line = Text.assemble(
            (one.attacker, "bold"), f", {one.attack}: {one.result}: {shorten(one.how, MOST_SHOWN)}"
        )
        console.print(line, soft_wrap=True)
    counts = Counter(one.result for one in outcomes)
    console.print(", ".join(f"{counts[result]} {result}" for result in trial.AttackResult))


def _cell(one: trial.AttackOutcome) -> Text:
    code = one.sqlstate or "" if one.result is trial.AttackResult.DENIED else ""
    return Text.assemble((one.result, _COLOURS[one.result]), f" {code}" if code else "")
