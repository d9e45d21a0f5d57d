"""What the packets of cases about sources say: the figures, and the remedy."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from domain.cases.packet import PacketFact
from domain.policy.decision import to_fact_value
from domain.policy.source_parts import Silence
from domain.sources.list_comparison import ListComparison
from domain.sources.silence import SourceFigures
from domain.sources.source import Source

MOST_NAMED: Final = 20
"""Sources, or missing ids, that one packet names."""
Facts = Iterable[tuple[str, object]]
"""Names and values; None for what is not known."""


def silence_facts(
    source: Source, one: SourceFigures, end: datetime, rules: Silence
) -> Iterator[tuple[str, object]]:
    yield "source.name", source.name
    yield "source.owner", source.owner
    yield from _window_facts(end, rules)
    yield "source.deliveries", one.now.whole
    yield "source.usual", f"{one.usual:g}"
    for n, week in enumerate(one.weeks, start=1):
        yield f"source.deliveries_{n}_weeks_before", week.whole
    yield "source.last_received_at", one.last_received_at
    yield "source.last_delivery", str(one.last_delivery) if one.last_delivery else None
    yield (
        "remedy",
        "Ask the sender whether it still sends: an address that failed too often is often switched off there. "
        f"Fetch what is missing, then send the missing deliveries to /v1/sources/{source.name}/webhook again.",
    )


def total_facts(
    count: int, usual: float, silent: Sequence[SourceFigures], end: datetime, rules: Silence
) -> Iterator[tuple[str, object]]:
    yield from _window_facts(end, rules)
    yield "sources.deliveries_in_half_a_window", count
    yield "sources.usual_in_half_a_window", f"{usual:g}"
    for one in sorted(silent, key=lambda one: one.source)[:MOST_NAMED]:
        yield f"{one.source}.deliveries", one.now.whole
        yield f"{one.source}.usual", f"{one.usual:g}"
        yield f"{one.source}.last_received_at", one.last_received_at
    yield (
        "remedy",
        "All sources fell silent together, so the cause is probably on our side: look at the address of this "
        "service, its certificate, its proxy and /readyz first.",
    )


def listed_facts(source: Source, found: ListComparison) -> Iterator[tuple[str, object]]:
    yield "source.name", source.name
    yield "source.owner", source.owner
    yield "list.since", found.since
    yield "list.until", found.until
    yield "list.listed", found.listed
    yield "list.arrived", found.arrived
    yield "list.missing", found.listed - found.arrived
    for n, one in enumerate(found.missing[:MOST_NAMED], start=1):
        yield f"list.missing_{n}", one
    yield (
        "remedy",
        "The sender has entries whose webhooks did not arrive. Look at the failed deliveries in its own log, "
        "and whether it sends all topics to this source.",
    )


def _window_facts(end: datetime, rules: Silence) -> Iterator[tuple[str, object]]:
    yield "window.since", end - rules.window
    yield "window.until", end


def packet_about(facts: Facts, source: str, at: datetime) -> tuple[PacketFact, ...]:
    """The packet of these facts, which are known from the source since this time."""
    values = ((name, to_fact_value(value)) for name, value in facts)
    return tuple(
        PacketFact(name, value, (f"source:{source}",), at)
        for name, value in values
        if value is not None
    )
