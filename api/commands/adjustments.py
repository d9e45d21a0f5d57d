"""casetrail adjustments list | reconcile, over the API"""

from __future__ import annotations

import os
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
from rich.console import Console
from rich.progress import track
from rich.table import Table

from api.commands.options import AS_JSON, Moment
from api.http.query import MOST_ROWS
from domain.adjustments.adjustment import AdjustmentState

PATIENCE_SECONDS = 120.0
ATTEMPTS = 5
AT_ONCE = timedelta(days=1)
"""A long period is asked for in parts."""


@click.group()
def adjustments() -> None:
    """What is given to customers. CASETRAIL_URL and CASETRAIL_TOKEN say where, and who asks."""


@adjustments.command(name="list")
@click.option(
    "--state", type=click.Choice([one.value for one in AdjustmentState]), help="Only these."
)
@AS_JSON
def list_them(state: str | None, as_json: bool) -> None:
    """Every adjustment, the first proposed first."""
    query = {"limit": str(MOST_ROWS)} | ({"state": state} if state else {})
    found: list[dict[str, Any]] = []
    with _connected() as http:
        while True:
            page = _good(http.get("/v1/adjustments", params=query)).json()
            found += page["items"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    table = Table("adjustment", "case", "order", "kind", "amount", "state", "approved", "executed")
    for one in found:
        amount = f"{one['amount']['amount']} {one['amount']['currency']}"
        told = f"{one['state']}{' (in doubt)' if one['in_doubt'] else ''}"
        approved = ", ".join(one["approved_by"])
        named = (one["id"], one["case"], one["order"], one["kind"], amount, told)
        table.add_row(*named, approved, one["executed_by"] or "")
    Console(soft_wrap=True).print(table)


@adjustments.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--since", type=Moment(), help="A time [a day ago].")
@click.option("--until", type=Moment(), help="A time [now].")
@AS_JSON
def reconcile(
    file: Path | None, since: datetime | None, until: datetime | None, as_json: bool
) -> None:
    """Hold the provider's list against the log: its own, or a FILE of it. Ends with 1 if something does
    not agree."""
    if file is not None and (since or until):
        raise click.UsageError("a FILE has its own period")
    with _connected() as http:
        if file is not None:
            done = [_post(http, file.read_bytes(), "text/csv")]
        else:
            end = until or datetime.now(UTC)
            begin = since or end - AT_ONCE
            periods = [*_periods(begin, end)]
            if not periods:
                raise click.UsageError("--since is later than --until")
            told = (msgspec.json.encode({"since": a, "until": b}) for a, b in periods)
            parts = track(
                told, "Reconciling …", total=len(periods), transient=True, disable=as_json
            )
            done = [_post(http, body, "application/json") for body in parts]
    if as_json:
        click.echo(msgspec.json.encode(done))
    else:
        _tell(done)
    if any(one["counts"] for one in done):
        raise SystemExit(1)


def _periods(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """They do not overlap: both ends of a period belong to it."""
    while since <= until:
        end = min(since + AT_ONCE, until)
        yield since, end
        since = end + timedelta(microseconds=1)


def _post(http: httpx2.Client, body: bytes, kind: str) -> dict[str, Any]:
    """Under one key until it is answered: it is recorded once."""
    headers = {"Content-Type": kind, "Idempotency-Key": str(uuid4())}
    for attempt in range(ATTEMPTS):
        try:
            answer = http.post("/v1/reconciliations", content=body, headers=headers)
            if answer.status_code < 500:
                break
        except httpx2.HTTPError as error:
            if attempt == ATTEMPTS - 1:
                raise click.ClickException(f"{http.base_url} did not answer: {error}") from None
        time.sleep(2**attempt)
    told: dict[str, Any] = _good(answer).json()
    return told


def _tell(done: list[dict[str, Any]]) -> None:
    matched, new = (sum(one[name] for one in done) for name in ("matched", "reconciled"))
    click.echo(f"{matched} agree, {new} of them reconciled just now")
    for one in done:
        for found in one["discrepancies"]:
            about = found.get("key") or ", ".join(found.get("references", ()))
            click.echo(f"{found['kind']}: {about}: {found['detail']}")
    counts = sum((Counter(one["counts"]) for one in done), Counter[str]())
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    click.echo(told or "nothing differs")


def _connected() -> httpx2.Client:
    names = ("CASETRAIL_URL", "CASETRAIL_TOKEN")
    url, token = (os.environ.get(name, "") for name in names)
    if not url or not token:
        raise click.ClickException(
            f"set {names[0]} to the address of the service (http://127.0.0.1:8321 of `casetrail serve`), and "
            f"{names[1]} to a token of yours (`casetrail people token NAME`)"
        )
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS)


def _good(answer: httpx2.Response) -> httpx2.Response:
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
        said = f"{problem['title']} {problem['detail']}"
    except (ValueError, KeyError):
        said = f"{answer.status_code} {answer.text[:200]}"
    raise click.ClickException(said)
