"""Switches that make the provider fail, for all or for a number of refund requests."""

import threading
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs


class FaultSwitches(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How refund requests are answered. Other requests are answered normally."""

    delay_seconds: Annotated[float, Meta(ge=0, le=600)] = 0.0
    """Wait this long first."""
    fail: Literal["refuse", "error"] | None = None
    """Refuse for good, or answer 500, without a refund."""
    drop_answer: bool = False
    """Make the refund and cut the connection instead of answering."""
    status: Literal["succeeded", "pending", "failed"] = "succeeded"
    """The status of new refunds."""
    gives: Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?\Z")] | None = None
    """Refund this amount instead of the requested one. In the provider's own API only."""
    forget_keys: bool = False
    """Forget all keys of the Stripe API, as Stripe does after a day."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """Apply the switches to this many requests. Left out: until they are set again."""


class SwitchBoard:
    """The current switches. They are not stored: a provider starts with all of them off."""

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
        """The switches for one request, which counts towards `times`."""
        with self._lock:
            now = self._set
            if now.times == 1:
                self._set = FaultSwitches()
            elif now.times is not None:
                self._set = structs.replace(now, times=now.times - 1)
            return now
