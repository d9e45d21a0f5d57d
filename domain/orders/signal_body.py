"""The base class of all signals, and the types of their fields.

A signal is a statement, not a command: it is kept even when it is late or contradicts another.
Its identity is (source, id, order). `event_time` is when it happened, by the source's clock; the
envelope of the recording event has the time of arrival (two clocks, as in EPCIS).
"""

from datetime import date
from typing import Annotated, Final, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain.orders.signal_times import (
    AssumedTime,
    AssumedTimes,
    Moment,
    ZoneName,
    check_day,
    fields_with_times,
    find_local_time,
    localize,
    normalize_moment,
    time_zone,
)
from domain.personal_data import PERSONAL
from domain.texts import Text, form, one_line

SourceName = Annotated[
    str,
    form(
        "[a-z0-9][a-z0-9_.-]{0,63}",
        "a source of a-z, 0-9, `_`, `.` and `-`, such as psp",
        "The system that sends the signal, e.g. psp.",
    ),
]
OwnSourceName = Annotated[SourceName, Meta(extra={"own": True})]
OWN_SOURCE: Final = "casetrail"
"""The source of signals that our own look-ups derive. No outside system may use it."""
ReasonText = Annotated[str, one_line(500), PERSONAL]
"""Text by the customer or about the customer."""
LONGEST_SOURCE_ID: Final = 200
SourceId = Annotated[str, one_line(LONGEST_SOURCE_ID, least=1)]
"""The source's own id of a statement, a payment or a shipment."""
_ORDER_ID = r"[^\x00-\x1f\x7f-\x9f]{1,200}"
OrderId = Annotated[
    str,
    form(
        _ORDER_ID,
        "an order id: 1 to 200 characters, none of them a control character",
        "The shop's id of the order.",
    ),
]
OptionalOrderId = Annotated[
    str,
    form(
        r"[^\x00-\x1f\x7f-\x9f]{0,200}",
        "an order id: 1 to 200 characters, none of them a control character",
        "The shop's id of the order; left out where `refs` name it.",
    ),
]
DEFAULT_SHOP: Final = "default"
SHOP_FORM: Final = "a shop of letters, digits, `_`, `.` and `-`, such as default"
SHOP_REGEX: Final = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
ShopName = Annotated[
    str, form(SHOP_REGEX, SHOP_FORM, "The store or channel in which the order's id is unique.")
]
KEY_SEPARATOR: Final = "\x1f"
"""Neither an order id nor a shop can hold it."""


def order_key(order: str, shop: str = DEFAULT_SHOP) -> str:
    """The text that names an order in the log: its id, with its shop unless that is the default one."""
    return order if shop == DEFAULT_SHOP else f"{order}{KEY_SEPARATOR}{shop}"


def split_order_key(key: str) -> tuple[str, str]:
    """The order's id and its shop; no id for the name of something that is no order."""
    if key.startswith(KEY_SEPARATOR):
        return "", key.split(KEY_SEPARATOR)[1] or DEFAULT_SHOP
    order, _, shop = key.partition(KEY_SEPARATOR)
    return order, shop or DEFAULT_SHOP


T = TypeVar("T")


def given(value: T | UnsetType | None) -> T | None:
    """The value of an optional field; None if it is left out or null."""
    return None if isinstance(value, UnsetType) else value


Carrier = Text
TrackingCode = Annotated[str, one_line(120, least=1)]


class TrackingRef(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A carrier's tracking code; carriers use a code again after some months."""

    code: TrackingCode
    carrier: Carrier = ""


class Refs(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """References that lead to an order: ids that other systems know it by."""

    payment: SourceId | None = None
    refund: SourceId | None = None
    dispute: SourceId | None = None
    order_number: SourceId | None = None
    fulfilment: SourceId | None = None
    shipment: SourceId | None = None
    checkout: SourceId | None = None
    rma: SourceId | None = None
    tracking: TrackingRef | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, name) is not None for name in self.__struct_fields__)


class SignalBody(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, tag_field="type"
):
    """The fields of every signal: it names its order, or references that lead to it."""

    source: SourceName
    id: SourceId
    order: OptionalOrderId = ""
    event_time: Moment
    shop: ShopName | UnsetType = UNSET
    refs: Refs | UnsetType = UNSET
    time_zone: ZoneName | UnsetType = UNSET
    """The zone of times without an offset. Of a repeated hour, the earlier one counts; a time that a change
    of the clocks skips is read with the offset before the change."""
    replaces: SourceId | UnsetType = UNSET
    """The id of an earlier statement of the same source, which this one stands for."""
    assumed_times: AssumedTimes | UnsetType = UNSET
    """Set by the service: how it read local times that exist twice, or not at all."""

    def __post_init__(self) -> None:
        if not self.order and not given(self.refs):
            raise ValueError("give `order`, or `refs` that lead to the order")
        if self.time_zone is not UNSET:
            assumed: list[AssumedTime] = []
            localize(self, time_zone(self.time_zone), assumed)
            if assumed:
                structs.force_setattr(self, "assumed_times", tuple(assumed))
        normalize_moment(self, "event_time")
        for name in fields_with_times(type(self)):
            if (local := find_local_time(getattr(self, name))) is not None:
                raise ValueError(
                    f"{name}: {local.isoformat()} has no offset: add one, such as Z or +01:00, or name "
                    "the zone in `time_zone`"
                )

    @property
    def key(self) -> str:
        """The signal's identity within its order."""
        return f"{self.source}/{self.id}"

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def shop_name(self) -> str:
        return DEFAULT_SHOP if isinstance(self.shop, UnsetType) else self.shop

    @property
    def order_key(self) -> str:
        """The text that names the order in the log."""
        return self.order if isinstance(self.shop, UnsetType) else order_key(self.order, self.shop)


Skus = Annotated[tuple[Text, ...], Meta(max_length=1000)]
Sku = Annotated[str, one_line(120, least=1)]
Pieces = Annotated[int, Meta(ge=0, le=100_000)]


class LinePieces(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """Pieces of a line of the order, or of a component of it: all of them without a quantity."""

    line: SourceId | None = None
    sku: Sku | None = None
    quantity: Pieces | None = None

    def __post_init__(self) -> None:
        if self.line is None and self.sku is None:
            raise ValueError("name the pieces by `line` or `sku`")


PiecesOfLines = Annotated[tuple[LinePieces, ...], Meta(max_length=1000)]


class Promise(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The promise to the customer: delivery by the end of a day, in the customer's time zone."""

    delivery_date: Annotated[date, Meta(extra={"check": check_day})]
    time_zone: ZoneName = "UTC"

    def __post_init__(self) -> None:
        time_zone(self.time_zone)
        check_day(self.delivery_date)


class SignalRetracted(SignalBody, frozen=True, kw_only=True, tag="signal.retracted"):
    """The source takes back an earlier statement of its own: it was never so."""

    of: SourceId
    """The id of that statement, of the same source."""
    of_source: OwnSourceName | UnsetType = UNSET
    """Set by the service: the source of a statement that the service itself takes out of an order."""
    reason: ReasonText = ""
