"""References: ids that other systems know an order by, and which orders a signal's references lead to.

Every statement about an order teaches the references that it names. The table of references in the
database is an index of them; whether a reference leads to an order is decided on the order's signals.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import UNSET, Struct, UnsetType, structs

from domain.orders.order import is_same_signal
from domain.orders.parcel_names import tracking_value
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.return_signals import ReturnLabelCreated
from domain.orders.same_values import values_of
from domain.orders.shipment_signals import HandedOver, LabelCreated
from domain.orders.signal_body import Refs, TrackingRef, given, split_order_key
from domain.orders.signals import Signal, event_time_key
from domain.orders.signals_by_type import fields_of_refs, with_ids_of_refs
from domain.orders.standing import standing
from domain.personal_data import erase_personal

Reference: TypeAlias = tuple[str, str]
"""The kind of a reference, and its value."""
TRACKING: Final = "tracking"
KINDS: Final = Refs.__struct_fields__
SIGNAL: Final = "signal"
"""The kind of a held signal's own identity; no sender can name it."""
CODE_IS_NEW_FOR: Final = timedelta(days=90)
"""A carrier may use a tracking code again after this time."""
ONE_PARCEL_WITHIN: Final = timedelta(days=1)
"""Labels of several orders with one code, at most so far apart, are of one parcel."""
ONE_USE_WITHIN: Final = timedelta(days=1)
"""An order that names a reference at most so long after a signal makes the signal ambiguous."""


class HeldReason(StrEnum):
    UNKNOWN = "unknown"
    """The references lead to no order."""
    AMBIGUOUS = "ambiguous"
    """The references fit several orders."""


class Match(Struct, frozen=True):
    """The orders that references lead to; without `why`, the signal is about each of them."""

    orders: tuple[str, ...] = ()
    why: HeldReason | None = None


def references_of(signal: Signal) -> Iterator[Reference]:
    """The references that a signal names: in `refs`, and in its own fields."""
    for kind in fields_of_refs(type(signal)):
        value = getattr(signal, kind)
        if isinstance(value, str) and value:
            yield kind, tracking_value(value) if kind == TRACKING else value
    if not isinstance(signal.refs, UnsetType):
        yield from references_in(signal.refs)


def references_in(refs: Refs) -> Iterator[Reference]:
    for kind in KINDS:
        value = getattr(refs, kind)
        if isinstance(value, TrackingRef):
            yield kind, tracking_value(value.code)
        elif value is not None:
            yield kind, value


def parcels_of(signal: Signal) -> Iterator[Reference]:
    """The parcels that a signal names by tracking code and carrier."""
    refs = given(signal.refs)
    if refs is not None and refs.tracking is not None and refs.tracking.carrier:
        yield TRACKING, parcel_value(refs.tracking.code, refs.tracking.carrier)
    if TRACKING in fields_of_refs(type(signal)):
        code, carrier = given(getattr(signal, TRACKING)), given(getattr(signal, "carrier", ""))
        if code and carrier:
            yield TRACKING, parcel_value(code, carrier)


def parcel_value(code: str, carrier: str) -> str:
    """A tracking code with its carrier, as they are compared."""
    return f"{tracking_value(code)} {_word(carrier)}"


def find_orders(signal: Signal, candidates: Mapping[str, Iterable[Signal]]) -> Match:
    """The orders that the signal's references lead to, among these orders and their signals."""
    return match_orders(signal, {key: standing(told) for key, told in candidates.items()})


def match_orders(signal: Signal, candidates: Mapping[str, Sequence[Signal]]) -> Match:
    """The same, among these orders and those of their signals that count, by event time."""
    refs = given(signal.refs)
    if refs is None:
        return Match(why=HeldReason.UNKNOWN)
    fits: list[set[str]] = []
    only_tracking = True
    for (kind, _), fit in orders_by_reference(refs, signal, candidates):
        if kind != TRACKING:
            only_tracking = only_tracking and not fit
        if fit:
            fits.append(fit)
    if not fits:
        return Match(why=HeldReason.UNKNOWN)
    common = set.intersection(*fits)
    if len(common) == 1 or (common and only_tracking):
        return Match(tuple(sorted(common)))
    return Match(tuple(sorted(set.union(*fits))), HeldReason.AMBIGUOUS)


def orders_by_reference(
    refs: Refs, signal: Signal, candidates: Mapping[str, Sequence[Signal]]
) -> Iterator[tuple[Reference, set[str]]]:
    """Each reference of the signal, and its orders: those of the signal's shop, if it names one."""
    shop = given(signal.shop)
    known = {
        key: signals
        for key, signals in candidates.items()
        if shop is None or split_order_key(key)[1] == shop
    }
    for kind, value in references_in(refs):
        if kind == TRACKING:
            assert refs.tracking is not None
            fit = _orders_with_parcel(refs.tracking, known, signal.event_time)
        else:
            fit = _orders_that_name((kind, value), known, signal.event_time)
        yield (kind, value), fit


def _orders_that_name(
    reference: Reference, known: Mapping[str, Sequence[Signal]], at: datetime
) -> set[str]:
    """The orders with this reference. One that first names it long after the signal, and long after another
    order did, uses it for something else."""
    naming = {
        key: told
        for key, signals in known.items()
        if (told := [s for s in signals if reference in references_of(s)])
    }
    first = {
        key: min(s.event_time for s in told)
        for key, told in naming.items()
        if not _is_of_another(reference, key, naming)
    }
    until = max(at, min(first.values(), default=at)) + ONE_USE_WITHIN
    return {key for key, named_at in first.items() if named_at <= until}


