"""A report is one listed file with a pure fold that accepts any log."""

from __future__ import annotations

import inspect
import re
from copy import deepcopy
from importlib import import_module
from pkgutil import iter_modules
from typing import get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import fields, replace

import projections
from domain.people import Actor
from domain.recorded_event import Event, RecordedEvent
from projections import PROJECTIONS
from projections.projection import Projection
from tests.application.in_memory_service import InMemoryService
from tests.domain.signals import BOUNDED_SETTINGS, after, statement_lists
from tests.projections.folding import eventful_service, rows_of, steps

REPORTS = {report.name: report for report in PROJECTIONS}
THE_CONTRACT = "projection"


@pytest.fixture(scope="module")
def lines() -> list[RecordedEvent]:
    return eventful_service().lines()


def test_every_file_has_one_report_and_every_report_is_listed() -> None:
    files = {module.name for module in iter_modules(projections.__path__)} - {THE_CONTRACT}
    found = {}
    for name in files:
        own = vars(import_module(f"projections.{name}")).values()
        (found[name],) = [value for value in own if isinstance(value, Projection)]
    assert sorted(id(report) for report in found.values()) == sorted(id(r) for r in PROJECTIONS)


def test_report_names_are_unique_and_match_their_files() -> None:
    assert len(REPORTS) == len(PROJECTIONS)
    assert set(REPORTS) == {m.name for m in iter_modules(projections.__path__)} - {THE_CONTRACT}
    assert all(report.version >= 1 for report in PROJECTIONS)


@pytest.mark.parametrize("name", REPORTS)
def test_a_row_is_immutable_and_its_indexes_use_its_columns(name) -> None:
    report = REPORTS[name]
    assert report.row.__struct_config__.frozen
    columns = {field.name for field in fields(report.row)}
    for index in report.indexes:
        words = set(re.findall(r"[a-z_]+", index)) - {"gin"}
        assert words <= columns, index


@pytest.mark.parametrize("name", REPORTS)
def test_a_row_can_be_built_from_its_columns_in_order(name) -> None:
    """The runner builds it from the database columns by position."""
    for parameter in inspect.signature(REPORTS[name].row).parameters.values():
        assert parameter.kind is not parameter.KEYWORD_ONLY


def test_the_story_has_every_event_type(lines) -> None:
    tags = {str(event.__struct_config__.tag) for event in get_args(Event)}
    assert tags - {line.type for line in lines} <= {"order.expectation_met"}


@pytest.mark.parametrize("name", REPORTS)
def test_a_fold_does_not_mutate_its_row_or_line(name, lines) -> None:
    for line, key, before, _ in steps(REPORTS[name], lines):
        row, copy = deepcopy(before), deepcopy(line)
        REPORTS[name].fold(before, line)
        assert before == row
        assert line == copy
        assert REPORTS[name].key(line) == key


@pytest.mark.parametrize("name", REPORTS)
def test_a_fold_is_deterministic(name, lines) -> None:
    for line, _, before, now in steps(REPORTS[name], lines):
        assert REPORTS[name].fold(before, line) == now


@pytest.mark.parametrize("name", REPORTS)
def test_a_row_starts_with_its_key_and_matches_its_types(name, lines) -> None:
    report = REPORTS[name]
    first = fields(report.row)[0].name
    count = 0
    for _, key, _, now in steps(report, lines):
        if now is not None:
            count += 1
            assert getattr(now, first) == key
            assert msgspec.convert(msgspec.to_builtins(now), report.row) == now
    assert count


@pytest.mark.parametrize("name", REPORTS)
def test_a_fold_accepts_any_line_with_and_without_a_row(name, lines) -> None:
    report = REPORTS[name]
    rows = [None, *rows_of(report, lines).values()]
    for line in lines:
        if report.key(line) is None:
            continue
        for row in rows:
            report.fold(row, line)


@pytest.mark.parametrize("name", REPORTS)
def test_rows_do_not_depend_on_other_streams(name, lines) -> None:
    report = REPORTS[name]
    whole = rows_of(report, lines)
    for key, row in whole.items():
        own = [line for line in lines if report.key(line) == key]
        assert rows_of(report, own) == {key: row}


@pytest.mark.parametrize("name", REPORTS)
def test_an_irrelevant_line_has_no_key(name, lines) -> None:
    stray = [line for line in lines if line.type.startswith("policy.")]
    assert stray
    assert [REPORTS[name].key(line) for line in stray] == [None] * len(stray)


@settings(BOUNDED_SETTINGS, max_examples=40)
@given(signals=statement_lists(least=1, most=6))
def test_every_report_folds_any_story(signals) -> None:
    service = InMemoryService()
    service.take(*signals, at=after(11))
    service.tick(after(1000))
    for report in PROJECTIONS:
        for row in rows_of(report, service.lines()).values():
            assert msgspec.convert(msgspec.to_builtins(row), report.row) == row


def test_a_report_ignores_positions_unless_it_shows_them(lines) -> None:
    moved = [replace(line, position=line.position + 1000) for line in lines]
    for report in PROJECTIONS:
        rows = rows_of(report, lines)
        if report.name == "orders":
            rows = {key: replace(row, position=row.position + 1000) for key, row in rows.items()}
        assert rows_of(report, moved) == rows


def test_a_stream_without_its_first_event_makes_no_case(lines) -> None:
    orphan = next(line for line in lines if line.type == "case.claimed")
    lost = replace(orphan, stream=UUID(int=1), actor=Actor("key:x"))
    assert rows_of(REPORTS["cases"], [lost]) == {}
    assert rows_of(REPORTS["queue"], [lost]) == {}
