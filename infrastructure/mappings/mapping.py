"""A mapping document, compiled: from a delivery of a system to the signals that it states."""

import hashlib
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from domain.errors import Fault, Invalid
from domain.fault_texts import shown
from domain.orders.reading import read_signal
from domain.orders.shipment_signals import Scanned
from domain.orders.short_ids import short_id
from domain.orders.signal_body import LONGEST_SOURCE_ID
from domain.orders.signals import Signal
from infrastructure.mappings.amounts_and_times import ValueUnreadable
from infrastructure.mappings.expressions import Evaluation, Expression, ExpressionFailed
from infrastructure.mappings.field_types import text_of
from infrastructure.mappings.reading import Evaluate, Reading, Table, UnknownCode, items_within
from infrastructure.mappings.remedies import with_remedy
from infrastructure.mappings.unread import ReadLeaves, is_listed
from infrastructure.mappings.work import TooMuchWork

_UNREADABLE = (ValueUnreadable, ExpressionFailed)
LONGEST_TOPIC = 200
STEPS_OF_REFUSAL = 1_500
"""The search for every fault of a signal takes a millisecond or more."""


_IDS_OF_STATEMENTS: Final = ("id", "replaces", "of")
"""A document makes them of texts, such as what a carrier says of a scan: they are shortened, not refused."""


class Delivery(Struct, frozen=True, kw_only=True):
    """What a system sent: its body as plain data, and the headers (names in lower case) and query beside it."""

    body: Any
    headers: Dict[str, str] = {}
    query: Dict[str, str] = {}

    @property
    def data(self) -> dict[str, object]:
        """The delivery as expressions see it."""
        return {"headers": dict(self.headers), "query": dict(self.query), "body": self.body}


class SignalRule(Struct, frozen=True):
    """One type of signal that a kind of delivery states, once or for each item of a list."""

    type: str
    fields: Evaluate
    when: Expression | None = None
    each: Sequence[Expression] = ()
    """Lists in lists; the signal speaks of each item of the innermost."""
    may_change: tuple[str, ...] = ()
    """Fields that the system may state otherwise when it states the signal again: the first value counts."""
    order: str = ""
    """The expression that reads the order."""
    columns: Dict[str, frozenset[str]] = {}
    """By field, what its value looks up first at an item; for a row of a file, columns."""


class DeliveryRule(Struct, frozen=True):
    """How the deliveries of some topics are read: `of` are the things that they speak of."""

    topics: tuple[str, ...]
    """Empty for every topic; `*` at the end of one stands for any text."""
    signals: tuple[SignalRule, ...]
    common: Evaluate | None = None
    """Fields of all these signals, read at each thing."""
    of: Sequence[Expression] = ()
    when: Expression | None = None
    unused: tuple[str, ...] = ()


class MappedSignal(Struct, frozen=True):
    """A signal as the document makes it, and what is wrong with it, if something is."""

    document: Dict[str, object]
    signal: Signal | None
    faults: Sequence[Fault] = ()
    may_change: tuple[str, ...] = ()
    columns: Dict[str, frozenset[str]] = {}


class MappedDelivery(Struct, frozen=True):
    topic: str | None
    is_known: bool
    """Whether the document has a rule for deliveries such as this one."""
    signals: Sequence[MappedSignal]
    unknown_codes: Sequence[UnknownCode]
    read_codes: Sequence[str] = ()
    unread: Dict[str, object] = {}
    """Leaves that no expression has read, each with an example; only where they were asked for."""

    @property
    def is_understood(self) -> bool:
        return (
            self.is_known
            and not self.unknown_codes
            and not any(mapped.faults for mapped in self.signals)
        )


