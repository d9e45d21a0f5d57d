"""The policy that a log's incidents are replayed under: a queue for each of its groups.

The log names groups and people as it likes; the service knows them by names of its own form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from domain.policy.document import (
    Automation,
    Bucket,
    Kind,
    PolicyDocument,
    Priorities,
    Queue,
    Route,
    Severity,
)
from domain.policy.rulebook import Rulebook
from infrastructure.sources.case_logs.updates import Update

KIND: Final = "incident"
UNKNOWN_QUEUE: Final = "unknown"
"""Where a case lies while the log does not say with which group."""
UNKNOWN_PERSON: Final = "somebody"
"""Who did it where the log names nobody."""
_MAX_NAME_LENGTH: Final = 56
_INVALID_CHARACTERS: Final = re.compile("[^a-z0-9]+")


class ServiceNames(Struct, frozen=True):
    """The service's names for those of the log."""

    queues: Mapping[str, str]
    people: Mapping[str, str]


def choose_names(updates: Iterable[Update]) -> ServiceNames:
    groups, people = set(), set()
    for update in updates:
        groups.add(update.group)
        people.add(update.person)
    return ServiceNames(_make_valid_names(groups, "g_"), _make_valid_names(people, "p_"))


def _make_valid_names(found: set[str | None], prefix: str) -> dict[str, str]:
    """A name of its own for each, that still reads like it; the same ones for the same log."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in sorted(one for one in found if one is not None):
        stem = prefix + _INVALID_CHARACTERS.sub("_", text.lower()).strip("_")[:_MAX_NAME_LENGTH]
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        names[text] = name
    return names


def build_replay_policy(names: ServiceNames) -> Rulebook:
    """No leases and no evidence asked for: the log shows what people did, not under which rules.

    A document made here and not by an owner: it may have more queues than one that is proposed, and
    a kind that no rule opens, for its cases are all opened by hand.
    """
    titles = {UNKNOWN_QUEUE: "Not known"} | {name: title for title, name in names.queues.items()}
    return Rulebook(
        PolicyDocument(
            policy="case_log",
            version="1",
            summary="A queue for each group of a log of incidents.",
            queues={name: Queue(title=title, owner_team=name) for name, title in titles.items()},
            kinds={
                KIND: Kind(
                    title="Incident",
                    # The buckets are those of orders; any will do.
                    bucket=Bucket.INVENTORY_CONFLICT,
                    severity=Severity.MEDIUM,
                    automation=Automation.REVIEW,
                )
            },
            priorities=Priorities(severity={}),
            route=(Route(rule="everything", queue=UNKNOWN_QUEUE, work_type=KIND, skill="support"),),
        )
    )
