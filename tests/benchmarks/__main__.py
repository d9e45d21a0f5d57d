"""python3 run.py bench [NAME …] [--list] [--json] [--seconds N] [--olist DIR]"""

from __future__ import annotations

import json
import signal
import sys
import traceback
from pathlib import Path

import click
from rich.console import Console

from infrastructure.garbage_collection import tune_garbage_collection
from tests.benchmarks import (
    append,
    authorize,
    case_history,
    catch_up,
    claim_next,
    execute,
    gated,
    map_orders,
    receipts,
    replay,
    signals_http,
    simulate,
    timekeeper,
    vacuum,
    verify,
    visible,
    webhook,
    witnessed,
    work,
)
from tests.benchmarks.figures import Bench
from tests.benchmarks.runner import Benchmark, run_benchmarks
from tests.benchmarks.servers import benchmark_server, own_home

BENCHMARKS: dict[str, Benchmark] = {
    "append": append,
    "signals-http": signals_http,
    "projections": catch_up,
    "visible": visible,
    "vacuum": vacuum,
    "timekeeper": timekeeper,
    "claim-next": claim_next,
    "work": work,
    "execute": execute,
    "mapping": map_orders,
    "webhook": webhook,
    "simulate": simulate,
    "replay": replay,
    "authorize": authorize,
    "looking-back": case_history,
    "verify": verify,
    "witnessed": witnessed,
    "receipts": receipts,
    "gated": gated,
}
NARROWEST = 120
OLIST = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "olist"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[NAME …]")
@click.option("--list", "as_list", is_flag=True, help="List the benchmarks; measure nothing.")
@click.option(
    "--json",
    "as_document",
    is_flag=True,
    help="Print a JSON list on standard output, and everything else on standard error.",
)
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
def bench(
    names: tuple[str, ...], as_list: bool, as_document: bool, seconds: float, olist: Path | None
) -> None:
    """Run the benchmarks with these names, or all of them.

    Each figure is compared with something that is measured in the same run. The exit code is 1 if a
    benchmark could not be measured. A missed target does not change it: other work on the machine may
    be the reason.
    """
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise click.UsageError(
            f"No benchmark named {', '.join(unknown)}. The benchmarks are: {', '.join(BENCHMARKS)}."
        )
    chosen = {name: BENCHMARKS[name] for name in names or BENCHMARKS}
    if as_list:
        for name, benchmark in chosen.items():
            click.echo(f"{name:<14}{_measures(benchmark)}")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tune_garbage_collection()  # as every process of the service does
    errors = Console(stderr=True, highlight=False, markup=False)
    folder = olist or (OLIST if OLIST.is_dir() else None)
    with own_home(), benchmark_server(errors.print) as dsn:
        with errors.status("") as status:

            def bench_of(name: str) -> Bench:
                return Bench(dsn, seconds, folder, lambda what: status.update(f"{name}: {what}"))

            def print_line(line: str) -> None:
                status.stop()  # while it is shown, it takes over standard output
                click.echo(line, err=as_document)
                status.start()

            def report_error(error: Exception) -> None:
                trace = "".join(traceback.format_exception(error))
                errors.print(trace, soft_wrap=True)

            results = run_benchmarks(chosen, bench_of, print_line, report_error)
        if as_document:
            click.echo(json.dumps(results.as_json()))
        out = errors if as_document else Console(highlight=False, markup=False)
        out.width = max(out.width, NARROWEST)
        out.print(results.summary())
        for line in results.verdict():
            click.echo(line, err=as_document)
    sys.exit(1 if results.not_measured else 0)


def _measures(benchmark: Benchmark) -> str:
    first, _, _ = (benchmark.__doc__ or "").partition("\n")
    return first.partition(": ")[2]


if __name__ == "__main__":
    bench(prog_name="run.py bench")
