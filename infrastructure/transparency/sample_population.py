"""The population that a sample is drawn from, read from the log up to its last checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg.rows import tuple_row

from domain.errors import NotWitnessedYet
from infrastructure.transparency.checkpoints import latest
from infrastructure.transparency.nodes import Connection
from infrastructure.verifier.population import Question
from infrastructure.verifier.samples import Member, Members, wanted_types

NONE_YET: Final = "no checkpoint was made yet; a worker makes one every few seconds"


def population_of(
    connection: Connection, question: Question, strata: Sequence[str], upto: int | None
) -> tuple[int, list[Member]]:
    """How far it reaches, and its members. Raises NotWitnessedYet."""
    found = latest(connection)
    if found is None:
        raise NotWitnessedYet(NONE_YET)
    size = found[0] if upto is None else upto
    if size > found[0]:
        raise NotWitnessedYet(f"the last checkpoint is of {found[0]} positions, not of {size}")
    members = Members(question, strata)
    with (
        connection.transaction(),
        connection.cursor("drawn", row_factory=tuple_row, binary=True) as cursor,
    ):
        cursor.itersize = 2_000
        cursor.execute(
            "SELECT notification_id, state FROM stored_events WHERE topic = ANY(%s) "
            "AND notification_id <= %s ORDER BY notification_id",
            ([*wanted_types(question["type"], strata)], size),
        )
        for position, state in cursor:
            members.look(position, bytes(state))
    return size, members.found
