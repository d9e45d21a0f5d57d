"""casetrail serve"""

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from api import serving
from api.commands.addresses import API_PORT, HOST, port_option
from api.commands.options import EXISTING_FILE
from api.composition import configured_desks, prepare_database
from api.configured_checkpoints import verified_checkpoints
from api.http.request_ids import log_with_request_ids
from api.http.signal_partitions import Partitions
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
@click.option("--beside", "number", type=int, hidden=True, help="Be this one of several processes.")
@click.option("--socket", "descriptors", type=int, multiple=True, hidden=True, help="Inherited.")
@click.option("--process", "addresses", multiple=True, hidden=True, help="URL of each process.")
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
    number: int | None,
    descriptors: Sequence[int],
    addresses: Sequence[str],
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
    log_with_request_ids()
    settings: Settings = context.obj
    if number is not None:
        serve_beside(descriptors, Partitions(addresses, number), settings)
        return
    try:
        listeners = serving.listen_several(host, port, processes or serving.default_process_count())
    except serving.AddressUnusable as error:
        raise click.ClickException(str(error)) from None
    rulebook = load_policy(policy_file) if policy_file else None
    with ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)
        dsn = stack.enter_context(open_database(settings, supervise=True))
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
        partitions = None
        ours = [listeners[0]]
        if len(listeners) > 1:
            # Each process also listens to the others, for the signals of its orders.
            among = [stack.enter_context(serving.listen("127.0.0.1", 0)) for _ in listeners]
            addresses = [f"http://127.0.0.1:{own.getsockname()[1]}" for own in among]
            partitions = Partitions(addresses, 0)
            ours.append(among[0])
            for n in range(1, len(listeners)):
                own = [listeners[n], among[n]]
                words = ["serve", "--beside", str(n)]
                words += [word for one in own for word in ("--socket", str(one.fileno()))]
                words += [word for url in addresses for word in ("--process", url)]
                stack.enter_context(
                    serving.keep_process_alive(
                        words, dsn, own, addresses[n], **settings.child_environment
                    )
                )
        serving.serve_http(dsn, settings, ours, partitions)


def serve_beside(descriptors: Sequence[int], partitions: Partitions, settings: Settings) -> None:
    """Serve inherited sockets until the parent process ends."""
    serving.die_with_parent()
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket(fileno=one)) for one in descriptors]
        serving.serve_http(
            stack.enter_context(open_database(settings)), settings, listeners, partitions
        )
