"""python3 run.py bench [NAME …] [--json] [--seconds N] [--olist DIR]"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import click
from rich.console import Console

from api.serving import tune_garbage_collection
from tests.benchmarks import (
    appending,
    authorizing,
    case_history,
    claiming,
    projection_catch_up,
    replaying,
    report_latency,
    signals_over_http,
    simulating,
    timekeeping,
    vacuuming,
    verifying,
    witnessing,
    working,
)
from tests.benchmarks.figures import Bench, Figure, as_json, as_table
from tests.benchmarks.servers import BaselineMissing, benchmark_server

BENCHMARKS: Mapping[str, ModuleType] = {
    "append": appending,
    "signals-http": signals_over_http,
    "projections": projection_catch_up,
    "visible": report_latency,
    "vacuum": vacuuming,
    "timekeeper": timekeeping,
    "claim-next": claiming,
    "work": working,
    "simulate": simulating,
    "replay": replaying,
    "authorize": authorizing,
    "looking-back": case_history,
    "verify": verifying,
    "witnessed": witnessing,
}
"""Each module has `run(bench)`, and says in its docstring what is measured against what."""
NARROWEST = 120
OLIST = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "olist"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[NAME …]")
@click.option("--json", "as_document", is_flag=True, help="A JSON list on standard output.")
@click.option(
    "--seconds",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.5, 60),
    help="How long each piece is measured in each round.",
)
@click.option(
    "--olist",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"A folder with Olist's tables [{OLIST}, if it is there].",
)
def bench(names: tuple[str, ...], as_document: bool, seconds: float, olist: Path | None) -> None:
    """How fast it is, each time held against something measured in the same run."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise click.UsageError(f"no {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tune_garbage_collection()  # as every process of the service does
    errors = Console(stderr=True, highlight=False, markup=False)
    figures: list[Figure] = []
    failed = False
    with benchmark_server(errors.print) as dsn:
        for name in names or BENCHMARKS:
            with errors.status(name) as status:
                setting = Bench(
                    dsn,
                    seconds,
                    olist or (OLIST if OLIST.is_dir() else None),
                    _saying(status, name),
                )
                try:
                    figures += BENCHMARKS[name].run(setting)
                except BaselineMissing as reason:
                    errors.print(f"{name}: not measured: {reason}")
                    failed = True
    if as_document:
        click.echo(json.dumps(as_json(figures)))
    else:
        Console(width=max(Console().width, NARROWEST)).print(as_table(figures))
    sys.exit(1 if failed else 0)


def _saying(status: object, name: str) -> Callable[[str], None]:
    return lambda what: status.update(f"{name}: {what}")


if __name__ == "__main__":
    bench(prog_name="run.py bench")
