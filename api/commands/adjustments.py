"""casetrail adjustments list | reconcile, over the API"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import httpx2
import msgspec
from rich.progress import track

from api.commands.api_client import API_HELP, api_client, require_success
from api.commands.options import AS_JSON, EXISTING_FILE, TimeParameter
from api.commands.output import print_table
from api.http.query import MOST_ROWS
from domain.adjustments.adjustment import AdjustmentState

ATTEMPTS = 5
PERIOD_LENGTH = timedelta(days=1)
"""A longer period is reconciled in parts of this length."""


@click.group(epilog=API_HELP)
def adjustments() -> None:
    """List refunds and other adjustments, or reconcile them with the payment provider."""


@adjustments.command(name="list")
@click.option(
    "--state",
    type=click.Choice([state.value for state in AdjustmentState]),
    help="Only adjustments in this state [all].",
)
@AS_JSON
def list_them(state: str | None, as_json: bool) -> None:
    """List adjustments, oldest proposal first."""
    query = {"limit": str(MOST_ROWS)} | ({"state": state} if state else {})
    found: list[dict[str, Any]] = []
    with api_client() as http:
        while True:
            page = require_success(http.get("/v1/adjustments", params=query))
            found += page["items"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    columns = (
        "adjustment",
        "case",
        "order",
        "shop",
        "kind",
        "amount",
        "state",
        "approved",
        "executed",
    )
    print_table(columns, map(_table_row, found))


def _table_row(one: dict[str, Any]) -> tuple[str | None, ...]:
    amount = f"{one['amount']['amount']} {one['amount']['currency']}"
    state = f"{one['state']}{' (in doubt)' if one['in_doubt'] else ''}"
    approved = ", ".join(one["approved_by"])
    about = (one["id"], one["case"], one["order"], one["shop"], one["kind"])
    return *about, amount, state, approved, one["executed_by"]


@adjustments.command()
@click.argument("file", required=False, type=EXISTING_FILE)
@click.option("--since", type=TimeParameter(), help="Start of the period [one day before the end].")
@click.option("--until", type=TimeParameter(), help="End of the period [now].")
@AS_JSON
def reconcile(
    file: Path | None, since: datetime | None, until: datetime | None, as_json: bool
) -> None:
    """Compare the provider's statement with the log and record what agrees.

    Without FILE (a CSV statement), the service asks the provider. The exit status is 1 if something
    differs.
    """
    if file is not None and (since or until):
        raise click.UsageError("FILE has its own period: leave out --since and --until.")
    with api_client() as http:
        if file is not None:
            done = [_post(http, file.read_bytes(), "text/csv")]
        else:
            end = until or datetime.now(UTC)
            periods = [*_split_period(since or end - PERIOD_LENGTH, end)]
            if not periods:
                raise click.UsageError(f"--since {since} is later than --until {end}.")
            bodies = (msgspec.json.encode({"since": a, "until": b}) for a, b in periods)
            parts = track(
                bodies, "Reconciling …", total=len(periods), transient=True, disable=as_json
            )
            done = [_post(http, body, "application/json") for body in parts]
    if as_json:
        click.echo(msgspec.json.encode(done))
    else:
        _print_reconciliations(done)
    if any(one["counts"] for one in done):
        raise SystemExit(1)


def _split_period(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Periods that do not overlap; both ends belong to each."""
    while since <= until:
        end = min(since + PERIOD_LENGTH, until)
        yield since, end
        since = end + timedelta(microseconds=1)


def _post(http: httpx2.Client, body: bytes, kind: str) -> Any:
    """Send one reconciliation until it is answered. One key, so that it is recorded once."""
    headers = {"Content-Type": kind, "Idempotency-Key": str(uuid4())}
    for attempt in range(ATTEMPTS):
        try:
            response = http.post("/v1/reconciliations", content=body, headers=headers)
            if response.status_code < 500:
                break
        except httpx2.HTTPError:
            if attempt == ATTEMPTS - 1:
                raise
        time.sleep(2**attempt)
    return require_success(response)


def _print_reconciliations(done: list[dict[str, Any]]) -> None:
    matched, new = (sum(one[name] for one in done) for name in ("matched", "reconciled"))
    click.echo(f"{matched} agree, {new} of them newly reconciled")
    for one in done:
        for found in one["discrepancies"]:
            about = found.get("key") or ", ".join(found.get("references", ()))
            click.echo(": ".join(filter(None, (found["kind"], about, found["detail"]))))
    counts = sum((Counter(one["counts"]) for one in done), Counter[str]())
    text = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    click.echo(text or "nothing differs")
