"""The policy for replaying a case log: a queue for each group, and valid names for groups and people.

The log's own names need not be valid names of the service.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from domain.policy import document
from domain.policy.rulebook import Rulebook
from infrastructure.sources.case_logs.updates import Update

KIND: Final = "incident"
UNKNOWN_QUEUE: Final = "unknown"
"""The queue of a case while the log names no group."""
UNKNOWN_PERSON: Final = "somebody"
"""The person of a step for which the log names nobody."""
_MAX_NAME_LENGTH: Final = 56
_INVALID_CHARACTERS: Final = re.compile("[^a-z0-9]+")


class ServiceNames(Struct, frozen=True):
    """The service's names, by the log's names."""

    queues: Mapping[str, str]
    people: Mapping[str, str]


def choose_names(updates: Iterable[Update]) -> ServiceNames:
    groups, people = set(), set()
    for update in updates:
        groups.add(update.group)
        people.add(update.person)
    return ServiceNames(_make_valid_names(groups, "g_"), _make_valid_names(people, "p_"))


def _make_valid_names(found: set[str | None], prefix: str) -> dict[str, str]:
    """A valid, unique and similar name for each; always the same for the same log."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in sorted(name for name in found if name is not None):
        stem = prefix + _INVALID_CHARACTERS.sub("_", text.lower()).strip("_")[:_MAX_NAME_LENGTH]
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        names[text] = name
    return names


def build_replay_policy(names: ServiceNames) -> Rulebook:
    """The policy for a replay, without leases and required evidence: the log shows no rules. It is
    not proposed by anybody, so it may have more queues than a proposed policy, and a kind that no
    rule opens: the replay opens all cases itself."""
    titles = {UNKNOWN_QUEUE: "Not known"} | {name: title for title, name in names.queues.items()}
    return Rulebook(
        document.PolicyDocument(
            policy="case_log",
            version="1",
            summary="A queue for each group of a log of incidents.",
            queues={
                name: document.Queue(title=title, owner_team=name) for name, title in titles.items()
            },
            kinds={
                KIND: document.Kind(
                    title="Incident",
                    # Buckets are for orders; any one will do.
                    bucket=document.Bucket.INVENTORY_CONFLICT,
                    severity=document.Severity.MEDIUM,
                    automation=document.Automation.REVIEW,
                )
            },
            priorities=document.Priorities(severity={}),
            route=(
                document.Route(
                    rule="everything", queue=UNKNOWN_QUEUE, work_type=KIND, skill="support"
                ),
            ),
        )
    )
