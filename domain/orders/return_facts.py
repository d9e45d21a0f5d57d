"""Facts about the way back. When each step happened stands among the milestones."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_marks import LASTING, Told, last, moves, rests_on
from domain.orders.signals import ReturnLabelCreated, ReturnLabelFailed


class ReturnFacts(Struct, frozen=True, gc=False):
    label_failed: Annotated[
        bool, moves(LASTING, "The label for a return could not be made.", (ReturnLabelFailed,))
    ] = False
    has_label: Annotated[bool | None, rests_on(ReturnLabelCreated, ReturnLabelFailed)] = None
    """A label was made, and none failed since."""


NO_LABEL: Final = ReturnFacts()


def return_facts(told: Told) -> ReturnFacts:
    made, failed = last(told, ReturnLabelCreated), last(told, ReturnLabelFailed)
    if made is None and failed is None:
        return NO_LABEL
    return ReturnFacts(
        label_failed=failed is not None,
        has_label=made is not None and (failed is None or made >= failed),
    )
