"""casetrail policy propose | simulate | approve | …, over the API.

Each act on a policy is a person's: it needs the person's token. The operator beside the database has none.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.progress import Progress

from api import terminal
from api.commands.api_client import API_HELP, api_client, problem_error, require_success
from api.commands.options import AS_JSON, FILE, REASON, TimeParameter
from api.commands.output import print_table
from infrastructure.policies.files import load_policy

NDJSON = "application/x-ndjson"
VERSION = click.argument("policy", metavar="VERSION")
NOTE = click.option("--note", default="", help="A note for the record [none].")


@click.command(epilog=API_HELP)
@FILE
@click.option("--why", required=True, help="What the policy changes, and why.")
@click.option("--revises", metavar="VERSION", help="The proposal that this one replaces [none].")
@AS_JSON
def propose(file: Path, why: str, revises: str | None, as_json: bool) -> None:
    """Propose a document as the next policy."""
    body = {"document": _load_document(file), "why": why, "revises": revises}
    _print_policy(_call_api("", body), as_json)


@click.command(epilog=API_HELP)
@VERSION
@click.option("--since", type=TimeParameter(), help="Start of the period [30 days ago].")
@click.option("--until", type=TimeParameter(), help="End of the period [now].")
@AS_JSON
def simulate(policy: str, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Replay recorded signals under this policy and compare with the active one."""
    result = _call_simulation(policy, {"since": since, "until": until})
    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        _print_figures(policy, result)


@click.command(epilog=API_HELP)
@FILE
@REASON
@click.option(
    "--hours",
    type=click.FloatRange(0, 72, min_open=True),
    help="Hours until it expires, at most 72 [24].",
)
@AS_JSON
def emergency(file: Path, reason: str, hours: float | None, as_json: bool) -> None:
    """Activate a document at once; it expires unless another person ratifies it.

    It may only make a kind's automation stricter, add to automation_pauses_when, and change routes, priorities, backlogs and calendars. All else takes two people: use `policy propose`.
    """
    until = datetime.now(UTC) + timedelta(hours=hours) if hours else None
    body = {"document": _load_document(file), "reason": reason, "expires_at": until}
    _print_policy(_call_api("/emergency", body), as_json)


def _act(name: str, text: str, *options: Any) -> click.Command:
    """A command that posts its options as `POST /v1/policies/VERSION/NAME`."""

    def run(policy: str, as_json: bool, **body: object) -> None:
        _print_policy(_call_api(f"/{policy}/{name}", body), as_json)

    for option in (AS_JSON, *reversed(options), VERSION):
        run = option(run)
    return click.command(name, help=text, epilog=API_HELP)(run)


API_COMMANDS: tuple[click.Command, ...] = (
    propose,
    simulate,
    _act(
        "approve",
        "Approve a policy that another person proposed.",
        NOTE,
        click.option(
            "--base", metavar="DIGEST", help="The digest of the policy that you compared it with."
        ),
    ),
    _act("reject", "Reject a policy that is not active yet.", REASON),
    _act("withdraw", "Withdraw your own policy that is not active yet.", REASON),
    _act(
        "activate",
        "Activate an approved and simulated policy, now or at a time.",
        click.option(
            "--from", "effective_from", type=TimeParameter(), help="When it becomes active [now]."
        ),
        NOTE,
    ),
    _act(
        "rollback",
        "Activate an earlier policy again, as a new version, if it differs only in what an emergency may change.",
        REASON,
        click.option(
            "--name", "version", metavar="VERSION", help="Name of the new version [VERSION-r1]."
        ),
    ),
    emergency,
    _act("ratify", "Ratify an emergency policy of another person.", NOTE),
)


def _load_document(file: Path) -> Any:
    return msgspec.to_builtins(load_policy(file).document, str_keys=True)


def _encode(body: Mapping[str, object]) -> bytes:
    """JSON without the options that were left out."""
    return msgspec.json.encode({name: value for name, value in body.items() if value is not None})


def _call_api(path: str, body: Mapping[str, object]) -> Any:
    headers = {"Content-Type": "application/json"}
    with api_client() as client:
        url = f"/v1/policies{path}"
        return require_success(client.post(url, content=_encode(body), headers=headers))


def _call_simulation(version: str, body: Mapping[str, object]) -> Any:
    """The result; its progress is shown on standard error."""
    last: Any = None
    with (
        api_client() as client,
        Progress(console=terminal.console(stderr=True), transient=True) as progress,
        client.stream(
            "POST",
            f"/v1/policies/{version}/simulate",
            content=_encode(body),
            headers={"Accept": NDJSON, "Content-Type": "application/json"},
            timeout=None,
        ) as response,
    ):
        if not response.is_success:
            response.read()
            require_success(response)
        task = progress.add_task("simulating", total=100)
        for line in response.iter_lines():
            last = msgspec.json.decode(line)
            if "done_percent" in last:
                progress.update(task, completed=last["done_percent"])
    if last is None or "figures" not in last:
        ended = {"title": "The service ended before the result", "detail": "simulate again."}
        raise problem_error(last or ended)
    return last


def _print_policy(policy: Any, as_json: bool) -> None:
    """The policy's state, and how it differs from the active one."""
    if as_json:
        click.echo(msgspec.json.encode(policy))
        return
    state = policy["state"].replace("_", " ")
    click.echo(f"{state}: version {policy['version']}, digest {policy['digest'][:12]}…")
    for one in policy["differences"]:
        click.echo(f"  {one['where']}: {one['how']}")


def _print_figures(version: str, result: Any) -> None:
    figures, against = result["figures"], result["against"]
    rows = [("cases", figures["cases"]), ("  opened by this one alone", figures["only"])]
    rows += [(f"  kind {name}", pair) for name, pair in figures["kinds"].items()]
    rows += [(f"  in {name}", pair) for name, pair in figures["queues"].items()]
    rows += [(f"  {name}", pair) for name, pair in figures["severities"].items()]
    rows += [
        ("  that resolve themselves", figures["cleared"]),
        ("  breached", figures["breached"]),
        ("orders that pass intake", figures["passed"]),
    ]
    _print_pairs(
        f"{figures['orders']} orders, {figures['signals']} signals", against, version, rows
    )
    if (money := result["money"]) is not None:
        rows = [
            ("amounts", money["concerned"]),
            ("approved by policy", money["by_policy"]),
            ("  amounts", money["given_by_policy"]),
            ("approvals by people", money["approvals"]),
            ("could not be proposed", money["impossible"]),
        ]
        _print_pairs(f"{money['proposals']} adjustments proposed", against, version, rows)
        click.echo(f"{money['fewer']} would need fewer approvers, {money['more']} more")
    for one in figures["moved"]:
        click.echo(f"{one['cases']} cases go to {one['to_queue']} instead of {one['from_queue']}")


def _print_pairs(title: str, against: str, version: str, rows: list[tuple[str, Any]]) -> None:
    table = ((name, pair["active"], pair["proposed"]) for name, pair in rows)
    print_table(("", against, version), table, title=title)
