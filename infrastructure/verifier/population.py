"""Which events a question is about, how many they are and what they come to: worked out anew by
whoever verifies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple, TypeAlias

PROPOSED_TYPE: Final = "case.adjustment_proposed"
AMOUNT_PATTERN: Final = r"[0-9]{1,15}(\.[0-9]{1,6})?"
CURRENCY_PATTERN: Final = "[A-Z]{3}"
SUM_PATTERN: Final = r"-?[0-9]{1,30}(\.[0-9]{1,6})?"
TIME_PATTERN: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z"
MAX_DEPTH: Final = 100
"""So many objects and arrays may an event be nested in each other: more, not every reader takes."""
_EXACT_CONTEXT: Final = Context(prec=60)
_MONEY = re.compile(f"-?{AMOUNT_PATTERN}")
_CURRENCY = re.compile(CURRENCY_PATTERN)
_MOMENT = re.compile(TIME_PATTERN)
Question: TypeAlias = Mapping[str, Any]
"""`type`, and of `kind`, `over`, `currency`, `from` and `to` those that were asked for."""


class _Money(NamedTuple):
    amount: str
    currency: str


class _EventFacts(NamedTuple):
    kind: str | None = None
    money: _Money | None = None


class _EnvelopeFacts:
    """What of an envelope a question is about. Raises ValueError, TypeError, KeyError or
    RecursionError where it is none."""

    def __init__(self, envelope: bytes) -> None:
        line = json.loads(envelope.decode(), parse_int=float, parse_constant=_reject_constant)
        if _depth(line) > MAX_DEPTH:
            raise ValueError
        self.recorded_at, event = line["recorded_at"], line["event"]
        self.type = event["type"]
        adjustment = event.get("adjustment")
        self.named = (line["stream"], "" if adjustment is None else adjustment)
        if _MOMENT.fullmatch(self.recorded_at) is None:
            raise ValueError
        if not all(isinstance(one, str) for one in (self.type, *self.named)):
            raise TypeError
        kind = event.get("kind")
        self.said = _EventFacts(
            kind if isinstance(kind, str) else None, _parse_money(event.get("amount"))
        )


def _parse_money(told: Any) -> _Money | None:
    """Nothing, where it is not written as money is."""
    if not isinstance(told, dict):
        return None
    amount, currency = told.get("amount"), told.get("currency")
    if not isinstance(amount, str) or not isinstance(currency, str):
        return None
    is_money = _MONEY.fullmatch(amount) and _CURRENCY.fullmatch(currency)
    return _Money(amount, currency) if is_money else None


def _depth(told: Any) -> int:
    inner = told.values() if isinstance(told, dict) else told if isinstance(told, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _reject_constant(constant: str) -> None:
    raise ValueError(constant)


class PopulationCount:
    """Of the events that a question asks for."""

    def __init__(self, question: Question, since: int = 0) -> None:
        self.question = question
        self.positions: list[int] = []
        self.sums: dict[str, Decimal] = {}
        self.unknown: list[int] = []
        """Positions of events that cannot be read, or whose kind or amount stands in a proposal that
        is not there."""
        self._since = since
        self._proposals: dict[tuple[str, str], _EventFacts] = {}
        self._joins = needs_proposals(question["type"])
        wanted = (question["type"], PROPOSED_TYPE) if self._joins else (question["type"],)
        self._marks = tuple(f'"{one}"'.encode() for one in wanted)

    def look(self, position: int, envelope: bytes) -> None:
        if any(mark in envelope for mark in self._marks):
            try:
                line = _EnvelopeFacts(envelope)
            except (ValueError, TypeError, KeyError, RecursionError):
                self.unknown.append(position)
                return
            self._look(position, line)

    def _look(self, position: int, line: _EnvelopeFacts) -> None:
        if line.type == PROPOSED_TYPE:
            self._proposals[line.named] = line.said
        is_later = position > self._since
        if is_later and line.type == self.question["type"] and self._is_within(line.recorded_at):
            self._count(position, line)

    def _count(self, position: int, line: _EnvelopeFacts) -> None:
        wanted, proposal = self.question.get("kind"), self._proposals.get(line.named, _EventFacts())
        kind = line.said.kind if line.said.kind is not None else proposal.kind
        money = line.said.money or proposal.money
        if (wanted is not None and kind is None) or (self._joins and money is None):
            self.unknown.append(position)
        if wanted is not None and kind != wanted:
            return
        if money is not None:
            if not self._is_asked_for(money):
                return
            so_far = self.sums.get(money.currency, Decimal(0))
            self.sums[money.currency] = _EXACT_CONTEXT.add(so_far, Decimal(money.amount))
        elif "over" in self.question or "currency" in self.question:
            return
        self.positions.append(position)

    def _is_asked_for(self, money: _Money) -> bool:
        asked = self.question
        if "currency" in asked and money.currency != asked["currency"]:
            return False
        return "over" not in asked or Decimal(money.amount) > Decimal(asked["over"])

    def _is_within(self, recorded_at: str) -> bool:
        at, asked = comparable_time(recorded_at), self.question
        if "from" in asked and at < comparable_time(asked["from"]):
            return False
        return "to" not in asked or at < comparable_time(asked["to"])

    @property
    def answer(self) -> dict[str, Any]:
        sums = {currency: f"{total:f}" for currency, total in sorted(self.sums.items())}
        return {"count": len(self.positions), "sums": sums}


def needs_proposals(tag: str) -> bool:
    """Kind and amount of what happens to an adjustment stand in its proposal, where not in the event."""
    return tag.startswith("case.adjustment_")


def comparable_time(moment: str) -> str:
    """RFC 3339 in UTC, so that text sorts as time does."""
    seconds, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<9}"
