"""Facts about returns. The times of their steps are milestones."""

from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from, last_event_time, lasting
from domain.orders.return_signals import ReturnLabelCreated, ReturnLabelFailed


class ReturnFacts(Struct, frozen=True, gc=False):
    label_failed: Annotated[bool, lasting(ReturnLabelFailed)] = False
    """A return label could not be created."""
    has_label: Annotated[bool | None, derived_from(ReturnLabelCreated, ReturnLabelFailed)] = None
    """A label was created, and none failed since."""


NO_LABEL: Final = ReturnFacts()


def return_facts(signals: SignalsByType) -> ReturnFacts:
    made = last_event_time(signals, ReturnLabelCreated)
    failed = last_event_time(signals, ReturnLabelFailed)
    if made is None and failed is None:
        return NO_LABEL
    return ReturnFacts(
        label_failed=failed is not None,
        has_label=made is not None and (failed is None or made >= failed),
    )
