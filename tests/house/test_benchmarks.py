"""The benchmark runner: its output, when it prints, and its exit code."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec import Struct

from tests.benchmarks import supply
from tests.benchmarks.__main__ import BENCHMARKS, bench
from tests.benchmarks.figures import (
    Bench,
    Figure,
    Target,
    at_least,
    at_most,
    less_than,
    ratio_at_least,
    ratio_at_most,
)
from tests.benchmarks.runner import Results, run_benchmarks
from tests.benchmarks.servers import HERE, CouldNotMeasure

ROOT = HERE.parent.parent
BENCH = Bench("", 1.0, None, lambda what: None)


class Gives(Struct):
    """A benchmark that gives these figures and then raises this error, if any."""

    TARGETS: dict[str, Target]
    figures: list[Figure]
    error: Exception | None = None

    def run(self, bench: Bench) -> Iterable[Figure]:
        yield from self.figures
        if self.error is not None:
            raise self.error


def figure(name: str, value: float, ratio: float = 1.0) -> Figure:
    return Figure(name=name, value=value, unit="rows/s", ratio=ratio, against="a rock: 5 rows/s")


def run(**benchmarks: Gives) -> tuple[Results, list[str], list[Exception]]:
    lines: list[str] = []
    errors: list[Exception] = []
    results = run_benchmarks(benchmarks, lambda name: BENCH, lines.append, errors.append)
    return results, lines, errors


def rows(results: Results) -> list[tuple[str, ...]]:
    return list(zip(*(column.cells for column in results.summary().columns), strict=True))


def test_a_benchmark_that_raises_does_not_stop_the_others():
    broken = Gives(
        {"early": at_least(1, "rows/s"), "late": at_most(9, "ms")},
        [figure("early", 2)],
        ValueError("no rows\n  are left"),
    )
    results, lines, errors = run(broken=broken, fine=Gives({}, [figure("other", 3)]))
    assert lines == [
        "early: 2 rows/s, 1 × (a rock: 5 rows/s); target ≥ 1 rows/s: met",
        "broken could not be measured: ValueError: no rows are left",
        "other: 3 rows/s, 1 × (a rock: 5 rows/s)",
    ]
    assert errors == [broken.error]
    assert rows(results) == [
        ("early", "2 rows/s", "≥ 1 rows/s", "met"),
        ("late", "–", "≤ 9 ms", "not measured"),
    ]
    assert results.verdict() == ["all targets met that were measured", lines[1]]


def test_a_benchmark_that_cannot_run_here_is_no_unexpected_error():
    results, lines, errors = run(one=Gives({}, [], CouldNotMeasure("no pgbench")))
    assert lines == ["one could not be measured: no pgbench"]
    assert errors == []
    assert results.verdict()[-1:] == lines


def test_a_target_without_a_figure_is_reported():
    results, lines, _ = run(one=Gives({"speed": at_least(1, "rows/s")}, [figure("sped", 2)]))
    assert lines[1:] == ["one could not be measured: it gave no figure named speed"]
    assert results.verdict() == lines[1:]


def test_a_figure_that_misses_its_target_is_named_last():
    targets = {
        "enough": at_least(20_000, "rows/s"),
        "slow": at_least(20_000, "rows/s"),
        "poor ratio": ratio_at_least(0.9, "a rock"),
    }
    found = [figure("enough", 20_000), figure("slow", 19_999), figure("poor ratio", 9e9, 0.89)]
    results, lines, _ = run(one=Gives(targets, found))
    assert rows(results) == [
        ("enough", "20,000 rows/s", "≥ 20,000 rows/s", "met"),
        ("slow", "19,999 rows/s", "≥ 20,000 rows/s", "missed"),
        ("poor ratio", "0.89 × a rock", "≥ 0.9 × a rock", "missed"),
    ]
    assert lines[1].endswith("target ≥ 20,000 rows/s: missed")
    assert results.verdict() == ["2 targets missed: slow; poor ratio"]
    assert results.as_json()[1]["met"] is False


def test_the_verdict_says_when_all_targets_are_met():
    results, _, _ = run(one=Gives({"fast": at_least(2, "rows/s")}, [figure("fast", 2)]))
    assert results.verdict() == ["all targets met"]


@pytest.mark.parametrize(
    ("target", "good", "bad"),
    [
        (at_least(2, "rows/s"), figure("x", 2, 0), figure("x", 1.99, 9)),
        (at_most(2, "rows/s"), figure("x", 2, 9), figure("x", 2.01, 0)),
        (less_than(2, "rows/s"), figure("x", 1.99, 9), figure("x", 2, 0)),
        (ratio_at_least(2, "a rock"), figure("x", 0, 2), figure("x", 9, 1.99)),
        (ratio_at_most(2, "a rock"), figure("x", 9, 2), figure("x", 0, 2.01)),
    ],
)
def test_a_target_limits_the_value_or_the_ratio(target: Target, good: Figure, bad: Figure):
    assert target.is_met(good)
    assert not target.is_met(bad)


def test_an_unknown_benchmark_name_lists_the_known_ones():
    done = CliRunner().invoke(bench, ["append", "nope"])
    assert done.exit_code == 2
    assert f"No benchmark named nope. The benchmarks are: {', '.join(BENCHMARKS)}." in done.output


def test_every_benchmark_is_listed_with_what_it_measures():
    done = CliRunner().invoke(bench, ["--list"])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines] == [*BENCHMARKS]
    assert all(len(line.split()) > 5 and line.endswith(".") for line in lines)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_has_its_name_and_targets(name: str):
    assert (BENCHMARKS[name].__doc__ or "").startswith(f"{name}: ")
    assert BENCHMARKS[name].TARGETS


def test_figure_names_are_unique():
    targets = [name for benchmark in BENCHMARKS.values() for name in benchmark.TARGETS]
    assert len({*targets}) == len(targets)


WAITING = """
import sys
from types import SimpleNamespace
from tests.benchmarks.__main__ import BENCHMARKS, bench
from tests.benchmarks.figures import Figure, at_least

