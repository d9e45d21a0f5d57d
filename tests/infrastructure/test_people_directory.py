"""Who there is comes from a report, and from the log what the report has not seen yet."""

from datetime import UTC, datetime

from api.composition import desks, prepare_database
from domain.people import Role
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.reports.people_directory import PeopleDirectory
from projections import PROJECTIONS


def test_whom_the_report_has_not_seen_yet_is_there(dsn: str) -> None:
    prepare_database(dsn)
    with desks(dsn) as working:
        directory, now = PeopleDirectory(working.datastore), datetime.now(UTC)
        working.people.add("ana", [Role.HANDLER], now)
        assert directory.everybody() == ("ana",)  # nothing has kept the report so far
        ProjectionRunner(dsn, PROJECTIONS).catch_up()
        working.people.add("zoe", [Role.HANDLER], now)
        working.people.add("bo", [Role.HANDLER], now)
        assert directory.everybody() == ("ana", "bo", "zoe")
        assert [person.name for person in working.people.everybody()] == ["ana", "bo", "zoe"]
        ProjectionRunner(dsn, PROJECTIONS).catch_up()
        assert directory.everybody() == ("ana", "bo", "zoe")
