"""The facts of each return."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Struct

from domain.orders import return_signals as returns
from domain.orders.fact_metadata import SignalsByType, derived_from
from domain.orders.shipment_signals import Direction, LabelCreated
from domain.orders.signal_body import given

RETURN_SIGNALS: Final = (
    returns.ReturnRequested,
    returns.ReturnAuthorized,
    returns.ReturnRefused,
    returns.ReturnLabelCreated,
    returns.ReturnLabelFailed,
    returns.ReturnReceived,
    returns.ReturnCancelled,
    returns.ReturnClosed,
)
_LABELS: Final = (returns.ReturnLabelCreated, LabelCreated)
_return = derived_from(*RETURN_SIGNALS, LabelCreated)


class ReturnPart(Struct, frozen=True, gc=False):
    """A return: when each of its steps first happened."""

    id: Annotated[str, _return]
    """Its `rma`."""
    requested_at: Annotated[datetime | None, _return] = None
    """When it was requested."""
    authorized_at: Annotated[datetime | None, _return] = None
    """When it was authorized."""
    refused_at: Annotated[datetime | None, _return] = None
    """When it was refused."""
    label_at: Annotated[datetime | None, _return] = None
    """When its label was created."""
    label_failed: Annotated[bool | None, _return] = None
    """A label could not be created."""
    has_label: Annotated[bool | None, _return] = None
    """A label was created, and none failed since."""
    received_at: Annotated[datetime | None, _return] = None
    """When it arrived at the warehouse."""
    ended_at: Annotated[datetime | None, _return] = None
    """When it was cancelled, closed or refused."""


def return_parts(signals: SignalsByType) -> tuple[ReturnPart, ...]:
    stated = _by_rma(signals)
    for label in signals.get(LabelCreated, ()):
        # A label of the way back is the return's label; without an rma, that of the only return.
        if given(label.direction) is Direction.BACK:
            only = next(iter(stated)) if len(stated) == 1 else ""
            stated.setdefault(given(label.rma) or only, []).append(label)
    stated = _with_unnamed(stated)
    return tuple(_return_part(rma, found) for rma, found in sorted(stated.items()))


def statements_by_return(signals: SignalsByType) -> Mapping[str, Sequence[Any]]:
    """The statements about each return, by its `rma`; parcels and their labels left out."""
    return _with_unnamed(_by_rma(signals))


def _by_rma(signals: SignalsByType) -> dict[str, list[Any]]:
    stated: dict[str, list[Any]] = {}
    for kind in RETURN_SIGNALS:
        for signal in signals.get(kind, ()):
            stated.setdefault(signal.rma, []).append(signal)
    return stated


def _with_unnamed(stated: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """A statement that names no return is about the only one."""
    if len(stated) == 2 and "" in stated:
        (only,) = (rma for rma in stated if rma)
        return {only: [*stated[only], *stated[""]]}
    return stated


def _return_part(rma: str, stated: Sequence[Any]) -> ReturnPart:
    def first(*kinds: type[Any]) -> datetime | None:
        return min((s.event_time for s in stated if isinstance(s, kinds)), default=None)

    labels = [s.event_time for s in stated if isinstance(s, _LABELS)]
    failures = [s.event_time for s in stated if isinstance(s, returns.ReturnLabelFailed)]
    return ReturnPart(
        id=rma,
        requested_at=first(returns.ReturnRequested),
        authorized_at=first(returns.ReturnAuthorized),
        refused_at=first(returns.ReturnRefused),
        label_at=first(*_LABELS),
        label_failed=bool(failures),
        has_label=bool(labels) and (not failures or max(labels) >= max(failures)),
        received_at=first(returns.ReturnReceived),
        ended_at=first(returns.ReturnCancelled, returns.ReturnClosed, returns.ReturnRefused),
    )
