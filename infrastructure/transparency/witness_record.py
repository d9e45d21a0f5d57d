"""What the witnesses of a policy have cosigned, by the stored checkpoints: each cosignature is verified, because other
roles of the database can add rows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency.stored_checkpoints import SELECT_NOTE
from infrastructure.verifier.cosigned import Cosigned, find_cosignatures
from infrastructure.verifier.notes import NoteBroken
from infrastructure.verifier.trust_policy import TrustPolicy

PAGE_SIZE: Final = 1_000
_CURRENT: Final = (
    # A later origin begins at a size from which on earlier origins do not count.
    "NOT EXISTS (SELECT FROM checkpoints AS later WHERE "
    "later.origin_number > checkpoints.origin_number AND later.size <= checkpoints.size)"
)


class QuorumCheckpoint(Struct, frozen=True):
    """A checkpoint that the quorum has cosigned, and when the last witness that was needed did."""

    size: int
    at: datetime


class WitnessSeen(Struct, frozen=True, kw_only=True):
    witness: str
    size: int
    """How many positions it has cosigned; 0 for none."""
    at: datetime | None
    """When it cosigned them, by its own clock."""


class QuorumReport(Struct, frozen=True, kw_only=True):
    """The witnesses that policy names, and how far the quorum of them has cosigned the log."""

    quorum: str | None
    """The quorum in words, such as `2 of (auditor, bank, club)`; None: policy requires no witness."""
    covered: int
    """How many positions the quorum has cosigned; 0 for none."""
    at: datetime | None
    """When it was reached."""
    not_covered: int
    """How many later positions no quorum has cosigned yet; 0 if none is required."""
    not_covered_since: datetime | None = None
    """When the first of these was recorded."""
    witnesses: Sequence[WitnessSeen]


def describe_quorum(policy: TrustPolicy) -> str | None:
    """The quorum of a policy in words; None if no witness is required."""

    def describe(name: str) -> str:
        if (group := policy.groups.get(name)) is None:
            return name
        return f"{group.least} of ({', '.join(map(describe, group.members))})"

    return describe(policy.quorum) if policy.quorum is not None else None


def quorum_checkpoints(connection: Connection, policy: TrustPolicy) -> Iterator[QuorumCheckpoint]:
    """The checkpoints that the quorum has cosigned, by size; without those of lost positions."""
    after = 0
    while page := _page(connection, f"size > %s AND {_CURRENT} ORDER BY size", after):
        for size, note in page:
            if (at := _reached_at(_cosigned(note, policy), policy)) is not None:
                yield QuorumCheckpoint(size, at)
        after = page[-1][0]


def report_quorum(connection: Connection, policy: TrustPolicy, head: int) -> QuorumReport:
    """How far the witnesses have cosigned a log of this size. It goes back from the last checkpoint until each
    witness, and the quorum, is found."""
    seen: dict[str, WitnessSeen] = {}
    covered: QuorumCheckpoint | None = None
    before = head + 1 if policy.witnesses else 0
    while page := _page(connection, f"size < %s AND {_CURRENT} ORDER BY size DESC", before):
        for size, note in page:
            cosigned = _cosigned(note, policy)
            for one in cosigned:
                at = datetime.fromtimestamp(one.at, UTC)
                seen.setdefault(one.witness, WitnessSeen(witness=one.witness, size=size, at=at))
            if covered is None and (reached := _reached_at(cosigned, policy)) is not None:
                covered = QuorumCheckpoint(size, reached)
        before = page[-1][0]
        if policy.quorum is None or (covered is not None and len(seen) == len(policy.witnesses)):
            break
    none = [
        WitnessSeen(witness=one.name, size=0, at=None)
        for one in policy.witnesses
        if one.name not in seen
    ]
    return QuorumReport(
        quorum=describe_quorum(policy),
        covered=covered.size if covered is not None else 0,
        at=covered.at if covered is not None else None,
        not_covered=_rest(policy, covered, head),
        witnesses=sorted([*seen.values(), *none], key=lambda one: one.witness),
    )


def _rest(policy: TrustPolicy, covered: QuorumCheckpoint | None, head: int) -> int:
    if policy.quorum is None:
        return 0
    return head - (covered.size if covered is not None else 0)


def _page(connection: Connection, where: str, size: int) -> list[tuple[int, bytes]]:
    rows = fetch_rows(connection, f"{SELECT_NOTE} WHERE {where} LIMIT {PAGE_SIZE}", size)
    return [(row[0], row[1].encode()) for row in rows]


def _cosigned(note: bytes, policy: TrustPolicy) -> Sequence[Cosigned]:
    try:
        return find_cosignatures(note, policy).cosigned
    except NoteBroken:
        return ()


def _reached_at(cosigned: Sequence[Cosigned], policy: TrustPolicy) -> datetime | None:
    """When the quorum was reached; None if it was not, or if none is required."""
    names: list[str] = []
    for one in sorted(cosigned, key=lambda one: one.at):
        names.append(one.witness)
        if policy.quorum is not None and policy.is_quorum(names):
            return datetime.fromtimestamp(one.at, UTC)
    return None