class Mapping:
    """One version of a document; not for several threads at a time."""

    def __init__(
        self,
        name: str,
        title: str,
        digest: str,
        topic: Expression | None,
        deliveries: Sequence[DeliveryRule],
        tables: Dict[str, Table],
        exponents: Dict[str, int],
        unused: Sequence[str],
        rows_by: Sequence[str] = (),
        unused_tables: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.title = title
        self.digest = digest
        """The SHA-256 of the document's text, in hexadecimal."""
        self._topic = topic
        self.deliveries = deliveries
        self.rows_by = rows_by
        """Columns: rows of a file with the same values there are one delivery."""
        self.unused_tables = unused_tables
        """Tables that no value looks up."""
        self._tables = tables
        self._exponents = exponents
        self._unused = tuple(unused)
        self._evaluation = Evaluation()

    def read(
        self, delivery: Delivery, common: Dict[str, object], *, with_unread: bool = False
    ) -> MappedDelivery:
        """The signals of a delivery. `common` are the fields of the source, such as `source` and `shop`, for
        signals that do not state them. What cannot be read is named in the answer; nothing is raised."""
        try:
            return self._read(delivery, common, with_unread)
        except RecursionError:
            detail = "the delivery is nested too deeply"
        except TooMuchWork as error:
            detail = str(error)
        # One delivery that breaks its reading must not take those beside it along.
        except Exception as error:  # noqa: BLE001
            detail = f"cannot be read ({type(error).__name__}): {shown(str(error))}"
        return MappedDelivery(None, True, [MappedSignal({}, None, [Fault("", detail)])], [])

    def no_rule_for(self, topic: str | None) -> str:
        """That no rule reads deliveries of this topic, with the topics that rules read."""
        known = sorted({one for rule in self.deliveries for one in rule.topics})
        seen = f"the topic {shown(topic)}" if topic is not None else "a delivery without a topic"
        listed = f"; topics are: {', '.join(known)}" if known else "; see its `deliveries`"
        return f"no rule of the mapping reads this ({seen}){listed}"

    def _read(
        self, delivery: Delivery, common: Dict[str, object], with_unread: bool
    ) -> MappedDelivery:
        watched = ReadLeaves(delivery.body) if with_unread else None
        data = delivery.data | ({"body": watched.data} if watched else {})
        reading = Reading(self._evaluation, self._tables, self._exponents)
        self._evaluation.begin(data, watched)
        topic = self._topic_of(data)
        rules = [rule for rule in self.deliveries if self._applies(rule, topic, data["body"])]
        signals = []
        for rule in rules:
            signals += self._signals_of(rule, reading, data["body"], common)
        unread = {}
        if watched is not None:
            unused = self._unused + tuple(one for rule in rules for one in rule.unused)
            found = watched.unread().items()
            unread = {path: one for path, one in found if not is_listed(path, unused)}
        return MappedDelivery(
            topic,
            bool(rules),
            _each_once(signals),
            reading.unknown_codes,
            reading.read_codes,
            unread,
        )

    def _topic_of(self, data: dict[str, object]) -> str | None:
        if self._topic is None:
            return None
        try:
            found = self._evaluation.find(self._topic, data)
        except ExpressionFailed:
            return None
        return _topic(found)

    def _applies(self, rule: DeliveryRule, topic: str | None, body: object) -> bool:
        if rule.topics and topic not in rule.topics:
            begins = tuple(one[:-1] for one in rule.topics if one.endswith("*"))
            if topic is None or not topic.startswith(begins):
                return False
        try:
            return rule.when is None or self._evaluation.holds(rule.when, body)
        except ExpressionFailed:
            return False

    def _signals_of(
        self, rule: DeliveryRule, reading: Reading, body: object, common: Dict[str, object]
    ) -> list[MappedSignal]:
        found: list[MappedSignal] = []
        try:
            for thing in items_within(reading, rule.of, body):
                self._evaluation.set_root(thing)
                try:
                    shared = {} if rule.common is None else rule.common(reading, thing) or {}
                except _UNREADABLE as error:
                    found.append(MappedSignal({}, None, [Fault("", str(error))]))
                    continue
                for one in rule.signals:
                    reading.spend(1)
                    found += self._signals(one, reading, thing, {**common, **shared})
        except _UNREADABLE as error:
            found.append(MappedSignal({}, None, [Fault("", str(error))]))
        return found

    def _signals(
        self, rule: SignalRule, reading: Reading, thing: object, common: Dict[str, object]
    ) -> list[MappedSignal]:
        found: list[MappedSignal] = []
        try:
            if not rule.each:
                if rule.when is None or self._evaluation.holds(rule.when, thing):
                    found.append(self._signal(rule, reading, thing, common))
                return found
            self._evaluation.enter(thing)
            try:
                for item in items_within(reading, rule.each, thing):
                    if rule.when is None or self._evaluation.holds(rule.when, item):
                        found.append(self._signal(rule, reading, item, common))
            finally:
                self._evaluation.leave()
        except _UNREADABLE as error:
            found.append(MappedSignal({"type": rule.type}, None, [Fault("", str(error))]))
        return found

    def _signal(
        self, rule: SignalRule, reading: Reading, item: object, common: Dict[str, object]
    ) -> MappedSignal:
        reading.count_signal()
        document: dict[str, object] = {"type": rule.type, **common}
        unknown = len(reading.unknown_codes)
        try:
            document |= rule.fields(reading, item) or {}
        except _UNREADABLE as error:
            return MappedSignal(document, None, [Fault("", str(error))])
        for name in _IDS_OF_STATEMENTS:
            if isinstance(id := document.get(name), str):
                document[name] = short_id(id, LONGEST_SOURCE_ID)
        try:
            signal = _signal_of(document)
        except Invalid as refused:
            reading.spend(STEPS_OF_REFUSAL)
            faults = with_remedy(refused.faults, rule.order, document)
            return MappedSignal(document, None, faults, columns=rule.columns)
        is_read = "status" in document or len(reading.unknown_codes) > unknown
        if isinstance(signal, Scanned) and not is_read and not signal.mapping_version:
            vocabulary = signal.mapping or signal.carrier
            reading.unknown_codes.append(UnknownCode(vocabulary, signal.code, is_vocabulary=True))
        elif isinstance(signal, Scanned) and len(reading.unknown_codes) == unknown:
            reading.read_codes.append(signal.code)
        return MappedSignal(document, signal, may_change=rule.may_change)


def _topic(found: object) -> str | None:
    """One short line: a topic is kept for ever and stands in lists, unlike what else is read of a delivery."""
    if not isinstance(found, str | int | float):
        return None
    topic = text_of(found)
    return topic if len(topic) <= LONGEST_TOPIC and topic.isprintable() else None


def _signal_of(document: Dict[str, object]) -> Signal:
    """The signal of a document; times are repaired where that fails. Raises Invalid."""
    try:
        signal: Signal = msgspec.convert(document, Signal)
    except msgspec.ValidationError:
        return read_signal(document)
    return signal


def _each_once(signals: Sequence[MappedSignal]) -> list[MappedSignal]:
    """The signals; of two that share an identity, a fault instead."""
    seen: dict[tuple[object, ...], Signal] = {}
    found = []
    for mapped in signals:
        signal = mapped.signal
        if signal is not None:
            identity = (signal.source, signal.id, signal.order_key, repr(signal.refs))
            if seen.setdefault(identity, signal) != signal:
                detail = (
                    f"the delivery states two signals with the id {signal.id}: each needs its own"
                )
                mapped = MappedSignal(mapped.document, None, [Fault("/id", detail)])
        found.append(mapped)
    return found


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
