"""What the provider can be told to do wrong, for as many refunds as one likes."""

from __future__ import annotations

import threading
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs


class FaultSwitches(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests for a refund are treated. Everything else is answered as ever."""

    delay_seconds: Annotated[float, Meta(ge=0, le=600)] = 0.0
    """Wait this long before anything is done."""
    fail: Literal["refuse", "error"] | None = None
    """Refuse for good, or break (500) before anything is done."""
    drop_answer: bool = False
    """Write the refund down, and cut the connection instead of answering."""
    status: Literal["succeeded", "pending", "failed"] = "succeeded"
    """What becomes of a refund."""
    gives: Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?\Z")] | None = None
    """Give this amount, whatever is asked for; with the provider's own shapes alone."""
    forget_keys: bool = False
    """Forget each key that came with Stripe's shapes, as Stripe does after a day."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """For so many requests. Left out, until something else is said."""


class SwitchBoard:
    """The switches that are set. They are not kept: a provider starts with all of them off."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = FaultSwitches()

    def set(self, switches: FaultSwitches) -> None:
        with self._lock:
            self._set = switches

    def show(self) -> FaultSwitches:
        with self._lock:
            return self._set

    def take(self) -> FaultSwitches:
        """For one request."""
        with self._lock:
            now = self._set
            if now.times == 1:
                self._set = FaultSwitches()
            elif now.times is not None:
                self._set = structs.replace(now, times=now.times - 1)
            return now
