"""Questions 5 and 6 in words: what was seen, and what was known and not shown."""

from collections.abc import Sequence

from api.routes.questions.decisions import NotShownAnswer, SeenPackets, TrailLineParameters
from api.routes.questions.question import AnswerSources
from api.routes.questions.wording.context import subject
from api.routes.questions.words import (
    Item,
    Section,
    Words,
    at,
    if_any,
    many,
    names,
    readable,
    short,
)
from application.audit.decisions import SeenPacket
from domain.cases.packet import PacketFact
from domain.orders.parts import PartKind
from domain.policy.facts import ORDER_FACTS, OWN_FACTS


def what_was_seen(sources: AnswerSources, given: TrailLineParameters, found: SeenPackets) -> Words:
    about, decisions = subject(sources, given.case), found.decisions
    wrong = [one for one in decisions if one.unchanged is False]
    unknown = [one for one in decisions if one.unchanged is None]
    if not decisions:
        said = "Nobody decided on a packet in this case, so there is nothing to compare."
    elif wrong:
        said = (
            f"{len(wrong)} of {many(len(decisions), 'packet')} differ from their digest: "
            f"versions {names(one.version for one in wrong)}."
        )
    elif found.unchanged is None:
        said = (
            f"{len(decisions) - len(unknown)} of {many(len(decisions), 'packet')} have "
            f"their digest; {len(unknown)} cannot be compared, because personal data was "
            "erased."
        )
    else:
        said = (
            f"{many(len(decisions), 'decision')}; what each person was given is below, and each "
            "packet still has its digest."
        )
    packets = {one.digest: one for one in reversed(decisions)}
    return Words(
        says=[
            said,
            "A packet has what was known of the order when the packet was made, each fact with the "
            "time of its latest source. Later records are not in it: question 6 lists signals.",
            about.sentence,
        ],
        searched="the packets in the case's trail: each was hashed now and compared with the "
        "digest in the "
        "decision; for adjustments, also the digest of what was proposed.",
        next_steps=["Question 6 lists what was recorded by then and is not in the packet."],
        sections=[
            *if_any("Decisions", [*map(_decision, decisions)]),
            *(
                Section(
                    title=f"Packet {short(digest)}: {many(len(one.packet), 'fact')}",
                    columns=("fact", "value", "event time of its latest source"),
                    rows=fact_rows(one.packet),
                )
                for digest, one in packets.items()
                if one.packet
            ),
        ],
    )


def _decision(one: SeenPacket) -> Item:
    states = {
        True: "has its digest",
        False: "DIFFERS from its digest",
        None: "cannot be compared: personal data in it was erased, or it is missing",
    }
    lines = [f"was given the packet {short(one.digest)}, which {states[one.unchanged]}"]
    if one.packet_version is not None:
        lines.append(f"the packet is version {one.packet_version} of the case's trail")
    if one.bound_to is not None:
        same = (
            "which the proposal in the log has"
            if one.bound_recomputed == one.bound_to
            else "which the proposal in the log does NOT have"
        )
        lines.append(f"decided on the proposal with the digest {short(one.bound_to)}, {same}")
    return Item(f"{at(one.recorded_at)}  {one.type} by {one.who} (version {one.version})", lines)


def fact_rows(facts: Sequence[PacketFact]) -> list[tuple[str, str, str]]:
    """Name, value and event time of each fact; amounts with their currency."""
    values = {one.fact: one.value for one in facts}
    rows = []
    for one in facts:
        value = fact_value(one.value)
        if (paths := _currency_paths(one.fact)) and value:
            known = (values[path] for path in paths if path in values)
            value = f"{value} {next(known, '(currency unknown)')}"
        rows.append((one.fact, value, at(one.event_time)))
    return rows


def _currency_paths(name: str) -> tuple[str, ...]:
    """The facts that have the currency of this one; none if it is no amount. A packet leaves out the
    currency of an only part if it is the order's."""
    if name in ORDER_FACTS:
        return tuple(ORDER_FACTS[name].currency_reads)
    part, _, field = name.rpartition(".")
    kind = PartKind(part.partition(":")[0])
    if any(one.path == f"part.{field}" and one.currency_reads for one in OWN_FACTS[kind].values()):
        return (f"{part}.currency", "charge.currency")
    return ()


def fact_value(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return names(value, "none")
        case _:
            return readable(str(value))


def what_was_not_shown(
    sources: AnswerSources, given: TrailLineParameters, found: NotShownAnswer
) -> Words:
    about = subject(sources, given.case)
    hidden = len({x.signal for one in found.decisions for x in one.not_shown})
    without = sum(bool(one.not_shown) for one in found.decisions)
    if not found.decisions:
        said = "Nobody decided on a packet in this case, so nothing could be left out."
    elif hidden:
        said = (
            f"{many(hidden, 'signal')} of the order had been recorded before "
            f"{many(without, 'decision')} and {'was' if hidden == 1 else 'were'} not used in the "
            f"{'packet of it' if without == 1 else 'packets of them'}."
        )
    else:
        said = (
            f"Nothing: the packet of each of {many(len(found.decisions), 'decision')} "
            "uses every signal of the order that was recorded by then."
        )
    return Words(
        says=[said, about.sentence],
        searched="every signal of the order in the log, compared with the sources of the "
        "facts in the packet of each decision of a person. Files, notes and other evidence that were "
        "added to the case after the packet were not compared.",
        next_steps=["Question 5 shows the packets; question 8 what changed since then."],
        sections=if_any(
            "Decisions, and the signals that were not shown",
            [
                Item(
                    f"{at(one.recorded_at)}  {one.who} (version {one.version})",
                    [
                        readable(one.said),
                        f"packet {short(one.packet)}",
                        *(
                            f"not shown: {x.type} ({x.signal}), happened "
                            f"{at(x.event_time)}, recorded {at(x.recorded_at)}"
                            for x in one.not_shown
                        ),
                        *([] if one.not_shown else ["not shown: nothing"]),
                    ],
                )
                for one in found.decisions
            ],
        ),
    )
