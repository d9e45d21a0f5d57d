"""What question 10 says of the witnesses, the origins and the accepted losses of the log."""

from api.routes.questions.words import Item, Section, at, if_any, many, table_if_any
from infrastructure.transparency.range_check import RangeCheck, ShownLoss
from infrastructure.transparency.witness_record import QuorumReport, WitnessSeen


def loss_and_quorum(found: RangeCheck) -> list[str]:
    """Sentences about the origins of the log and about what the quorum has cosigned."""
    return [*_origins(found), *_quorum(found.witnesses, found.size)]


def _origins(found: RangeCheck) -> list[str]:
    if not found.losses:
        return ["No loss of events was ever accepted: the log has the one origin that is listed."]
    lost = sum(one.last - one.position + 1 for one in found.losses)
    return [
        f"{many(len(found.losses), 'loss', 'losses')} of {many(lost, 'event')} in all "
        f"{'was' if len(found.losses) == 1 else 'were'} accepted, so the log has "
        f"{many(len(found.origins), 'origin')}: each is listed, for ever."
    ]


def _quorum(seen: QuorumReport, size: int) -> list[str]:
    if seen.quorum is None:
        return [
            "No witness is configured, so only this service's own key has signed the log: that it shows "
            "everybody the same log is not proven."
        ]
    needs = f"The quorum of witnesses that policy names is {seen.quorum}."
    if seen.at is None:
        return [
            needs,
            f"IT IS NOT REACHED: no quorum has cosigned any of the {many(size, 'event')}. "
            f"The first of them was recorded {at(seen.not_covered_since)}.",
        ]
    covers = f"It has cosigned positions 1 to {seen.covered:,}, at {at(seen.at)}."
    if not seen.not_covered:
        return [needs, covers, "No event is without its cosignatures."]
    first, last = seen.covered + 1, seen.covered + seen.not_covered
    rest = f"position {first:,} is" if first == last else f"positions {first:,} to {last:,} are"
    return [
        needs,
        covers,
        f"{many(seen.not_covered, 'event')} later: {rest} not cosigned by a quorum yet, the first since "
        f"{at(seen.not_covered_since)}.",
    ]


def witness_sections(found: RangeCheck) -> list[Section]:
    return [
        *table_if_any(
            "Origins: the names under which the log was signed",
            ("origin", "first position"),
            [(one.origin, f"{one.first:,}") for one in found.origins],
        ),
        *if_any("Witnesses", [*map(_witness, found.witnesses.witnesses)]),
        *if_any("Losses that people accepted", [*map(_loss, found.losses)]),
    ]


def _witness(one: WitnessSeen) -> Item:
    if one.at is None:
        return Item(f"{one.witness}: has cosigned nothing", [])
    return Item(f"{one.witness}: has cosigned {many(one.size, 'position')}, at {at(one.at)}", [])


def _loss(one: ShownLoss) -> Item:
    lost = one.last - one.position + 1
    return Item(
        f"positions {one.position:,} to {one.last:,} ({many(lost, 'event')}) of {one.before}",
        [
            f"accepted {at(one.accepted_at)} by {one.requested_by} and "
            f"{one.confirmed_by}: {one.reason}",
            f"the log goes on under {one.origin}; {one.signed:,} positions of "
            f"{one.before} were signed",
            _proof(one),
            f"known of the lost events: {many(one.leaves_known, 'digest')}, "
            f"{many(len(one.commands), 'acknowledged command')}",
            f"found again and attached: {many(len(one.attached), 'event')}",
            *(
                f"lost command: by {x.principal}, position {x.position:,}, Idempotency-Key {x.key}"
                for x in one.commands
            ),
        ],
    )


def _proof(one: ShownLoss) -> str:
    claimed = one.last - max(one.signed, one.position - 1)
    proven = one.last - one.position + 1 - claimed
    said = f"{many(proven, 'lost event')} {'is' if proven == 1 else 'are'} proven by a signed checkpoint"
    if not claimed:
        return said
    return f"{said}; {many(claimed, 'more', 'more')} {'is an' if claimed == 1 else 'are'} UNSIGNED {'CLAIM' if claimed == 1 else 'CLAIMS'}: heads, or sizes that witnesses and followers told"
