"""Reads the population of a sample from the log, up to the last checkpoint."""

from collections.abc import Sequence

from psycopg.rows import tuple_row

from infrastructure.postgres.rows import Connection
from infrastructure.transparency.proofs import witnessed_size
from infrastructure.verifier.population import Question
from infrastructure.verifier.samples import MemberCollector, PopulationMember, member_event_types


def read_population(
    connection: Connection, question: Question, strata: Sequence[str], upto: int | None
) -> tuple[int, list[PopulationMember]]:
    """The number of positions read, and the population's members. Raises NotWitnessedYet."""
    size = witnessed_size(connection, upto)
    members = MemberCollector(question, strata)
    with (
        connection.transaction(),
        connection.cursor("drawn", row_factory=tuple_row, binary=True) as cursor,
    ):
        cursor.itersize = 2_000
        cursor.execute(
            "SELECT notification_id, state FROM stored_events WHERE topic = ANY(%s) "
            "AND notification_id <= %s ORDER BY notification_id",
            ([*member_event_types(question["type"], strata)], size),
        )
        for position, state in cursor:
            members.add(position, bytes(state))
    return size, members.found
