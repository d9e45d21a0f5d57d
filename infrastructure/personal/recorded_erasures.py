"""Finds in the log whether an evidence file was erased."""

from application.log.event_codec import from_state
from domain.privacy import ErasureOrdered
from infrastructure.postgres.rows import Connection


def is_erasure_recorded(connection: Connection, ref: str) -> bool:
    """Whether an erasure in the log names the file. A marker in the evidence store proves nothing."""
    rows = connection.execute(
        "SELECT notification_id, state FROM stored_events WHERE topic = 'privacy.erasure_ordered' "
        "AND position(%s IN state) > 0",
        (ref.encode(),),
    )
    events = (from_state(position, bytes(state)).event for position, state in rows)
    return any(isinstance(event, ErasureOrdered) and ref in event.files for event in events)
