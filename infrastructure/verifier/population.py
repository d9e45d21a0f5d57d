"""Counts and sums the events that a question asks for. Both the export and the verifier use it."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from infrastructure.verifier.bundle_format import MANIFEST_FILE, NODES_FILE, EventRun, Fault

PROPOSED_TYPE: Final = "case.adjustment_proposed"
AMOUNT_PATTERN: Final = r"[0-9]{1,15}(\.[0-9]{1,6})?"
CURRENCY_PATTERN: Final = "[A-Z]{3}"
SUM_PATTERN: Final = r"-?[0-9]{1,30}(\.[0-9]{1,6})?"
TIME_PATTERN: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z"
MAX_DEPTH: Final = 100
"""The deepest nesting of objects and arrays in an event: some JSON readers refuse more."""
_EXACT_CONTEXT: Final = Context(prec=60)
_MONEY = re.compile(f"-?{AMOUNT_PATTERN}")
_CURRENCY = re.compile(CURRENCY_PATTERN)
_MOMENT = re.compile(TIME_PATTERN)
Question: TypeAlias = Mapping[str, Any]
"""`type`, and optionally `kind`, `over`, `currency`, `from` and `to`."""


class _Money(NamedTuple):
    amount: str
    currency: str


class _EventFacts(NamedTuple):
    kind: str | None = None
    money: _Money | None = None


class _EnvelopeFacts:
    """The fields of an envelope that questions use. Raises ValueError, TypeError, KeyError or
    RecursionError for an invalid envelope."""

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
        self.facts = _EventFacts(
            kind if isinstance(kind, str) else None, _parse_money(event.get("amount"))
        )


def _parse_money(value: Any) -> _Money | None:
    """The money in a JSON value; None if it is not valid money."""
    if not isinstance(value, dict):
        return None
    amount, currency = value.get("amount"), value.get("currency")
    if not isinstance(amount, str) or not isinstance(currency, str):
        return None
    is_money = _MONEY.fullmatch(amount) and _CURRENCY.fullmatch(currency)
    return _Money(amount, currency) if is_money else None


def _depth(value: Any) -> int:
    inner = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _reject_constant(constant: str) -> None:
    raise ValueError(constant)


class PopulationCount:
    """Collects, counts and sums the events that a question asks for, in order of position."""

    def __init__(self, question: Question, since: int = 0) -> None:
        self.question = question
        self.positions: list[int] = []
        self.sums: dict[str, Decimal] = {}
        self.unknown: list[int] = []
        """Positions of events that cannot be read, or whose proposal, with kind and amount, is missing."""
        self._since = since
        self._proposals: dict[tuple[str, str], _EventFacts] = {}
        self._joins = needs_proposals(question["type"])
        wanted = (question["type"], PROPOSED_TYPE) if self._joins else (question["type"],)
        self._marks = tuple(f'"{one}"'.encode() for one in wanted)

    def add(self, position: int, envelope: bytes) -> None:
        if not any(mark in envelope for mark in self._marks):
            return
        try:
            line = _EnvelopeFacts(envelope)
        except (ValueError, TypeError, KeyError, RecursionError):
            self.unknown.append(position)
            return
        if line.type == PROPOSED_TYPE:
            self._proposals[line.named] = line.facts
        is_later = position > self._since
        if is_later and line.type == self.question["type"] and self._is_within(line.recorded_at):
            self._count(position, line)

    def _count(self, position: int, line: _EnvelopeFacts) -> None:
        wanted, proposal = self.question.get("kind"), self._proposals.get(line.named, _EventFacts())
        kind = line.facts.kind if line.facts.kind is not None else proposal.kind
        money = line.facts.money or proposal.money
        if (wanted is not None and kind is None) or (self._joins and money is None):
            self.unknown.append(position)
        if wanted is not None and kind != wanted:
            return
        if money is not None:
            if not self._matches(money):
                return
            total = self.sums.get(money.currency, Decimal(0))
            self.sums[money.currency] = _EXACT_CONTEXT.add(total, Decimal(money.amount))
        elif "over" in self.question or "currency" in self.question:
            return
        self.positions.append(position)

    def _matches(self, money: _Money) -> bool:
        question = self.question
        if money.currency != question.get("currency", money.currency):
            return False
        return "over" not in question or Decimal(money.amount) > Decimal(question["over"])

    def _is_within(self, recorded_at: str) -> bool:
        at, question = comparable_time(recorded_at), self.question
        if "from" in question and at < comparable_time(question["from"]):
            return False
        return "to" not in question or at < comparable_time(question["to"])

    @property
    def answer(self) -> dict[str, Any]:
        sums = {currency: f"{total:f}" for currency, total in sorted(self.sums.items())}
        return {"count": len(self.positions), "sums": sums}


def needs_proposals(tag: str) -> bool:
    """Whether an event without a kind or amount has them in its adjustment's proposal."""
    return tag.startswith("case.adjustment_")


def comparable_time(moment: str) -> str:
    """A time of RFC 3339 in UTC, padded so that texts sort like times."""
    seconds, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<9}"


def check_answer(
    manifest: dict[str, Any], parts: Sequence[EventRun], count: PopulationCount | None
) -> list[Fault]:
    """Faults of the answer: left out events where none may be, and another count or sum."""
    since = manifest["since"]
    is_left_out = any(node.end > since for run in parts for node, _ in run.nodes)
    faults = []
    if count is None:
        if is_left_out and manifest["question"]["ask"] == "everything":
            faults.append(Fault("question", NODES_FILE, "events are left out"))
        return faults
    if is_left_out:
        faults.append(Fault("answer", NODES_FILE, f"events after position {since} are left out"))
    if count.answer != manifest["answer"]:
        stated = json.dumps(manifest["answer"], separators=(",", ":"))
        faults.append(Fault("answer", MANIFEST_FILE, f"the manifest states {stated}"))
    return faults
