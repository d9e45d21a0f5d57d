"""casetrail audit refusals"""

import click
import msgspec

from api.commands.options import AS_JSON
from api.commands.output import print_table
from api.composition import migrated_desks
from application.audit.refused_requests import list_refusals
from infrastructure.settings import Settings

PAGE = 1_000


@click.command()
@click.option("--person", help="Only those of this person, under all names.")
@AS_JSON
@click.pass_obj
def refusals(settings: Settings, person: str | None, as_json: bool) -> None:
    """List requests that were refused because of permissions or scope, by principal and day in UTC; oldest first.

    With --json, it prints one JSON document per principal and day.
    """
    rows: list[tuple[str, ...]] = []
    after = 0
    with migrated_desks(settings) as desks:
        names = None if person is None else desks.people.person(person).known_as
        while page := list_refusals(desks.log, after, PAGE, names):
            after = page[-1].position
            for day in page:
                if as_json:
                    click.echo(msgspec.json.encode(day))
                    continue
                who = ", ".join(day.persons) or day.principal
                rows += [
                    (str(day.day), who, str(one.count), one.method, one.route, one.permission)
                    for one in day.refused
                ]
                if day.others:
                    rows.append((str(day.day), who, str(day.others), "", "other requests", ""))
    if not as_json and rows:
        print_table(("day", "who", "times", "method", "route", "needs"), rows)
    elif not as_json:
        click.echo("No refused request is recorded.", err=True)
