"""casetrail serve"""

from __future__ import annotations

import logging
from pathlib import Path

import click

from api.composition import desks, make_ready
from api.serving import PortTaken, kept_alive, listen, serve_http
from infrastructure.databases import open_database
from infrastructure.policy_files import load_policy
from infrastructure.settings import Settings

DEFAULT_PORT = 8321

HOST = click.option("--host", default="127.0.0.1", show_default=True)
PORT = click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535)
)


@click.command()
@HOST
@PORT
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Decide by this document from now on [the active one, else the one that ships].",
)
@click.option("--worker/--no-worker", "with_worker", default=True, help="Run a worker beside it.")
@click.option("--demo", "as_demo", is_flag=True, help="As `casetrail demo`.")
@click.pass_context
def serve(
    context: click.Context,
    host: str,
    port: int,
    policy_file: Path | None,
    with_worker: bool,
    as_demo: bool,
) -> None:
    """Serve the API; reports and time are kept by a worker beside it."""
    if as_demo:
        from api.commands.demo import demo

        context.invoke(demo, host=host, port=port)
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    settings: Settings = context.obj
    try:
        listener = listen(host, port)
    except PortTaken as error:
        raise click.ClickException(f"{error.__doc__} {error}") from None
    rulebook = load_policy(policy_file) if policy_file else None
    with listener, open_database(settings) as dsn:
        make_ready(dsn)
        with desks(dsn) as working:
            working.decide_by(rulebook)
        host, port = listener.getsockname()[:2]
        click.echo(f"http://{host}:{port}/docs")
        if with_worker:
            with kept_alive(["worker", "--until-eof"], dsn):
                serve_http(dsn, settings.evidence_place, listener)
        else:
            serve_http(dsn, settings.evidence_place, listener)
