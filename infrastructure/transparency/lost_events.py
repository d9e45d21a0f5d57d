"""Lost events that turned up again, in a bundle or in a follower's copy of the feed: which of them were events
of the log."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from application.log.event_codec import to_stored
from application.log.recorder import leaf_digest
from domain.losses import LostEventAttached, attached_stream
from domain.orders.signal_body import DEFAULT_SHOP, order_key
from domain.recorded_event import RecordedEvent
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.former_keys import read_former_keys
from infrastructure.transparency.origins import AcceptedLoss, Origins, read_origins
from infrastructure.verifier.archives import open_bundle
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.bundle_format import (
    CHECKPOINT_FILE,
    EVENTS_FILE,
    LINE_END,
    BundleBroken,
    event_line_prefix,
)
from infrastructure.verifier.notes import NoteBroken, parse_checkpoint, split_note

NAMED_BY_LOSS = "the accepted loss names its leaf"


class FoundEvent(NamedTuple):
    """An event from outside: its position there, and its envelope."""

    position: int
    state: bytes


class Refused(NamedTuple):
    """Why an event is not attached."""

    position: int
    why: str


class Sorted(NamedTuple):
    """The events that can be attached, those that are attached already, and the others with the reason."""

    attachable: Sequence[LostEventAttached]
    known: int
    refused: Sequence[Refused]


class NothingToAttach(Exception):
    """The file or bundle cannot be used."""


def sort_events(connection: Connection, checkpoints: Checkpoints, place: Path) -> Sorted:
    """Which events of a bundle, or of a file with one event a line, were lost. Raises NothingToAttach."""
    origins = read_origins(connection)
    if not origins.losses:
        raise NothingToAttach("no loss was accepted: the log has all its events")
    found, proof = _read(place, checkpoints)
    attachable, refused, known = [], [], 0
    attached = _attached(connection, origins)
    for event in found:
        leaf = leaf_digest(event.state).hex()
        loss = _loss_of(origins, event.position, leaf, proof)
        if isinstance(loss, str):
            refused.append(Refused(event.position, loss))
        elif (loss.event.before, event.position, leaf) in attached:
            known += 1
        else:
            attached.add((loss.event.before, event.position, leaf))
            by_origin = proof.get(loss.event.before)
            attachable.append(
                LostEventAttached(
                    origin=loss.event.before,
                    position=event.position,
                    leaf=leaf,
                    envelope=event.state.decode(),
                    found_in=place.name[:300] or ".",
                    proof=by_origin or NAMED_BY_LOSS,
                )
            )
    return Sorted(attachable, known, refused)


def _loss_of(
    origins: Origins, position: int, leaf: str, proof: Mapping[str, str]
) -> AcceptedLoss | str:
    """The loss that the event belongs to; else why there is none."""
    why = f"position {position} was not lost"
    for loss in origins.losses:
        if position <= loss.event.kept:
            continue
        named = {lost.position: lost.leaf for lost in loss.event.missing}
        if named.get(position) == leaf or (
            loss.event.before in proof and named.get(position, leaf) == leaf
        ):
            return loss
        if position in named:
            why = f"another event than the one that was lost at position {position}"
        elif position <= loss.event.last:
            why = (
                f"the leaf of lost position {position} is not known: only a bundle of {loss.event.before} "
                "proves this event"
            )
    return why


def _read(place: Path, checkpoints: Checkpoints) -> tuple[list[FoundEvent], Mapping[str, str]]:
    """The events, and for a verified bundle what it proves, by its origin."""
    is_bundle = place.is_dir() or place.suffix == ".tar"
    try:
        if not is_bundle:
            return list(_events(place)), {}
        with open_bundle(place) as bundle:
            stated = parse_checkpoint(split_note((bundle / CHECKPOINT_FILE).read_bytes())[0])
            number = checkpoints.number_of(stated)
            keys = [checkpoints.signer_of(number).key.text]
            keys += [former.key.text for former in read_former_keys(checkpoints.outside)]
            verdict = verify(bundle, *keys)
            if not verdict.verified:
                raise NothingToAttach(f"the bundle is broken: {verdict.faults[0].detail}")
            proof = f"a bundle of {verdict.size} positions that our key has signed"
            return list(_events(bundle / EVENTS_FILE)), {stated.origin: proof}
    except (BundleBroken, NoteBroken, OSError) as error:
        raise NothingToAttach(f"{place} cannot be read: {error}") from None


def _events(file: Path) -> Iterator[FoundEvent]:
    """The events of a file: lines of a bundle, or of the feed (`GET /v1/events`), or pages of it."""
    with open(file, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                document = json.loads(line)
                if "envelope" in document:
                    head = event_line_prefix(document["position"])
                    if not line.startswith(head) or not line.endswith(LINE_END):
                        raise ValueError("it is not a line of a bundle")
                    yield FoundEvent(document["position"], line[len(head) : -len(LINE_END)])
                    continue
                yield from map(_of_feed, document.get("items", [document]))
            except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
                raise NothingToAttach(f"{file.name} line {number} is no event: {error}") from None


def _of_feed(item: dict[str, Any]) -> FoundEvent:
    """An event of the feed: its envelope is encoded again, as it was stored."""
    shop = item.pop("shop", DEFAULT_SHOP)
    if "order" in item:
        item["order"] = order_key(item["order"], shop)
    line = msgspec.convert(item, RecordedEvent)
    return FoundEvent(line.position, to_stored(line).state)


def _attached(connection: Connection, origins: Origins) -> set[tuple[str, int, str]]:
    return {
        (loss.event.before, event.position, event.leaf)
        for loss in origins.losses
        for event in read_attached(connection, loss.event.before)
    }


def read_attached(connection: Connection, origin: str) -> list[LostEventAttached]:
    """The lost events of an origin that were attached."""
    rows = fetch_rows(
        connection,
        "SELECT state FROM stored_events WHERE originator_id = %s ORDER BY originator_version",
        attached_stream(origin),
    )
    lines = [msgspec.json.decode(state, type=RecordedEvent).event for (state,) in rows]
    return [event for event in lines if isinstance(event, LostEventAttached)]
