"""Run benchmarks, print their figures as they come, and sum up which targets are met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct, field
from rich.table import Table

from tests.benchmarks.figures import Bench, Figure, Target, short
from tests.benchmarks.servers import CouldNotMeasure


class Benchmark(Protocol):
    """A module of a benchmark. Its docstring's first line is `NAME: what it measures.`"""

    @property
    def TARGETS(self) -> Mapping[str, Target]:
        """The targets, by the names of the figures."""

    def run(self, bench: Bench) -> Iterable[Figure]: ...


class Results(Struct):
    """The figures and the errors of a run."""

    figures: list[Figure] = field(default_factory=list)
    targets: dict[str, Target] = field(default_factory=dict)
    """Of all benchmarks that were run, by the names of figures."""
    not_measured: dict[str, str] = field(default_factory=dict)
    """The reason, by the name of the benchmark."""

    def line(self, figure: Figure) -> str:
        found = f"{figure.name}: {short(figure.value)} {figure.unit}"
        compared = f"{short(figure.ratio)} × ({figure.against})"
        target = self.targets.get(figure.name)
        if target is None:
            return f"{found}, {compared}"
        return f"{found}, {compared}; target {target}: {_result(target, figure)}"

    def summary(self) -> Table:
        """Each figure that has a target, in the order of the targets."""
        table = Table(title="Targets", title_justify="left")
        table.add_column("figure", overflow="fold")
        for column in ("value", "target"):
            table.add_column(column, justify="right", overflow="fold")
        table.add_column("result", no_wrap=True)
        figures = {figure.name: figure for figure in self.figures}
        for name, target in self.targets.items():
            figure = figures.get(name)
            value = target.found(figure) if figure else "–"
            result = _result(target, figure) if figure else "not measured"
            table.add_row(name, value, str(target), result)
        return table

    def verdict(self) -> list[str]:
        """The last lines of a run."""
        figures = {figure.name: figure for figure in self.figures}
        judged = {name: target for name, target in self.targets.items() if name in figures}
        missed = [name for name, target in judged.items() if not target.is_met(figures[name])]
        lines = []
        if missed:
            noun = "target" if len(missed) == 1 else "targets"
            lines.append(f"{len(missed)} {noun} missed: {'; '.join(missed)}")
        elif len(judged) == len(self.targets):
            lines.append("all targets met")
        elif judged:
            lines.append("all targets met that were measured")
        lines += [f"{name} could not be measured: {why}" for name, why in self.not_measured.items()]
        return lines

    def as_json(self) -> list[dict[str, object]]:
        return [self._entry(figure) for figure in self.figures]

    def _entry(self, figure: Figure) -> dict[str, object]:
        fields = ("name", "value", "unit", "ratio", "against")
        entry: dict[str, object] = {name: getattr(figure, name) for name in fields}
        if (target := self.targets.get(figure.name)) is not None:
            entry |= {"target": str(target), "met": target.is_met(figure)}
        return entry


def run_benchmarks(
    chosen: Mapping[str, Benchmark],
    bench_of: Callable[[str], Bench],
    print_line: Callable[[str], None],
    report_error: Callable[[Exception], None],
) -> Results:
    """Run each; one that fails does not stop the others. Unexpected errors are reported in full."""
    results = Results()
    for name, benchmark in chosen.items():
        results.targets |= benchmark.TARGETS
        try:
            missing = {*benchmark.TARGETS}
            for figure in benchmark.run(bench_of(name)):
                results.figures.append(figure)
                missing.discard(figure.name)
                print_line(results.line(figure))
            if missing:
                raise CouldNotMeasure(f"it gave no figure named {', '.join(sorted(missing))}")
        except Exception as error:  # noqa: BLE001 - the other benchmarks are still to be run
            if isinstance(error, CouldNotMeasure):
                reason = str(error)
            else:
                report_error(error)
                reason = f"{type(error).__name__}: {error}"
            results.not_measured[name] = " ".join(reason.split())
            print_line(f"{name} could not be measured: {results.not_measured[name]}")
    return results


def _result(target: Target, figure: Figure) -> str:
    return "met" if target.is_met(figure) else "missed"