def waits(bench):
    yield Figure(name="early", value=2, unit="rows/s", ratio=1, against="a rock")
    sys.stdin.readline()
    raise OSError("gone")

def gives(bench):
    yield Figure(name="other", value=1, unit="rows/s", ratio=1, against="a rock")

BENCHMARKS.clear()
BENCHMARKS["waits"] = SimpleNamespace(run=waits, TARGETS={})
BENCHMARKS["gives"] = SimpleNamespace(run=gives, TARGETS={"other": at_least(2, "rows/s")})
bench(sys.argv[1:])
"""


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_figure_is_printed_before_the_benchmark_ends(
    tmp_path: Path, server_dsn: str, options: list[str]
):
    script = tmp_path / "bench.py"
    script.write_text(WAITING)
    environment = {**os.environ, "DATABASE_URL": server_dsn, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(script), *options],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        printed = iter(running.stderr if options else running.stdout)
        early = next(line for line in printed if " is not on " not in line)
        assert early == "early: 2 rows/s, 1 × (a rock)\n"
        out, errors = running.communicate("go on\n")
    stream = errors if options else out
    assert running.returncode == 1, errors
    assert "OSError: gone" in errors
    assert stream.splitlines()[-2:] == [
        "1 target missed: other",
        "waits could not be measured: OSError: gone",
    ]
    assert (out.startswith('[{"name":') and out.count("\n") == 1) == bool(options)


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths: list[str] = []
        self.status = 200


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[tuple[Server, list[str]]]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"127.0.0.1:{server.server_port}"
        try:
            yield server, [str(HERE / "http_client.py"), address]
        finally:
            server.shutdown()
            thread.join()


def requests() -> Iterator[bytes]:
    return (rf'["GET /{n} HTTP/1.1\r\nHost: localhost\r\n\r\n"]'.encode() for n in count())


@pytest.fixture
def _importable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.usefixtures("_importable")
def test_a_client_that_uses_up_its_supply_gets_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(supply, "FIRST_LINES", 3)
    with (
        serving() as (server, client),
        supply.supplied(lambda file: [*client, file, "2"], requests()) as per_second,
    ):
        warm_up = len(server.paths)
        assert per_second(0.5) > 0
    assert warm_up > 3
    assert len({*server.paths}) == len(server.paths) > warm_up


@pytest.mark.usefixtures("_importable")
def test_an_answer_other_than_200_is_reported_as_the_reason():
    with serving() as (server, client):
        server.status = 503
        with (
            pytest.raises(CouldNotMeasure, match=r"the client failed: RuntimeError: HTTP/1\.1 503"),
            supply.supplied(lambda file: [*client, file, "2"], requests()),
        ):
            pass
