"""Acceptance of a lost tail by two people: the event, the first checkpoint of the next origin, and the append.

The event and the checkpoint that signs it are kept outside before the event is appended. So an event that
somebody else appends accepts nothing, and an interrupted acceptance is finished as it was confirmed.
"""

from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from application.log.event_codec import from_state, to_stored
from application.log.recorder import Append, leaf_digest
from domain.losses import LOSSES_STREAM, LossAccepted
from domain.merkle.tree import Frontier, covering_subtrees
from domain.people import Actor
from domain.recorded_event import RecordedEvent
from infrastructure.event_store.append_call import append_statement
from infrastructure.event_store.pending_append import PendingAppend
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency import nodes
from infrastructure.transparency.checkpoints import ACCEPTED_FILE, LOCK, Checkpoints
from infrastructure.transparency.lost_tail import LossReport, find_loss
from infrastructure.transparency.origins import AcceptedLoss, Origins, read_origins
from infrastructure.verifier import notes

REQUEST_FILE: Final = "loss-request.{number}"
CAUSE: Final = "command:log"


class LossNotAccepted(Exception):
    """The loss cannot be accepted like this."""


class LossRequest(Struct, frozen=True, kw_only=True):
    """What the first person asks the second to confirm. Signed, so that nobody else can write it."""

    report: str
    """The digest of the report that the first person saw."""
    others: dict[str, int]
    """The sizes that followers and witnesses have, by their names."""
    reason: str
    actor: Actor
    person: str
    at: datetime


def store_request(checkpoints: Checkpoints, report: LossReport, request: LossRequest) -> None:
    """Keep the request outside the database; a later one replaces it."""
    text = msgspec.json.encode(request).decode()
    name = REQUEST_FILE.format(number=report.number)
    checkpoints.outside.write(name, checkpoints.signer_of(report.number).signed(f"{text}\n"))


def read_request(checkpoints: Checkpoints, number: int) -> LossRequest:
    """Raises LossNotAccepted if there is none, or if our key has not signed it."""
    note = checkpoints.outside.place.read(REQUEST_FILE.format(number=number))
    if note is None:
        raise LossNotAccepted(
            "nobody has asked for this: one person runs `casetrail log accept-loss --reason …` first"
        )
    try:
        text = notes.open_note(note, checkpoints.signer_of(number).key)
        return msgspec.json.decode(text, type=LossRequest)
    except (notes.NoteBroken, msgspec.MsgspecError) as error:
        raise LossNotAccepted(f"the request cannot be used: {error}. Ask again.") from None


def accept_loss(
    connection: Connection,
    checkpoints: Checkpoints,
    request: LossRequest,
    confirmed_by: str,
    now: datetime,
) -> AcceptedLoss:
    """Append the event, with the halt lifted, and sign it under the next origin.

    Raises LossNotAccepted, also if the report is not the one that was asked about; NothingLost, NotALoss.
    """
    _require_right_to_lift(connection)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        report = find_loss(connection, checkpoints, request.others)
        if report.digest != request.report:
            raise LossNotAccepted(
                "what is known to be missing has changed since the request: look at `casetrail log loss`, and "
                "ask again"
            )
        origins = read_origins(connection)
        event = _event_of(report, request, confirmed_by)
        line = RecordedEvent(
            stream=LOSSES_STREAM,
            version=len(origins.losses) + 1,
            recorded_at=now,
            actor=request.actor,
            event=event,
            cause=CAUSE,
        )
        state = to_stored(line).state
        from_state(report.kept + 1, state)  # it must be readable for ever
        loss = AcceptedLoss(report.kept + 1, event, now)
        _sign(connection, checkpoints, Origins([*origins.losses, loss]), state)
        _append(connection, loss, state)
    return loss


def finish_acceptance(connection: Connection, checkpoints: Checkpoints) -> AcceptedLoss | None:
    """Append the event of an acceptance that was interrupted before; None if there is none."""
    number = max(checkpoints.outside.numbers(), default=1)
    state = checkpoints.outside.place.read(ACCEPTED_FILE.format(number=number))
    if state is None:
        return None
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        kept, origins = nodes.read_head(connection), read_origins(connection)
        line = from_state(kept + 1, state)
        event = line.event
        if not isinstance(event, LossAccepted) or event.kept != kept or origins.number >= number:
            return None
        loss = AcceptedLoss(kept + 1, event, line.recorded_at)
        signed = checkpoints.last_external()
        if signed is None or signed.root != _root_with(connection, kept, leaf_digest(state)):
            return None
        _require_right_to_lift(connection)
        _append(connection, loss, state)
    return loss


def _event_of(report: LossReport, request: LossRequest, confirmed_by: str) -> LossAccepted:
    return LossAccepted(
        origin=report.origin,
        before=report.before,
        kept=report.kept,
        kept_root=report.kept_root,
        signed=report.signed,
        signed_root=report.signed_root,
        note=report.note,
        matched=report.matched,
        last=report.last,
        missing=report.missing,
        commands=report.commands,
        statements=report.statements,
        reason=request.reason,
        requested_by=request.person,
        confirmed_by=confirmed_by,
    )


def _sign(connection: Connection, checkpoints: Checkpoints, origins: Origins, state: bytes) -> None:
    """Keep the event and the first checkpoint of its origin outside."""
    position = origins.losses[-1].position
    signer = checkpoints.signer_of(origins.number)
    root = _root_with(connection, position - 1, leaf_digest(state))
    first = notes.Checkpoint(signer.key.name, position, root, origins.extension)
    checkpoints.outside.write(ACCEPTED_FILE.format(number=origins.number), state)
    outside = checkpoints.outside.of_origin(origins.number)
    outside.keep(position, signer.signed(first.text))


def _append(connection: Connection, loss: AcceptedLoss, state: bytes) -> None:
    """Append the event through the one function, with the halt lifted, in the caller's transaction."""
    pending = PendingAppend(Append([to_stored(from_state(loss.position, state))]))
    pending.leaves = [leaf_digest(state)]
    statement, parameters = append_statement([pending])
    connection.execute("SELECT lift_halt()")
    (row,) = fetch_rows(connection, statement.decode(), *parameters)
    if row[0] != loss.event.kept:
        raise LossNotAccepted("another event was appended meanwhile: ask again")
    nodes.fill_all_nodes(
        connection
    )  # its size is signed, and processes that append may not fill them in


def _root_with(connection: Connection, kept: int, leaf: bytes) -> bytes:
    nodes.fill_all_nodes(connection)
    read = partial(nodes.read_nodes, connection)
    frontier = Frontier(kept, read(covering_subtrees(0, kept)))
    frontier.push(0, leaf)
    return frontier.root()


def _require_right_to_lift(connection: Connection) -> None:
    query = "SELECT has_function_privilege('lift_halt()', 'EXECUTE')"
    if fetch_rows(connection, query) != [(True,)]:
        raise LossNotAccepted(
            "this database login may not lift the halt: run the command with the login that migrates"
        )
