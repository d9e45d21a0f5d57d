"""The figures of two incident logs straight from their files, by the letter of their definitions.

Shares nothing with the product: plain rows, dictionaries and dates.

Both logs:
- a hand-off is a change from one known group of an incident to the next known one: an unknown group
  between them says nothing;
- waiting for a party lasts from the first update in its state to the next update in another state;
  a wait that the log does not end is not counted;
- time never goes back within an incident: an update that says so has the time of the one before it;
- the final state is that of the last update, by the log's word.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

SERVICENOW_PARTIES = {
    "Awaiting User Info": "user",
    "Awaiting Vendor": "vendor",
    "Awaiting Problem": "problem",
    "Awaiting Evidence": "evidence",
}
BPI2013_PARTIES = {
    "Wait": "other",
    "Wait - User": "user",
    "Wait - Customer": "customer",
    "Wait - Vendor": "vendor",
    "Wait - Implementation": "implementation",
}
# Synonyms of other states.
BPI2013_SAME = {"In Call": "Resolved", "Cancelled": "Closed", "Assigned": "In Progress"}
BPI2013_DONE = {"Resolved": 1, "Closed": 2}


class Seen(NamedTuple):
    at: datetime
    state: str
    group: str


def servicenow(file: Path) -> dict[str, Any]:
    """Updates by `sys_mod_count`, then in file order. An incident was reopened where its
    `reopen_count` rises from one update to a later one."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows_of(file):
        rows[row["number"]].append(row)
    incidents, reopened = {}, 0
    for key, found in rows.items():
        found.sort(key=lambda row: int(row["sys_mod_count"]))
        incidents[key] = [
            Seen(local(row["sys_updated_at"]), row["incident_state"], row["assignment_group"])
            for row in found
        ]
        counts = [int(row["reopen_count"]) for row in found if row["reopen_count"] not in ("", "?")]
        reopened += any(now > before for before, now in pairwise(counts))
    return figures(incidents, SERVICENOW_PARTIES, reopened)


def bpi2013(file: Path) -> dict[str, Any]:
    """Updates by time, then in file order. An incident was reopened where it is no longer closed,
    or no longer closed or resolved; an unknown state is ignored."""
    incidents: dict[str, list[Seen]] = defaultdict(list)
    for row in rows_of(file):
        at = datetime.fromisoformat(row["Change Date+Time"]).astimezone(UTC)
        state = BPI2013_SAME.get(row["Sub Status"], row["Sub Status"])
        incidents[row["SR Number"]].append(Seen(at, state, row["Involved ST"]))
    reopened = 0
    for found in incidents.values():
        found.sort(key=lambda seen: seen.at)
        done = [BPI2013_DONE.get(s.state, 0) for s in found if s.state != "Unmatched"]
        reopened += any(now < before for before, now in pairwise(done))
    return figures(incidents, BPI2013_PARTIES, reopened)


def figures(
    incidents: dict[str, list[Seen]], parties: dict[str, str], reopened: int
) -> dict[str, Any]:
    hand_offs, waited, final = 0, Counter[str](), Counter[str]()
    for found in incidents.values():
        updates = forward(found)
        known = [seen.group for seen in updates if seen.group not in ("", "?")]
        hand_offs += sum(a != b for a, b in pairwise(known))
        for party, seconds in waits(updates, parties):
            waited[party] += seconds
        final[updates[-1].state] += 1
    return {
        "incidents": len(incidents),
        "updates": sum(map(len, incidents.values())),
        "hand_offs": hand_offs,
        "reopened": reopened,
        "waited_seconds": dict(waited),
        "final_states": dict(final),
    }


def forward(updates: list[Seen]) -> list[Seen]:
    """Raise each update to the time of the one before it, if it is earlier."""
    latest = accumulate((seen.at for seen in updates), max)
    return [seen._replace(at=at) for seen, at in zip(updates, latest, strict=True)]


def waits(updates: list[Seen], parties: dict[str, str]) -> Iterator[tuple[str, int]]:
    begun = None
    for seen in updates:
        if begun is not None and seen.state != begun.state:
            yield parties[begun.state], int((seen.at - begun.at).total_seconds())
            begun = None
        if begun is None and seen.state in parties:
            begun = seen


def local(text: str) -> datetime:
    """The day comes first; the log has no zone, so we read UTC."""
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


def rows_of(file: Path) -> Iterator[dict[str, str]]:
    if file.suffix == ".gz":
        with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text)
    else:
        with file.open(encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text)
