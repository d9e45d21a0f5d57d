"""casetrail people grants | confirm | reject-grant | withdraw-grant.

A confirmation is the act of a second person, so it goes through the API with that person's token.
"""

from typing import Any

import click
import msgspec

from api.commands.api_client import API_HELP, api_client, require_success
from api.commands.current_reports import desks_with_current_reports
from api.commands.options import AS_JSON, REASON
from api.commands.output import print_table
from api.routes.people import ReviewLine, review_lines
from domain.person import GrantStatus
from infrastructure.settings import Settings

COLUMNS = (
    "person",
    "grant",
    "role",
    "where",
    "given",
    "by",
    "why",
    "until",
    "status",
    "confirmed by",
)


@click.command(epilog="Example: casetrail people grants --status proposed")
@click.option(
    "--status",
    type=click.Choice([str(status) for status in GrantStatus]),
    help="Only these: `proposed` wait for a second person [all].",
)
@AS_JSON
@click.pass_obj
def grants(settings: Settings, status: str | None, as_json: bool) -> None:
    """List grants by status, with who gave and who confirmed them."""
    with desks_with_current_reports(settings) as desks:
        lines = review_lines(desks.people.everybody(), desks.clock())
    print_grants([line for line in lines if status in (None, line.grant.status)], as_json)


def print_grants(lines: list[ReviewLine], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(lines))
        return
    rows = []
    for line in lines:
        one = line.grant
        where = [*one.queues, *one.regions, *([str(one.case)] if one.case else [])]
        end = one.revoked_at or one.until
        rows.append(
            (
                line.person,
                one.grant,
                one.role,
                ", ".join(where) or "everywhere",
                f"{one.granted_at:%Y-%m-%d %H:%M}",
                one.granted_by,
                one.reason,
                f"{end:%Y-%m-%d %H:%M}" if end else "",
                one.status,
                one.confirmed_by,
            )
        )
    print_table(COLUMNS, rows)


def _act(command: str, name: str, text: str, *options: Any) -> click.Command:
    """A command that posts its options as `POST /v1/people/PERSON/grants/GRANT/NAME`."""

    def run(person: str, grant: str, as_json: bool, **body: object) -> None:
        with api_client() as client:
            path = f"/v1/people/{person}/grants/{grant}/{name}"
            done = require_success(client.post(path, json=body) if body else client.post(path))
        if as_json:
            click.echo(msgspec.json.encode(done))
            return
        (one,) = (one for one in done["grants"] if one["grant"] == grant)
        click.echo(f"grant {grant} of {person} ({one['role']}) is {one['status']}")

    arguments = (click.argument("grant"), click.argument("person", metavar="NAME"))
    for option in (AS_JSON, *options, *arguments):
        run = option(run)
    return click.command(command, help=text, epilog=API_HELP)(run)


GRANT_COMMANDS: tuple[click.Command, ...] = (
    grants,
    _act("confirm", "confirm", "Confirm a grant that another person gave to a third."),
    _act("reject-grant", "reject", "Reject a proposed grant.", REASON),
    _act("withdraw-grant", "withdraw", "Withdraw a grant that you proposed.", REASON),
)
