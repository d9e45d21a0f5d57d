"""Webhooks on a bad line: some are lost, some come twice, some come late."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Webhook:
    """What a system sends of one step; `topic` and `id` stand in headers where the system has those."""

    at: datetime
    system: str
    topic: str
    id: str
    body: bytes


def on_a_bad_line(webhooks: list[Webhook], seed: int) -> tuple[list[Webhook], list[Webhook]]:
    """What arrives of the webhooks, and what is lost: one in twenty is lost, one in ten comes twice, one in ten late."""
    chance = random.Random(seed)
    arrives: list[tuple[float, Webhook]] = []
    lost: list[Webhook] = []
    for place, one in enumerate(webhooks):
        if chance.random() < 0.05:
            lost.append(one)
            continue
        late = chance.uniform(50, 800) if chance.random() < 0.1 else 0
        arrives += [(place + late, one)] * (2 if chance.random() < 0.1 else 1)
    return [one for _, one in sorted(arrives, key=lambda pair: pair[0])], lost


def in_batches(webhooks: list[Webhook], size: int) -> Iterator[list[Webhook]]:
    for begin in range(0, len(webhooks), size):
        yield webhooks[begin : begin + size]
