"""casetrail policy propose | simulate | approve | …: what a person does, asked of a running service.

Whoever runs the command line beside the database is the operator and no person: who changes a policy
comes with a token, here as everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import httpx2
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.commands.options import AS_JSON, Moment
from infrastructure.policies.files import load_policy

DEFAULT_URL = "http://127.0.0.1:8321"
PATIENCE_SECONDS = 60.0
NDJSON = "application/x-ndjson"
FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
VERSION = click.argument("version")
REASON = click.option("--reason", required=True, help="Why.")
NOTE = click.option("--note", default="", help="What there is to say.")


@click.command()
@FILE
@click.option("--why", required=True, help="What it is to change, and why.")
@click.option("--revises", help="The version of a proposal that it takes the place of.")
@AS_JSON
def propose(file: Path, why: str, revises: str | None, as_json: bool) -> None:
    """Propose a document to take the place of what decides now."""
    asked = {"document": _plain(file), "why": why, "revises": revises}
    _tell(_ask("POST", "", asked), as_json)


@click.command()
@VERSION
@click.option("--since", type=Moment(), help="From when on, as 2026-11-01T00:00:00Z [30 days].")
@click.option("--until", type=Moment(), help="Until before when [now].")
@AS_JSON
def simulate(version: str, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """What recorded history would have led to under this policy."""
    told = _simulated(version, {"since": _written(since), "until": _written(until)})
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        _tell_figures(version, told)


@click.command()
@VERSION
@NOTE
@click.option("--base", help="The digest of the policy that you held it against.")
@AS_JSON
def approve(version: str, note: str, base: str | None, as_json: bool) -> None:
    """Approve what another person has proposed."""
    _tell(_ask("POST", f"/{version}/approve", {"note": note, "base": base}), as_json)


@click.command()
@VERSION
@REASON
@AS_JSON
def reject(version: str, reason: str, as_json: bool) -> None:
    """Reject a policy that does not decide yet."""
    _tell(_ask("POST", f"/{version}/reject", {"reason": reason}), as_json)


@click.command()
@VERSION
@REASON
@AS_JSON
def withdraw(version: str, reason: str, as_json: bool) -> None:
    """Withdraw a policy of your own that does not decide yet."""
    _tell(_ask("POST", f"/{version}/withdraw", {"reason": reason}), as_json)


@click.command()
@VERSION
@click.option("--from", "effective_from", type=Moment(), help="From when it decides [at once].")
@NOTE
@AS_JSON
def activate(version: str, effective_from: datetime | None, note: str, as_json: bool) -> None:
    """Let an approved policy decide."""
    asked = {"effective_from": _written(effective_from), "note": note}
    _tell(_ask("POST", f"/{version}/activate", asked), as_json)


@click.command()
@VERSION
@REASON
@click.option("--name", help="What the new version is called [VERSION-r1].")
@AS_JSON
def rollback(version: str, reason: str, name: str | None, as_json: bool) -> None:
    """Go back to what decided before, as a new version."""
    _tell(_ask("POST", f"/{version}/rollback", {"reason": reason, "version": name}), as_json)


@click.command()
@FILE
@REASON
@click.option("--hours", type=click.FloatRange(0, 72, min_open=True), help="For how long [24].")
@AS_JSON
def emergency(file: Path, reason: str, hours: float | None, as_json: bool) -> None:
    """Let a document decide at once; it expires unless another person ratifies it."""
    until = datetime.now().astimezone() + timedelta(hours=hours) if hours else None
    asked = {"document": _plain(file), "reason": reason, "expires_at": _written(until)}
    _tell(_ask("POST", "/emergency", asked), as_json)


@click.command()
@VERSION
@NOTE
@AS_JSON
def ratify(version: str, note: str, as_json: bool) -> None:
    """Ratify the emergency change of another person."""
    _tell(_ask("POST", f"/{version}/ratify", {"note": note}), as_json)


ASKING: tuple[click.Command, ...] = (
    propose,
    simulate,
    approve,
    reject,
    withdraw,
    activate,
    rollback,
    emergency,
    ratify,
)


def _plain(file: Path) -> Any:
    return msgspec.to_builtins(load_policy(file).document, str_keys=True)


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


@contextmanager
def _service() -> Iterator[httpx2.Client]:
    token = os.environ.get("CASETRAIL_TOKEN")
    if not token:
        raise click.ClickException(
            "CASETRAIL_TOKEN is not set: it says who asks. `casetrail people token NAME` issues one."
        )
    url = os.environ.get("CASETRAIL_URL") or DEFAULT_URL
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx2.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS) as client:
            yield client
    except httpx2.TransportError as error:
        raise click.ClickException(f"{url} (CASETRAIL_URL) does not answer: {error}") from None


def _ask(method: str, path: str, asked: dict[str, Any]) -> Any:
    body = {name: value for name, value in asked.items() if value is not None}
    with _service() as client:
        answer = client.request(method, f"/v1/policies{path}", json=body)
    if not answer.is_success:
        raise _refused(answer.json())
    return answer.json()


def _simulated(version: str, asked: dict[str, Any]) -> Any:
    """The answer, with its progress told on the way."""
    body = {name: value for name, value in asked.items() if value is not None}
    errors = Console(stderr=True)
    told: Any = None
    with (
        _service() as client,
        Progress(console=errors, transient=True) as progress,
        client.stream(
            "POST",
            f"/v1/policies/{version}/simulate",
            json=body,
            headers={"Accept": NDJSON},
            timeout=None,
        ) as answer,
    ):
        if not answer.is_success:
            answer.read()
            raise _refused(answer.json())
        task = progress.add_task("simulating", total=100)
        for line in answer.iter_lines():
            told = msgspec.json.decode(line)
            if "done_percent" in told:
                progress.update(task, completed=told["done_percent"])
    if told is None or "figures" not in told:
        raise _refused(told or {"title": "The service ended.", "detail": "Simulate again."})
    return told


def _refused(problem: Any) -> click.ClickException:
    lines = [f"{problem['title']}: {problem['detail']}"]
    lines += [f"  {fault.get('pointer')}: {fault['detail']}" for fault in problem.get("errors", ())]
    return click.ClickException("\n".join(lines))


def _tell(told: Any, as_json: bool) -> None:
    """How the policy stands now, and what it changes."""
    if as_json:
        click.echo(msgspec.json.encode(told))
        return
    state = told["state"].replace("_", " ")
    click.echo(f"{state}: version {told['version']}, digest {told['digest'][:12]}…")
    for one in told["differences"]:
        click.echo(f"  {one['where']}: {one['how']}")


def _tell_figures(version: str, told: Any) -> None:
    figures = told["figures"]
    table = Table(title=f"{figures['orders']} orders, {figures['signals']} signals")
    for column in ("", told["against"], version):
        table.add_column(column, justify="right" if column else "left")
    rows = [("cases", figures["cases"]), ("  that the other opens not", figures["only"])]
    rows += [(f"  kind {name}", pair) for name, pair in figures["kinds"].items()]
    rows += [(f"  in {name}", pair) for name, pair in figures["queues"].items()]
    rows += [(f"  {name}", pair) for name, pair in figures["severities"].items()]
    rows += [
        ("  that resolve themselves", figures["cleared"]),
        ("  breached", figures["breached"]),
        ("orders that pass intake", figures["passed"]),
    ]
    for name, pair in rows:
        table.add_row(name, str(pair["active"]), str(pair["proposed"]))
    Console().print(table)
    if told["money"] is not None:
        _tell_money(told["money"], told["against"], version)
    for one in figures["moved"]:
        click.echo(f"{one['cases']} cases go to {one['to_queue']} and not to {one['from_queue']}")


def _tell_money(money: Any, against: str, version: str) -> None:
    table = Table(title=f"{money['proposals']} adjustments proposed")
    for column in ("", against, version):
        table.add_column(column, justify="right" if column else "left")
    for name, pair in (
        ("amounts", money["concerned"]),
        ("approved by policy", money["by_policy"]),
        ("  amounts", money["given_by_policy"]),
        ("approvals asked of people", money["approvals"]),
        ("could not be proposed", money["impossible"]),
    ):
        table.add_row(name, str(pair["active"]), str(pair["proposed"]))
    Console().print(table)
    click.echo(f"{money['fewer']} would need fewer people to approve them, {money['more']} more")
