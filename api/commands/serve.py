"""casetrail serve"""

from __future__ import annotations

import logging
import socket
from contextlib import ExitStack
from pathlib import Path

import click

from api.commands.addresses import HOST, PORT
from api.composition import make_ready, settled_desks, witnessed
from api.serving import (
    AddressUnusable,
    die_with_parent,
    kept_alive,
    listen,
    listen_several,
    most_processes,
    serve_http,
)
from infrastructure.doctor import must_be_safe
from infrastructure.policies.files import load_policy
from infrastructure.postgres.databases import open_database
from infrastructure.settings import Settings


@click.command()
@HOST
@PORT
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Decide by this document, if none has decided yet [the one that ships].",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="How many processes answer requests [one for each core, at most 4].",
)
@click.option("--beside", "descriptor", type=int, hidden=True, help="Serve this socket too.")
@click.option("--signals-to", hidden=True, help="Who takes the signals that come there.")
@click.option("--worker/--no-worker", "with_worker", default=True, help="Run a worker beside it.")
@click.option("--demo", "as_demo", is_flag=True, help="As `casetrail demo`.")
@click.pass_context
def serve(
    context: click.Context,
    host: str,
    port: int,
    policy_file: Path | None,
    processes: int | None,
    descriptor: int | None,
    signals_to: str | None,
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
    if descriptor is not None:
        serve_beside(descriptor, signals_to, settings)
        return
    try:
        listeners = listen_several(host, port, processes or most_processes())
    except AddressUnusable as error:
        raise click.ClickException(f"{error.__doc__} {error}") from None
    rulebook = load_policy(policy_file) if policy_file else None
    with ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)
        dsn = stack.enter_context(open_database(settings))
        make_ready(dsn)
        must_be_safe(dsn)
        witnessed(settings, dsn)
        with settled_desks(settings, dsn) as working:
            working.tell_build()
            working.decide_by(rulebook)
        host, port = listeners[0].getsockname()[:2]
        click.echo(f"http://{host}:{port}/docs")
        if with_worker:
            stack.enter_context(kept_alive(["worker", "--until-eof"], dsn, (), **settings.beside))
        ours = [listeners[0]]
        if len(listeners) > 1:
            # Where the others bring the signals that they get.
            ours.append(stack.enter_context(listen("127.0.0.1", 0)))
        for listener in listeners[1:]:
            words = ["serve", "--beside", str(listener.fileno())]
            words += ["--signals-to", f"http://127.0.0.1:{ours[1].getsockname()[1]}"]
            stack.enter_context(kept_alive(words, dsn, [listener], **settings.beside))
        serve_http(dsn, settings, ours)


def serve_beside(descriptor: int, signals_to: str | None, settings: Settings) -> None:
    """Serve what the process that started this one listens to, for as long as that lives."""
    die_with_parent()
    with socket.socket(fileno=descriptor) as listener, open_database(settings) as dsn:
        serve_http(dsn, settings, [listener], signals_to)
