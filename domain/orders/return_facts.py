"""Facts about the way back. When each step happened stands among the milestones."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import (
    LASTING,
    SignalsByType,
    derived_from,
    fact_meta,
    last_event_time,
)
from domain.orders.signals import ReturnLabelCreated, ReturnLabelFailed


class ReturnFacts(Struct, frozen=True, gc=False):
    label_failed: Annotated[
        bool, fact_meta(LASTING, "The label for a return could not be made.", (ReturnLabelFailed,))
    ] = False
    has_label: Annotated[bool | None, derived_from(ReturnLabelCreated, ReturnLabelFailed)] = None
    """A label was made, and none failed since."""


NO_LABEL: Final = ReturnFacts()


def return_facts(told: SignalsByType) -> ReturnFacts:
    made, failed = (
        last_event_time(told, ReturnLabelCreated),
        last_event_time(told, ReturnLabelFailed),
    )
    if made is None and failed is None:
        return NO_LABEL
    return ReturnFacts(
        label_failed=failed is not None,
        has_label=made is not None and (failed is None or made >= failed),
    )
