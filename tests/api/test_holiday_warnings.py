"""Warnings about holidays that end: in the API, in the worker's log and in the doctor."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from api.commands.worker import run_notices
from api.composition import Desks, desks
from domain.people import Role
from infrastructure.doctor import examine, require_safe
from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.postgres.datastore import connect
from infrastructure.settings import load_settings
from tests.api.running_service import serve
from tests.application.in_memory_service import caller
from tests.application.policy_changes import approve_policy, policy_variant, simulate_policy
from tests.domain.policies import SHIPPED, shipped, with_version

EARLY = datetime(2028, 6, 25, 23, tzinfo=UTC)
LATE = EARLY + timedelta(hours=1)
NOTICE = "the last closed day of calendar desk is 2028-12-26"
PATIENCE_SECONDS = 20.0


@contextmanager
def working_at(dsn: str, now: datetime) -> Iterator[Desks]:
    """The desks over the database, with the shipped policy and this clock."""
    with desks(dsn, lambda: now) as working:
        working.ensure_policy()
        yield working


def notices_by_version(dsn: str, now: datetime, token: str) -> dict[str, list[str]]:
    """The warnings of each policy version, as the API lists them."""
    headers = {"Authorization": f"Bearer {token}"}
    with serve(dsn, lambda: now) as (url, _), httpx2.Client(base_url=url, headers=headers) as gus:
        items = gus.get("/v1/policies").json()["items"]
        assert (
            gus.get(f"/v1/policies/{items[-1]['digest']}").json()["notices"]
            == (items[-1]["notices"])
        )
        return {line["version"]: line["notices"] for line in items}


def test_the_api_lists_the_warning_with_usable_policies(dsn: str) -> None:
    year = timedelta(days=366)
    calendars = shipped()["calendars"]
    calendars["desk"]["closed"].append("2029-12-25")
    with working_at(dsn, EARLY - year) as working:
        working.people.add("gus", [Role.GOVERNANCE_OWNER], EARLY - year)
        token = working.people.issue_token("gus", EARLY - year)
        first = working.policy.current.version
        approve_policy(working.policy, policy_variant(SHIPPED.document, "next", 900), EARLY - year)
        open_longer = with_version("open", calendars=calendars)
        approve_policy(working.policy, open_longer, EARLY - year)
    assert notices_by_version(dsn, EARLY, token) == {first: [], "next": [], "open": []}
    late = notices_by_version(dsn, LATE, token)
    assert {version for version, notices in late.items() if notices} == {first, "next"}
    (notice,) = late[first]
    assert notice.startswith(NOTICE)
    with working_at(dsn, LATE) as working:
        simulate_policy(working.policy, open_longer, LATE)  # the first one is too old by now
        working.policy.activate("open", None, "", caller("bo", LATE))
    assert notices_by_version(dsn, LATE, token)[first] == []  # it is retired


def test_the_worker_logs_the_warning(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    for now, many in ((EARLY, 0), (LATE, 1)):
        with working_at(dsn, now) as working, caplog.at_level(logging.WARNING, "casetrail.worker"):
            caplog.clear()
            looking, stop = threading.Event(), threading.Event()

            def clock(now: datetime = now, looking: threading.Event = looking) -> datetime:
                looking.set()
                return now

            working.clock = clock
            teller = threading.Thread(target=run_notices, args=(working, stop))
            teller.start()
            assert looking.wait(PATIENCE_SECONDS)
            stop.set()
            teller.join()
        assert len(caplog.messages) == many
        assert all(NOTICE in message for message in caplog.messages)


def test_a_failure_does_not_end_the_workers_thread(
    dsn: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.commands.worker.NOTICE_SECONDS", 0.01)
    with working_at(dsn, LATE) as working, caplog.at_level(logging.WARNING, "casetrail.worker"):
        stop, calls = threading.Event(), iter(range(3))

        def clock() -> datetime:
            call = next(calls, None)
            if call is None:
                stop.set()
            elif call == 0:
                raise OverflowError("date value out of range")
            return LATE

        working.clock = clock
        teller = threading.Thread(target=run_notices, args=(working, stop), daemon=True)
        teller.start()
        teller.join(PATIENCE_SECONDS)
    assert stop.is_set()
    assert caplog.messages[0].startswith("cannot compute the notices of policy version")
    assert all(NOTICE in message for message in caplog.messages[1:])


def test_a_failure_does_not_fail_the_answers_of_the_api(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[str]:
        raise OverflowError("date value out of range")

    monkeypatch.setattr("api.routes.policies.holiday_notices", fail)
    with working_at(dsn, EARLY) as working:
        working.people.add("gus", [Role.GOVERNANCE_OWNER], EARLY)
        token = working.people.issue_token("gus", EARLY)
        version = working.policy.current.version
    assert notices_by_version(dsn, EARLY, token) == {version: []}


def test_the_doctor_warns_and_the_service_still_starts(dsn: str, tmp_path: Path) -> None:
    server = load_settings({"DATABASE_URL": dsn, "CASETRAIL_HOME": str(tmp_path)})

    def found(now: datetime) -> Finding:
        with connect(dsn) as connection:
            return {one.what: one for one in examine(connection, server, now=now)}["holidays"]

    assert found(LATE).found == "no policy is active yet"
    with working_at(dsn, EARLY):
        pass
    early, late = found(EARLY), found(LATE)
    assert (early.verdict, early.found) == (Verdict.OK, "desk until 2028-12-26")
    assert (late.verdict, NOTICE in late.found) == (Verdict.WARNING, True)
    assert "casetrail policy propose FILE" in late.to_do
    require_safe(dsn)
