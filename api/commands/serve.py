"""casetrail serve"""

import logging
import socket
from contextlib import ExitStack
from pathlib import Path

import click

from api import serving
from api.commands.addresses import API_PORT, HOST, port_option
from api.commands.options import EXISTING_FILE
from api.composition import configured_desks, prepare_database, verified_checkpoints
from infrastructure.doctor import require_safe
from infrastructure.policies.files import load_policy
from infrastructure.postgres.databases import open_database
from infrastructure.settings import Settings


@click.command()
@HOST
@port_option(API_PORT)
@click.option(
    "--policy",
    "policy_file",
    type=EXISTING_FILE,
    help="Policy to activate if none is active yet [the one that ships with casetrail].",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Number of processes that answer requests [one per core, at most 4].",
)
@click.option("--beside", "descriptor", type=int, hidden=True, help="Serve this inherited socket.")
@click.option("--signals-to", hidden=True, help="URL of the process that stores signals.")
@click.option(
    "--worker/--no-worker",
    "with_worker",
    default=True,
    show_default=True,
    help="Start a worker, which keeps reports and due times.",
)
@click.option("--demo", "as_demo", is_flag=True, help="Run `casetrail demo` instead.")
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
    """Serve the API and the console, and run a worker.

    It prints the address of the API reference and runs until Ctrl-C or SIGTERM.
    """
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
        listeners = serving.listen_several(host, port, processes or serving.default_process_count())
    except serving.AddressUnusable as error:
        raise click.ClickException(str(error)) from None
    rulebook = load_policy(policy_file) if policy_file else None
    with ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)
        dsn = stack.enter_context(open_database(settings))
        prepare_database(dsn)
        require_safe(dsn)
        verified_checkpoints(settings, dsn)
        with configured_desks(settings, dsn) as working:
            working.record_build()
            working.ensure_policy(rulebook)
        host, port = listeners[0].getsockname()[:2]
        click.echo(f"http://{host}:{port}/docs")
        if with_worker:
            stack.enter_context(
                serving.keep_process_alive(
                    ["worker", "--until-eof"], dsn, (), **settings.child_environment
                )
            )
        ours = [listeners[0]]
        if len(listeners) > 1:
            # The other processes forward their signals to this socket.
            ours.append(stack.enter_context(serving.listen("127.0.0.1", 0)))
        for listener in listeners[1:]:
            words = ["serve", "--beside", str(listener.fileno())]
            words += ["--signals-to", f"http://127.0.0.1:{ours[1].getsockname()[1]}"]
            stack.enter_context(
                serving.keep_process_alive(words, dsn, [listener], **settings.child_environment)
            )
        serving.serve_http(dsn, settings, ours)


def serve_beside(descriptor: int, signals_to: str | None, settings: Settings) -> None:
    """Serve an inherited socket until the parent process ends."""
    serving.die_with_parent()
    with socket.socket(fileno=descriptor) as listener, open_database(settings) as dsn:
        serving.serve_http(dsn, settings, [listener], signals_to)
