"""Which events a question is about, how many they are and what they come to: worked out anew by
whoever verifies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

PROPOSED: Final = "case.adjustment_proposed"
Question: TypeAlias = Mapping[str, Any]
"""`type`, and of `kind`, `over`, `currency`, `from` and `to` those that were asked for."""


class Count:
    """Of the events that a question asks for."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.positions: list[int] = []
        self.sums: dict[str, Decimal] = {}
        self.unknown: list[int] = []
        """Positions of events whose kind or amount stands in a proposal that is not there."""
        self._proposals: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._joins = joins_proposals(question["type"])
        wanted = (question["type"], PROPOSED) if self._joins else (question["type"],)
        self._marks = tuple(f'"{one}"'.encode() for one in wanted)

    def look(self, position: int, envelope: bytes) -> None:
        if any(mark in envelope for mark in self._marks):
            self._look(position, json.loads(envelope))

    def _look(self, position: int, line: dict[str, Any]) -> None:
        event = line["event"]
        named = (line["stream"], event.get("adjustment", ""))
        if event["type"] == PROPOSED:
            self._proposals[named] = {one: event.get(one) for one in ("kind", "amount")}
        if event["type"] == self.question["type"] and self._is_within(line["recorded_at"]):
            self._count(position, event, named)

    def _count(self, position: int, event: dict[str, Any], named: tuple[str, str]) -> None:
        wanted, proposal = self.question.get("kind"), self._proposals.get(named, {})
        kind, money = (event.get(one) or proposal.get(one) for one in ("kind", "amount"))
        if (wanted is not None and kind is None) or (self._joins and money is None):
            self.unknown.append(position)
        if wanted is not None and kind != wanted:
            return
        if isinstance(money, dict):
            if not self._is_asked_for(money):
                return
            so_far = self.sums.get(money["currency"], Decimal(0))
            self.sums[money["currency"]] = so_far + Decimal(money["amount"])
        elif "over" in self.question or "currency" in self.question:
            return
        self.positions.append(position)

    def _is_asked_for(self, money: Mapping[str, str]) -> bool:
        asked = self.question
        if "currency" in asked and money["currency"] != asked["currency"]:
            return False
        return "over" not in asked or Decimal(money["amount"]) > Decimal(asked["over"])

    def _is_within(self, recorded_at: str) -> bool:
        at, asked = comparable(recorded_at), self.question
        if "from" in asked and at < comparable(asked["from"]):
            return False
        return "to" not in asked or at < comparable(asked["to"])

    @property
    def answer(self) -> dict[str, Any]:
        sums = {currency: f"{total:f}" for currency, total in sorted(self.sums.items())}
        return {"count": len(self.positions), "sums": sums}


def joins_proposals(tag: str) -> bool:
    """Kind and amount of what happens to an adjustment stand in its proposal, where not in the event."""
    return tag.startswith("case.adjustment_")


def comparable(moment: str) -> str:
    """RFC 3339 in UTC, so that text sorts as time does."""
    seconds, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<9}"