def _is_of_another(reference: Reference, key: str, naming: Mapping[str, Sequence[Signal]]) -> bool:
    """Whether the order only mentions a reference that another order has.

    The other one stated it when it was placed or edited, or named it before.
    """
    if len(naming) == 1 or not all(_is_mention(s, reference) for s in naming[key]):
        return False
    first = min(s.event_time for s in naming[key])
    return any(
        isinstance(s, OrderPlaced | OrderEdited)
        or s.event_time < first
        or (s.event_time == first and not _is_mention(s, reference))
        for other, told in naming.items()
        if other != key
        for s in told
    )


def _is_mention(signal: Signal, reference: Reference) -> bool:
    """Whether the signal names the reference in its `refs` alone, and does not say whose it is.

    An order states its own references, and who packs a parcel states its tracking code.
    """
    if isinstance(signal, OrderPlaced | OrderEdited):
        return False
    kind, value = reference
    if kind == TRACKING and isinstance(signal, LabelCreated | ReturnLabelCreated | HandedOver):
        return False
    own = getattr(signal, kind, None) if kind in fields_of_refs(type(signal)) else None
    return not own or (tracking_value(own) if kind == TRACKING else own) != value


def _orders_with_parcel(
    tracking: TrackingRef, known: Mapping[str, Sequence[Signal]], at: datetime
) -> set[str]:
    """The orders with this parcel: of a code that was used again, those of the newest label by then.

    An order that only mentions the code has the parcel if no other order says that it has.
    """
    naming = {
        key: [
            one
            for one in signals
            if one.event_time - at <= ONE_PARCEL_WITHIN and _names_parcel(one, tracking)
        ]
        for key, signals in known.items()
    }
    labelled = {
        key: times for key, told in naming.items() if (times := _label_time(told, at)) is not None
    }
    code = TRACKING, tracking_value(tracking.code)
    stated = {key for key in labelled if not all(_is_mention(s, code) for s in naming[key])}
    labelled = {key: labelled[key] for key in stated or labelled}
    if not labelled:
        return set()
    newest = max(labelled.values())
    return {key for key, moment in labelled.items() if newest - moment <= ONE_PARCEL_WITHIN}


def _label_time(naming: Sequence[Signal], at: datetime) -> datetime | None:
    """When the newest label of these was made, if it is the code's use at that time.

    Without a label by then, the first statement that names the code counts.
    """
    labels = [s for s in naming if isinstance(s, LabelCreated | ReturnLabelCreated)]
    times = [
        signal.event_time
        for signal in labels or naming[:1]
        if at - signal.event_time <= CODE_IS_NEW_FOR
    ]
    return max(times, default=None)


def _names_parcel(signal: Signal, tracking: TrackingRef) -> bool:
    value = tracking_value(tracking.code)
    if (TRACKING, value) not in references_of(signal):
        return False
    refs = given(signal.refs)
    told = refs.tracking.carrier if refs is not None and refs.tracking is not None else ""
    carrier = given(getattr(signal, "carrier", "")) or told
    return not carrier or not tracking.carrier or _word(carrier) == _word(tracking.carrier)


def _word(carrier: str) -> str:
    return "".join(carrier.split()).casefold()


def is_same_statement(recorded: Signal, sent: Signal) -> bool:
    """Whether the sent signal is the recorded one, although one may name the order only by references."""
    return (
        is_same_signal(recorded, sent)
        or is_same_signal(_content(recorded), _content(sent))
        or is_same_signal(_content(with_ids_of_refs(recorded)), _content(with_ids_of_refs(sent)))
    )


def differing_fields(recorded: Signal, sent: Signal) -> frozenset[str]:
    """The fields in which two statements of one identity differ; all of them if their types do."""
    if type(recorded) is not type(sent):
        return frozenset({"type", *sent.__struct_fields__})
    one, other = _content(with_ids_of_refs(recorded)), _content(with_ids_of_refs(sent))
    without_personal = erase_personal(other)

    def is_same(name: str) -> bool:
        value = values_of(getattr(one, name))
        return value in (values_of(getattr(two, name)) for two in (other, without_personal))

    return frozenset(name for name in sent.__struct_fields__ if not is_same(name))


def newest_statement(sent: Signal, stated: Iterable[Signal]) -> tuple[str, frozenset[str]] | None:
    """The id of the newest of these statements that replaces the one with this identity, and the fields in which
    the sent one says something else."""
    replacing = [
        one
        for one in stated
        if one.source == sent.source
        and given(one.replaces) == sent.id
        and one.shop_name == sent.shop_name
    ]
    if not replacing:
        return None
    newest = max(replacing, key=event_time_key)
    same_place = structs.replace(newest, id=sent.id, replaces=sent.replaces)
    return newest.id, differing_fields(same_place, sent)


def _content(signal: Signal) -> Signal:
    """The signal without the names of its order, and the zone and form in which its times were written."""
    return structs.replace(
        signal, order="-", shop=UNSET, refs=UNSET, time_zone=UNSET, assumed_times=UNSET
    )
