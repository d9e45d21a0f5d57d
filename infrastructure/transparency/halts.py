"""Halts of the log: while it is halted, the database refuses every append."""

from psycopg.errors import InsufficientPrivilege

from infrastructure.postgres.rows import Connection
from infrastructure.transparency.origins import LogNotAsWitnessed


def halt_log(connection: Connection) -> None:
    """Halt the log: the database then refuses every append. Takes the lock that an append takes."""
    connection.execute("SELECT halt_log()")


def lift_halt(connection: Connection) -> None:
    """Lift a halt. The roles of a running service may not, since an attacker could then use them.
    Raises LogNotAsWitnessed if this connection may not either."""
    if connection.execute("SELECT FROM log_head WHERE halted").fetchone() is None:
        return
    try:
        connection.execute("SELECT lift_halt()")
    except InsufficientPrivilege:
        raise LogNotAsWitnessed(
            "The log is as witnessed again, but writes are still halted, and this role may not lift the "
            "halt: run `casetrail migrate` with the role that migrates."
        ) from None
