"""casetrail demo-issuer token | rotate"""

import click
import httpx2
import msgspec

from api.commands.demo import AGENT, PEOPLE, RunningDemo, note_path
from api.routes.demo_issuer import PATH
from infrastructure.identity import local_issuer
from infrastructure.settings import Settings


@click.group(name="demo-issuer")
def demo_issuer() -> None:
    """Use the demonstration's own issuer of access tokens (OIDC)."""


@demo_issuer.command()
@click.argument("subject")
@click.option(
    "--actor",
    help="The agent or person that acts for SUBJECT, such as ana's agent `copilot` [none].",
)
@click.pass_obj
def token(settings: Settings, subject: str, actor: str | None) -> None:
    """Print an access token of the running demonstration for SUBJECT, one of its people."""
    try:
        running = msgspec.json.decode(note_path(settings.home).read_bytes(), type=RunningDemo)
    except OSError:
        raise click.ClickException(
            "No demonstration runs. Start one with `casetrail demo`."
        ) from None
    form = {
        "grant_type": "client_credentials",
        "client_id": local_issuer.CLIENT_ID,
        "client_secret": local_issuer.client_secret(settings.home),
        "subject": subject,
        **({"actor": actor} if actor else {}),
    }
    try:
        answer = httpx2.post(f"{running.url}{PATH}/token", data=form, timeout=10)
    except httpx2.HTTPError as error:
        raise click.ClickException(f"The demonstration does not answer: {error}") from None
    people = [AGENT, *(name for name, _ in PEOPLE)]
    for name in filter(None, (subject, actor)):
        if answer.status_code == 400 and name not in people:
            raise click.ClickException(
                f"No person or agent named {name} in the demonstration; these are: {', '.join(people)}."
            )
    if answer.status_code != 200:
        raise click.ClickException(f"{subject}: {answer.text}")
    click.echo(answer.json()["access_token"])


@demo_issuer.command()
@click.pass_obj
def rotate(settings: Settings) -> None:
    """Sign with a new key; tokens of the last key stay valid until they expire."""
    if not local_issuer.issuer_file(settings.home).exists():
        raise click.ClickException("There is no key to rotate yet. `casetrail demo` creates one.")
    click.echo(f"The key {local_issuer.rotate_signing_key(settings.home)} signs now.")
