"""casetrail people reviews | open-review | decide-review | complete-review.

A review is done by people, so all but the list go through the API with a person's token.
"""

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from api.commands.api_client import API_HELP, api_client, require_success
from api.commands.options import AS_JSON, REASON
from api.commands.output import print_table
from api.composition import migrated_desks
from api.routes.access_reviews import AccessReviewList, access_review_list, access_review_view
from application.audit.access_review_control import describe_overdue
from domain.access_reviews import KeepOrRevoke
from infrastructure.settings import Settings

REVIEW = click.argument("review")
COLUMNS = ("review", "opened", "by", "owner", "due", "grants", "left", "completed")
LEFT_COLUMNS = ("person", "grant", "role", "given by", "decision", "still to be decided")


@click.command(epilog="Example: casetrail people reviews r1")
@click.argument("review", required=False)
@AS_JSON
@click.pass_obj
def reviews(settings: Settings, review: str | None, as_json: bool) -> None:
    """List access reviews and what is overdue, or the grants of one with what is left."""
    with migrated_desks(settings) as desks:
        desks.ensure_policy()
        if review is None:
            listed = access_review_list(desks)
            click.echo(msgspec.json.encode(listed)) if as_json else _print_list(listed)
            return
        one = access_review_view(desks.access_reviews.review(review))
    if as_json:
        click.echo(msgspec.json.encode(one))
        return
    rows = [
        (
            item.grant.person,
            item.grant.grant,
            item.grant.role,
            ", ".join(item.grant.given_by) or "operator",
            f"{item.decision.verdict} by {item.decision.by}" if item.decision else "",
            item.left_for,
        )
        for item in one.items
    ]
    print_table(LEFT_COLUMNS, rows)


def _print_list(listed: AccessReviewList) -> None:
    rules = listed.schedule
    if rules is None:
        click.echo("policy sets no schedule for access reviews")
    else:
        click.echo(
            f"every {rules.every.days} days by {rules.owner}, each within {rules.due_within.days} days"
        )
    for late in listed.overdue:
        if late.until is None:
            click.echo(f"OVERDUE since {late.since:%Y-%m-%d %H:%M}: {describe_overdue(late)}")
    rows = [
        (
            one.review,
            f"{one.opened_at:%Y-%m-%d %H:%M}",
            one.opened_by,
            one.owner,
            f"{one.due_at:%Y-%m-%d %H:%M}" if one.due_at else "",
            one.grants,
            one.left,
            f"{one.completed_at:%Y-%m-%d %H:%M}" if one.completed_at else "",
        )
        for one in listed.items
    ]
    print_table(COLUMNS, rows)


@click.command(name="open-review", epilog=API_HELP)
@AS_JSON
def open_review(as_json: bool) -> None:
    """Open an access review of all grants that are active now."""
    _post("", None, as_json)


@click.command(name="decide-review", epilog=API_HELP)
@REVIEW
@click.option("--keep", multiple=True, metavar="NAME/GRANT", help="Repeatable.")
@click.option("--revoke", multiple=True, metavar="NAME/GRANT", help="Repeatable.")
@REASON
@AS_JSON
def decide_review(
    review: str, keep: Sequence[str], revoke: Sequence[str], reason: str, as_json: bool
) -> None:
    """Keep or revoke grants of other people, such as ana/g1: all of them, or none."""
    wanted = {KeepOrRevoke.KEEP: keep, KeepOrRevoke.REVOKE: revoke}
    decisions = [
        {**_grant(words), "verdict": verdict, "reason": reason}
        for verdict, grants in wanted.items()
        for words in grants
    ]
    if not decisions:
        raise click.UsageError("name a grant with --keep or --revoke, such as --keep ana/g1")
    _post(f"/{review}/decide", {"decisions": decisions}, as_json)


def _grant(words: str) -> dict[str, str]:
    person, slash, grant = words.partition("/")
    if not slash:
        raise click.UsageError(f"{words} is not a person and a grant, such as ana/g1")
    return {"person": person, "grant": grant}


@click.command(name="complete-review", epilog=API_HELP)
@REVIEW
@AS_JSON
def complete_review(review: str, as_json: bool) -> None:
    """Complete an access review when each grant is decided."""
    _post(f"/{review}/complete", None, as_json)


def _post(path: str, body: Any, as_json: bool) -> None:
    with api_client() as client:
        path = f"/v1/access-reviews{path}"
        done = require_success(client.post(path, json=body) if body else client.post(path))
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    state = "is completed" if done["completed_at"] else f"has {done['left']} still to be decided"
    click.echo(
        f"access review {done['review']} of {done['grants']} grants {state} "
        f"({done['kept']} kept, {done['revoked']} revoked)"
    )


REVIEW_COMMANDS: tuple[click.Command, ...] = (reviews, open_review, decide_review, complete_review)
