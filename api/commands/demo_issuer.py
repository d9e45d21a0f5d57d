"""casetrail demo-issuer token | rotate"""

from __future__ import annotations

import click
import httpx2
import msgspec

from api.commands.demo import Running, note_in
from api.routes.demo_issuer import PATH
from infrastructure.identity import issuer
from infrastructure.settings import Settings


@click.group(name="demo-issuer")
def demo_issuer() -> None:
    """The issuer of access tokens that a demonstration has of its own."""


@demo_issuer.command()
@click.argument("subject")
@click.option("--actor", help="Who acts for them, such as `copilot`, ana's agent.")
@click.pass_obj
def token(settings: Settings, subject: str, actor: str | None) -> None:
    """An access token of the demonstration that runs, for one of its people."""
    try:
        running = msgspec.json.decode(note_in(settings.home).read_bytes(), type=Running)
    except OSError:
        raise click.ClickException("No demonstration runs: casetrail demo.") from None
    asked = {
        "grant_type": "client_credentials",
        "client_id": issuer.CLIENT,
        "client_secret": issuer.client_secret(settings.home),
        "subject": subject,
        **({"actor": actor} if actor else {}),
    }
    try:
        answer = httpx2.post(f"{running.url}{PATH}/token", data=asked, timeout=10)
    except httpx2.HTTPError as error:
        raise click.ClickException(f"The demonstration does not answer: {error}") from None
    if answer.status_code != 200:
        raise click.ClickException(f"{subject}: {answer.text}")
    click.echo(answer.json()["access_token"])


@demo_issuer.command()
@click.pass_obj
def rotate(settings: Settings) -> None:
    """Sign with a new key from now on; what the last one has signed stays good until it expires."""
    if not issuer.file_in(settings.home).exists():
        raise click.ClickException("There is no key to rotate yet: casetrail demo.")
    click.echo(f"The key {issuer.rotate(settings.home)} signs from now on.")
