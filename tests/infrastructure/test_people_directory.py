"""The list of people comes from a report, plus newer events from the log."""

from datetime import UTC, datetime

from api.composition import desks, prepare_database
from domain.people import Role
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.reports.people_directory import PeopleDirectory
from projections import PROJECTIONS


def test_the_list_includes_people_that_the_report_does_not_have_yet(dsn: str) -> None:
    prepare_database(dsn)
    with desks(dsn) as working:
        directory, now = PeopleDirectory(working.datastore), datetime.now(UTC)
        working.people.add("ana", [Role.HANDLER], now)
        assert directory.everybody() == ("ana",)  # the report is still empty
        ProjectionRunner(dsn, PROJECTIONS).catch_up()
        working.people.add("zoe", [Role.HANDLER], now)
        working.people.add("bo", [Role.HANDLER], now)
        assert directory.everybody() == ("ana", "bo", "zoe")
        assert [person.name for person in working.people.everybody()] == ["ana", "bo", "zoe"]
        ProjectionRunner(dsn, PROJECTIONS).catch_up()
        assert directory.everybody() == ("ana", "bo", "zoe")
